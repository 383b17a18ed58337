"""Equipment."""

from typing import Any

from beltstack.domain.equipment import Equipment
from beltstack.domain.ids import Noun
from beltstack.store import searchable, tables
from beltstack.store.records import Repository


class EquipmentOfSites(Repository[Equipment]):
    noun, table, kind = Noun.EQUIPMENT, tables.equipment, Equipment

    def found_by(self, value: Equipment) -> dict[str, Any]:
        return searchable.of_equipment(self.session.tenant_id, value)
