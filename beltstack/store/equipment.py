"""Equipment."""

from beltstack.domain.equipment import Equipment
from beltstack.domain.ids import Noun
from beltstack.store import tables
from beltstack.store.records import Repository


class EquipmentOfSites(Repository[Equipment]):
    noun, table, kind = Noun.EQUIPMENT, tables.equipment, Equipment
