"""What could be done with a work order now, and every reason why not."""

from collections.abc import Callable
from dataclasses import dataclass

from beltstack.commands.work import Work
from beltstack.commands.work_orders import check_rights
from beltstack.domain.access import Forbidden
from beltstack.domain.changes import Change
from beltstack.domain.errors import Refusal, Refusals
from beltstack.domain.ids import WorkOrderId
from beltstack.domain.lifecycle import TRANSITIONS, WorkOrderCommand
from beltstack.domain.tenants import Tenant
from beltstack.domain.work_orders import RemainingVisits, WorkOrder


@dataclass(frozen=True, slots=True)
class AvailableTransition:
    """Whether a command would be taken now, and every reason why not."""

    command: WorkOrderCommand
    reasons: tuple[Refusal, ...]

    @property
    def allowed(self) -> bool:
        return not self.reasons


async def available_transitions(work: Work, *, work_order_id: WorkOrderId) -> tuple[AvailableTransition, ...]:
    """Every transition with its reasons; for those that state and rights allow, the vetoes are asked, too.

    Those that take a reason are the exception: it may be what a plugin goes by, and nobody gave one yet.
    """
    work.foresee_review()
    work_order = await work.work_orders.get(work_order_id)
    tenant = await work.tenants.get()
    return tuple(
        [AvailableTransition(command, await _reasons(work, command, work_order, tenant)) for command in TRANSITIONS]
    )


async def _reasons(work: Work, command: WorkOrderCommand, work_order: WorkOrder, tenant: Tenant) -> tuple[Refusal, ...]:
    reasons: list[Refusal] = []
    try:
        check_rights(work, command, work_order)
    except Forbidden as refusal:
        reasons.append(refusal)
    reasons.extend(work_order.why_not(command, tenant))
    if reasons or command not in _AS_IT_WOULD_BE:
        return tuple(reasons)
    try:
        change = _AS_IT_WOULD_BE[command](work, work_order, tenant)
    except Refusal as refusal:
        return (refusal,)
    except Refusals as refusals:
        return refusals.refusals
    return await work.vetoes(f"before_work_order_{command.words}", change, tenant)


_AS_IT_WOULD_BE: dict[WorkOrderCommand, Callable[[Work, WorkOrder, Tenant], Change[WorkOrder]]] = {
    WorkOrderCommand.SUBMIT: lambda work, work_order, tenant: work_order.submit(),
    WorkOrderCommand.RESUME: lambda work, work_order, tenant: work_order.resume(tenant),
    WorkOrderCommand.COMPLETE: lambda work, work_order, tenant: work_order.complete(
        tenant, at=work.now, by=work.actor.id, remaining_visits=RemainingVisits.CANCEL
    ),
    WorkOrderCommand.APPROVE: lambda work, work_order, tenant: work_order.approve(
        tenant, at=work.now, by=work.actor.id
    ),
    WorkOrderCommand.CLOSE: lambda work, work_order, tenant: work_order.close(tenant, at=work.now),
    WorkOrderCommand.REINSTATE: lambda work, work_order, tenant: work_order.reinstate(tenant),
}
