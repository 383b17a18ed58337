"""Technicians."""

from typing import Any

from beltstack.domain.ids import Noun
from beltstack.domain.technicians import Technician
from beltstack.store import searchable, tables
from beltstack.store.records import Repository


class Technicians(Repository[Technician]):
    noun, table, kind = Noun.TECHNICIAN, tables.technician, Technician

    def found_by(self, value: Technician) -> dict[str, Any]:
        return searchable.of_technician(value)
