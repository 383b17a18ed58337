"""Technicians: create, update."""

from typing import Any

from beltstack.commands.work import Work
from beltstack.domain.access import Action
from beltstack.domain.changes import expect_version
from beltstack.domain.ids import TechnicianId
from beltstack.domain.technicians import Technician, new_technician


async def create(work: Work, *, technician: Technician) -> TechnicianId:
    work.must_be_able_to(Action.EDIT_TECHNICIANS)
    change = new_technician(technician)
    await work.technicians.save(change)
    return change.after.id


async def update(
    work: Work, *, technician_id: TechnicianId, expected_version: int, patch: dict[str, Any]
) -> TechnicianId:
    work.must_be_able_to(Action.EDIT_TECHNICIANS)
    technician = await work.technicians.get(technician_id, lock=True)
    expect_version(technician.version, expected_version, "technician")
    await work.technicians.save(technician.revise(patch))
    return technician_id
