"""Technicians."""

from datetime import datetime
from typing import Any

import strawberry

from beltstack.commands import technicians
from beltstack.commands.work import Work
from beltstack.domain.ids import Noun, TechnicianId
from beltstack.domain.technicians import Technician as DomainTechnician
from beltstack.domain.technicians import TechnicianKind
from beltstack.schema.inputs import expected_version, idempotency_key, key, new_key
from beltstack.schema.mutations import Mutation
from beltstack.schema.types import Node, bind, says
from beltstack.store import tables


@bind(Noun.TECHNICIAN, tables.technician)
@strawberry.type(description="Who does the work.")
class Technician(Node):
    version: int = says("Counts the changes.")
    name: str = says("The person's name.")
    kind: TechnicianKind = says("Employed or another company's.")
    email: str | None = says("E-mail address.")
    phone: str | None = says("Telephone number, as it was written.")
    archived_at: datetime | None = says("When they left.")


@strawberry.input(description="A new technician.")
class TechnicianCreateInput:
    name: str = says("The person's name.")
    id: strawberry.ID | None = new_key(Noun.TECHNICIAN)
    kind: TechnicianKind = strawberry.field(
        description="Employed or another company's.", default=TechnicianKind.EMPLOYEE
    )
    email: str | None = strawberry.field(description="E-mail address.", default=None)
    phone: str | None = strawberry.field(description="Telephone number.", default=None)
    idempotency_key: str | None = idempotency_key()


@strawberry.input(description="What changes about a technician; what is absent stays, null empties.")
class TechnicianPatch:
    name: strawberry.Maybe[str] = says("The person's name.")
    kind: strawberry.Maybe[TechnicianKind] = says("Employed or another company's.")
    email: strawberry.Maybe[str | None] = says("E-mail address.")
    phone: strawberry.Maybe[str | None] = says("Telephone number.")


@strawberry.input(description="Which technician to change, and how.")
class TechnicianUpdateInput:
    id: strawberry.ID = key(Noun.TECHNICIAN, "The technician.")
    expected_version: int = expected_version()
    patch: TechnicianPatch = says("What changes.")
    idempotency_key: str | None = idempotency_key()


async def create(work: Work, **values: Any) -> TechnicianId:
    return await technicians.create(work, technician=DomainTechnician(**values))


MUTATIONS = (
    Mutation("technician.create", "Enter a technician.", TechnicianCreateInput, Noun.TECHNICIAN, create),
    Mutation("technician.update", "Change a technician.", TechnicianUpdateInput, Noun.TECHNICIAN, technicians.update),
)
