"""Who may do what: roles, actions and the one permission table."""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from beltstack.domain.errors import Refusal
from beltstack.domain.ids import TechnicianId, TenantId


class Role(StrEnum):
    OWNER = "OWNER"
    ADMIN = "ADMIN"
    MANAGER = "MANAGER"
    DISPATCHER = "DISPATCHER"
    OFFICE = "OFFICE"
    TECHNICIAN = "TECHNICIAN"
    ACCOUNTANT = "ACCOUNTANT"
    VIEWER = "VIEWER"


class ActorKind(StrEnum):
    USER = "USER"
    APP = "APP"
    PLUGIN = "PLUGIN"
    SYSTEM = "SYSTEM"


class Action(StrEnum):
    """One per thing a person does; commands ask for it before they load anything."""

    READ = "READ"
    SEE_COST = "SEE_COST"
    CHANGE_SETTINGS = "CHANGE_SETTINGS"
    MANAGE_INTEGRATIONS = "MANAGE_INTEGRATIONS"
    EDIT_CUSTOMERS = "EDIT_CUSTOMERS"
    OVERRIDE_CUSTOMER_BLOCK = "OVERRIDE_CUSTOMER_BLOCK"
    EDIT_TECHNICIANS = "EDIT_TECHNICIANS"
    EDIT_PRICES = "EDIT_PRICES"
    CREATE_WORK_ORDER = "CREATE_WORK_ORDER"
    EDIT_WORK_ORDER = "EDIT_WORK_ORDER"
    EDIT_LINE_ITEMS = "EDIT_LINE_ITEMS"
    SCHEDULE_VISIT = "SCHEDULE_VISIT"
    ASSIGN_VISIT = "ASSIGN_VISIT"
    DISPATCH_VISIT = "DISPATCH_VISIT"
    WORK_VISIT = "WORK_VISIT"
    HOLD_WORK_ORDER = "HOLD_WORK_ORDER"
    RESUME_WORK_ORDER = "RESUME_WORK_ORDER"
    COMPLETE_WORK_ORDER = "COMPLETE_WORK_ORDER"
    COMPLETE_UNSTARTED = "COMPLETE_UNSTARTED"
    APPROVE_WORK_ORDER = "APPROVE_WORK_ORDER"
    REOPEN_WORK_ORDER = "REOPEN_WORK_ORDER"
    CLOSE_WORK_ORDER = "CLOSE_WORK_ORDER"
    UNLOCK_WORK_ORDER = "UNLOCK_WORK_ORDER"
    CANCEL_WORK_ORDER = "CANCEL_WORK_ORDER"
    CANCEL_STARTED = "CANCEL_STARTED"
    REINSTATE_WORK_ORDER = "REINSTATE_WORK_ORDER"
    DRAFT_INVOICE = "DRAFT_INVOICE"
    ISSUE_INVOICE = "ISSUE_INVOICE"
    VOID_INVOICE = "VOID_INVOICE"
    WRITE_OFF_INVOICE = "WRITE_OFF_INVOICE"
    RECORD_PAYMENT = "RECORD_PAYMENT"


_LEADS = frozenset({Role.OWNER, Role.ADMIN, Role.MANAGER})
_OFFICE = _LEADS | {Role.DISPATCHER, Role.OFFICE}
_BOARD = _LEADS | {Role.DISPATCHER}
_FIELD = _BOARD | {Role.TECHNICIAN}
_BOOKS = _LEADS | {Role.ACCOUNTANT}

PERMISSIONS: dict[Action, frozenset[Role]] = {
    Action.READ: frozenset(Role),
    Action.SEE_COST: _BOOKS,
    Action.CHANGE_SETTINGS: frozenset({Role.OWNER, Role.ADMIN}),
    Action.MANAGE_INTEGRATIONS: frozenset({Role.OWNER, Role.ADMIN}),
    Action.EDIT_CUSTOMERS: _OFFICE | {Role.ACCOUNTANT},
    Action.OVERRIDE_CUSTOMER_BLOCK: _LEADS,
    Action.EDIT_TECHNICIANS: _BOARD,
    Action.EDIT_PRICES: _BOOKS,
    Action.CREATE_WORK_ORDER: _OFFICE,
    Action.EDIT_WORK_ORDER: _OFFICE,
    Action.EDIT_LINE_ITEMS: _OFFICE | {Role.TECHNICIAN, Role.ACCOUNTANT},
    Action.SCHEDULE_VISIT: _OFFICE,
    Action.ASSIGN_VISIT: _BOARD,
    Action.DISPATCH_VISIT: _BOARD,
    Action.WORK_VISIT: _FIELD,
    Action.HOLD_WORK_ORDER: _FIELD,
    Action.RESUME_WORK_ORDER: _OFFICE,
    Action.COMPLETE_WORK_ORDER: _FIELD,
    Action.COMPLETE_UNSTARTED: _BOARD,
    Action.APPROVE_WORK_ORDER: _LEADS,
    Action.REOPEN_WORK_ORDER: _BOOKS,
    Action.CLOSE_WORK_ORDER: _BOOKS,
    Action.UNLOCK_WORK_ORDER: frozenset({Role.OWNER, Role.ACCOUNTANT}),
    Action.CANCEL_WORK_ORDER: _OFFICE,
    Action.CANCEL_STARTED: _LEADS,
    Action.REINSTATE_WORK_ORDER: _LEADS,
    Action.DRAFT_INVOICE: _BOOKS | {Role.OFFICE},
    Action.ISSUE_INVOICE: _BOOKS | {Role.OFFICE},
    Action.VOID_INVOICE: _BOOKS,
    Action.WRITE_OFF_INVOICE: _BOOKS,
    Action.RECORD_PAYMENT: _BOOKS | {Role.OFFICE, Role.TECHNICIAN},
}


class Forbidden(Refusal):
    code = "FORBIDDEN"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who asks: a person, an app, a plugin or the system itself, always within one tenant."""

    tenant_id: TenantId
    kind: ActorKind
    id: UUID
    roles: frozenset[Role]
    technician_id: TechnicianId | None = None

    def can(self, action: Action) -> bool:
        return not self.roles.isdisjoint(PERMISSIONS[action])

    def must_be_able_to(self, action: Action) -> None:
        if not self.can(action):
            allowed = ", ".join(sorted(PERMISSIONS[action]))
            raise Forbidden(f"Your role may not do this ({action}); it takes one of: {allowed}.")

    @property
    def works_only_in_the_field(self) -> bool:
        """A technician without an office role acts on the visits that are their own, on no others."""
        return self.roles - {Role.VIEWER} == {Role.TECHNICIAN}
