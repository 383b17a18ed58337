"""Technicians: who does the work."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from beltstack.domain import checks
from beltstack.domain.changes import Change
from beltstack.domain.errors import Problems
from beltstack.domain.events import TechnicianCreated, TechnicianUpdated
from beltstack.domain.ids import TechnicianId


class TechnicianKind(StrEnum):
    EMPLOYEE = "EMPLOYEE"
    SUBCONTRACTOR = "SUBCONTRACTOR"


@dataclass(frozen=True, slots=True)
class Technician:
    id: TechnicianId
    name: str
    kind: TechnicianKind = TechnicianKind.EMPLOYEE
    email: str | None = None
    phone: str | None = None
    archived_at: datetime | None = None
    version: int = 1

    def revise(self, changes: dict[str, Any]) -> Change["Technician"]:
        after = checked_technician(replace(self, **changes))
        return Change(self, after, () if after == self else (TechnicianUpdated(self.id, after.name),))


def new_technician(technician: Technician) -> Change[Technician]:
    clean = checked_technician(technician)
    return Change(None, clean, (TechnicianCreated(clean.id, clean.name),))


def checked_technician(technician: Technician) -> Technician:
    problems = Problems()
    clean = replace(
        technician,
        name=problems.of(checks.line, technician.name, path=("name",)),
        email=problems.of(checks.optional_email, technician.email, path=("email",)),
        phone=problems.of(checks.optional_line, technician.phone, path=("phone",), longest=50),
    )
    problems.refuse_if_any()
    return clean
