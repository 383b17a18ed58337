"""Technicians."""

from beltstack.domain.ids import Noun
from beltstack.domain.technicians import Technician
from beltstack.store import tables
from beltstack.store.records import Repository


class Technicians(Repository[Technician]):
    noun, table, kind = Noun.TECHNICIAN, tables.technician, Technician
