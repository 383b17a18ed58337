"""The permission table: who may do what, and what the one who may not is told."""

import pytest

from beltstack.domain.access import PERMISSIONS, Action, Forbidden, Role
from tests.makers import TOM, an_actor

LEADS = {Role.OWNER, Role.ADMIN, Role.MANAGER}


def those_who_may(action: Action) -> set[Role]:
    return {role for role in Role if an_actor(role).can(action)}


def test_every_action_has_its_row_and_somebody_who_may() -> None:
    assert set(PERMISSIONS) == set(Action)
    assert all(PERMISSIONS.values())


@pytest.mark.parametrize("action", Action)
def test_an_owner_is_never_locked_out(action: Action) -> None:
    assert an_actor(Role.OWNER).can(action)


@pytest.mark.parametrize("action", Action)
def test_a_viewer_only_reads(action: Action) -> None:
    assert an_actor(Role.VIEWER).can(action) == (action is Action.READ)


@pytest.mark.parametrize("role", Role)
def test_everybody_reads(role: Role) -> None:
    assert an_actor(role).can(Action.READ)


@pytest.mark.parametrize(
    ("action", "roles"),
    [
        (Action.CHANGE_SETTINGS, {Role.OWNER, Role.ADMIN}),
        (Action.MANAGE_INTEGRATIONS, {Role.OWNER, Role.ADMIN}),
        (Action.UNLOCK_WORK_ORDER, {Role.OWNER, Role.ACCOUNTANT}),
        (Action.APPROVE_WORK_ORDER, LEADS),
        (Action.CANCEL_STARTED, LEADS),
        (Action.REINSTATE_WORK_ORDER, LEADS),
        (Action.SEE_COST, LEADS | {Role.ACCOUNTANT}),
        (Action.WORK_VISIT, LEADS | {Role.DISPATCHER, Role.TECHNICIAN}),
    ],
)
def test_what_matters_most_is_done_by_these_alone(action: Action, roles: set[Role]) -> None:
    assert those_who_may(action) == roles


def test_a_technician_neither_sees_costs_nor_moves_the_board_nor_writes_invoices() -> None:
    technician = an_actor(Role.TECHNICIAN)
    may = {action for action in Action if technician.can(action)}
    assert may == {
        Action.READ,
        Action.WORK_VISIT,
        Action.HOLD_WORK_ORDER,
        Action.COMPLETE_WORK_ORDER,
        Action.EDIT_LINE_ITEMS,
        Action.RECORD_PAYMENT,
    }


def test_roles_add_up() -> None:
    both = an_actor(Role.TECHNICIAN, Role.ACCOUNTANT)
    for action in Action:
        assert both.can(action) == (an_actor(Role.TECHNICIAN).can(action) or an_actor(Role.ACCOUNTANT).can(action))


def test_an_actor_without_roles_may_nothing() -> None:
    nobody = an_actor(roles=frozenset())
    assert not any(nobody.can(action) for action in Action)
    assert not nobody.works_only_in_the_field


@pytest.mark.parametrize("action", sorted(set(Action) - {Action.READ}))
def test_who_may_not_is_told_who_may(action: Action) -> None:
    with pytest.raises(Forbidden) as refusal:
        an_actor(Role.VIEWER).must_be_able_to(action)
    assert refusal.value.code == "FORBIDDEN"
    assert action.value in refusal.value.message
    assert refusal.value.message.endswith(f"one of: {', '.join(sorted(those_who_may(action)))}.")
    an_actor(Role.OWNER).must_be_able_to(action)


@pytest.mark.parametrize(
    ("roles", "only_in_the_field"),
    [
        ({Role.TECHNICIAN}, True),
        ({Role.TECHNICIAN, Role.VIEWER}, True),
        ({Role.TECHNICIAN, Role.DISPATCHER}, False),
        ({Role.VIEWER}, False),
        ({Role.MANAGER}, False),
    ],
)
def test_a_technician_without_an_office_role_works_only_in_the_field(roles: set[Role], only_in_the_field: bool) -> None:
    assert an_actor(*roles, technician_id=TOM).works_only_in_the_field == only_in_the_field
