"""The four questions as each peer is asked them, and their answers brought to one form."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

QUERIES = ("Q1 dispatch board", "Q2 one work order", "Q3 customers with open counts")
_HELD = "Waiting for a part"


@dataclass(frozen=True, slots=True)
class Given:
    """What a question is about; ids as UUID texts."""

    work_order_id: str = ""
    after: str = ""
    tenant_id: str = ""
    version: int = 0
    is_held: bool = False


Asks = Callable[[str, Given], tuple[str, dict[str, Any]]]
"""A question's name, what it is about, to the path and the body."""

_ADDRESS = "address { line1 line2 city region postalCode country }"
_PARTS = f"""
    id version number title priority state createdAt
    customer {{ id name phone }}
    site {{ id name {_ADDRESS} }}
    visits {{ id state planned {{ start end }} assignments {{ state technician {{ id name }} }} }}
    lineItems {{ id description quantity unit unitPrice {{ amount }} net {{ amount }} }}
"""
_OURS = {
    QUERIES[
        0
    ]: f"query Board {{ workOrders(first: 50, where: {{state: {{eq: SCHEDULED}}}}) {{ nodes {{ {_PARTS} }} }} }}",
    QUERIES[1]: f"query One($id: ID!) {{ workOrder(id: $id) {{ {_PARTS} }} }}",
    QUERIES[2]: """query Page($after: String!) { customers(first: 50, after: $after) { nodes { id name phone
        workOrders(where: {state: {in: [OPEN, SCHEDULED, IN_PROGRESS, ON_HOLD]}}) { totalCount } } } }""",
}
_PLAIN = {
    QUERIES[0]: f'query Board {{ workOrders(first: 50, state: "SCHEDULED") {{ nodes {{ {_PARTS} }} }} }}',
    QUERIES[1]: _OURS[QUERIES[1]],
    QUERIES[2]: """query Page($after: ID!) { customers(first: 50, after: $after) {
        nodes { id name phone openWorkOrders } } }""",
}
_ANSWER = "workOrder { id version state } userErrors { message code path }"
_HOLD = f"mutation Hold($input: WorkOrderHoldInput!) {{ workOrderHold(input: $input) {{ {_ANSWER} }} }}"
_RESUME = f"mutation Resume($input: WorkOrderTransitionInput!) {{ workOrderResume(input: $input) {{ {_ANSWER} }} }}"
_TRANSITION = """mutation Move($id: ID!, $version: Int!, $state: String!, $reason: String) {
    transition(id: $id, expectedVersion: $version, state: $state, reason: $reason) { id version state } }"""


def asks_ours(cursor: str) -> Asks:
    """`cursor` is where the second page of customers starts."""

    def ask(question: str, given: Given) -> tuple[str, dict[str, Any]]:
        identifier = f"wo_{given.work_order_id}"
        if question in _OURS:
            return "/graphql", {"query": _OURS[question], "variables": {"id": identifier, "after": cursor}}
        variables: dict[str, Any] = {"id": identifier, "expectedVersion": given.version}
        if not given.is_held:
            variables["reason"] = _HELD
        return "/graphql", {"query": _RESUME if given.is_held else _HOLD, "variables": {"input": variables}}

    return ask


def asks_plainly(question: str, given: Given) -> tuple[str, dict[str, Any]]:
    """A peer whose schema was written by hand."""
    if question in _PLAIN:
        wanted = {"id": given.work_order_id, "after": given.after}
        return "/graphql", {"query": _PLAIN[question], "variables": wanted}
    return "/graphql", {"query": _TRANSITION, "variables": _moved(given)}


def asks_by_path(question: str, given: Given) -> tuple[str, dict[str, Any]]:
    """The floor."""
    if question in _OURS:
        path = {QUERIES[0]: "/board", QUERIES[1]: "/one", QUERIES[2]: "/customers"}[question]
        return path, {"id": given.work_order_id, "after": given.after}
    moved = _moved(given)
    body = {"id": moved["id"], "expected_version": moved["version"], "reason": moved["reason"]}
    return "/resume" if given.is_held else "/hold", body


def asks_postgraphile(question: str, given: Given) -> tuple[str, dict[str, Any]]:
    """Names as PostGraphile makes them from the tables, with aliases that bring them to ours."""
    wanted = {"id": given.work_order_id, "after": given.after, "tenant": given.tenant_id}
    if question in _POSTGRAPHILE:
        return "/graphql", {"query": _POSTGRAPHILE[question], "variables": wanted}
    return "/graphql", {"query": _POSTGRAPHILE_MOVE, "variables": _moved(given)}


_POSTGRAPHILE_PARTS = """
    id: rowId version number title priority state createdAt
    customer: customerByTenantIdAndCustomerId { id: rowId name phone }
    site: siteByTenantIdAndSiteId { id: rowId name address }
    visits: visitsByTenantIdAndWorkOrderIdList(orderBy: SEQUENCE_ASC) { id: rowId state plannedStart plannedEnd
      assignments: assignmentsByTenantIdAndVisitIdList(orderBy: POSITION_ASC) { state
        technician: technicianByTenantIdAndTechnicianId { id: rowId name } } }
    lineItems: lineItemsByTenantIdAndWorkOrderIdList(orderBy: POSITION_ASC) {
      id: rowId description quantity unit unitPrice net }
"""
_POSTGRAPHILE = {
    QUERIES[0]: f"""query Board($tenant: UUID!) {{ workOrders: allWorkOrdersList(
        first: 50, condition: {{tenantId: $tenant, state: "SCHEDULED"}}, orderBy: PRIMARY_KEY_DESC) {{
        {_POSTGRAPHILE_PARTS} }} }}""",
    QUERIES[1]: f"""query One($tenant: UUID!, $id: UUID!) {{
        workOrder: workOrderByTenantIdAndRowId(tenantId: $tenant, rowId: $id) {{ {_POSTGRAPHILE_PARTS} }} }}""",
    QUERIES[2]: """query Page($after: UUID!) { customers: customersBelowList(below: $after, first: 50) {
        id: rowId name phone openWorkOrders } }""",
}
_POSTGRAPHILE_MOVE = """mutation Move($id: UUID!, $version: Int!, $state: String!, $reason: String) {
    transition(input: {id: $id, expectedVersion: $version, toState: $state, why: $reason}) {
        moved: result { id: rowId version state } } }"""


def _moved(given: Given) -> dict[str, Any]:
    held = given.is_held
    return {
        "id": given.work_order_id,
        "version": given.version,
        "state": "OPEN" if held else "ON_HOLD",
        "reason": None if held else _HELD,
    }


def one_form(answered: Any) -> Any:
    """The same data in one form: plain ids, instants in UTC, nested values flat, lists without their page."""
    if isinstance(answered, list):
        return [one_form(each) for each in answered]
    if isinstance(answered, Mapping):
        return _flat({_camel(key): one_form(value) for key, value in answered.items()})
    if isinstance(answered, str):
        return _leaf(answered)
    return answered


def _flat(known: dict[str, Any]) -> Any:
    """Names that a peer nests and another does not."""
    if known.keys() in ({"nodes"}, {"amount"}, {"totalCount"}):
        return next(iter(known.values()))
    if isinstance(planned := known.get("planned"), Mapping):
        known |= {"plannedStart": planned["start"], "plannedEnd": planned["end"]}
        del known["planned"]
    # Under a customer it is a count, elsewhere a list.
    if isinstance(known.get("workOrders"), int):
        known["openWorkOrders"] = known.pop("workOrders")
    return known


def _leaf(text: str) -> str:
    if public := _PUBLIC_ID.fullmatch(text):
        return public[1]
    if _INSTANT.match(text):
        return datetime.fromisoformat(text).astimezone(UTC).isoformat()
    return text


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)


_PUBLIC_ID = re.compile(r"[a-z]+_([0-9a-f]{8}-[0-9a-f-]{27})")
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")
