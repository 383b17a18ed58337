"""Equipment: what stands at a site and is serviced."""

from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from typing import Any

from beltstack.domain import checks
from beltstack.domain.changes import Change
from beltstack.domain.errors import Problems
from beltstack.domain.events import EquipmentCreated, EquipmentUpdated
from beltstack.domain.ids import EquipmentId, SiteId


class EquipmentStatus(StrEnum):
    OPERATIONAL = "OPERATIONAL"
    DEGRADED = "DEGRADED"
    DOWN = "DOWN"
    REMOVED = "REMOVED"


@dataclass(frozen=True, slots=True)
class Equipment:
    id: EquipmentId
    site_id: SiteId
    name: str
    kind: str | None = None
    manufacturer: str | None = None
    model: str | None = None
    serial: str | None = None
    installed_on: date | None = None
    status: EquipmentStatus = EquipmentStatus.OPERATIONAL
    version: int = 1

    def revise(self, changes: dict[str, Any]) -> Change["Equipment"]:
        after = checked_equipment(replace(self, **changes))
        facts = () if after == self else (EquipmentUpdated(self.id, self.site_id, after.status),)
        return Change(self, after, facts)


def new_equipment(equipment: Equipment) -> Change[Equipment]:
    clean = checked_equipment(equipment)
    return Change(None, clean, (EquipmentCreated(clean.id, clean.site_id, clean.status),))


def checked_equipment(equipment: Equipment) -> Equipment:
    problems = Problems()
    clean = replace(
        equipment,
        name=problems.of(checks.line, equipment.name, path=("name",)),
        kind=problems.of(checks.optional_line, equipment.kind, path=("kind",)),
        manufacturer=problems.of(checks.optional_line, equipment.manufacturer, path=("manufacturer",)),
        model=problems.of(checks.optional_line, equipment.model, path=("model",)),
        serial=problems.of(checks.optional_line, equipment.serial, path=("serial",)),
    )
    problems.refuse_if_any()
    return clean
