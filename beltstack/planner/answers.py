"""From a request to the response text: the plan cache, the statement, and the Python fields filled in after it."""

import json
from collections.abc import Awaitable, Callable, Hashable, Iterator, Mapping, Sequence
from typing import Any

from beltstack.planner.arguments import Variables
from beltstack.planner.cache import BoundedCache
from beltstack.planner.plans import Plan, PythonField

PLANS_MOST = 512
# Of SQL text; what belongs to it takes a few times as much.
PLANS_BYTES = 2 * 1024 * 1024

Fetch = Callable[[Plan, Mapping[str, Any]], Awaitable[str]]
"""Runs a plan's statement with its binds' values in a transaction of the tenant; the one text it answers."""


class PlanCache:
    """The plans used last. A key holds nothing of a tenant: only the document, the variables' shape and the roles."""

    def __init__(self) -> None:
        self._plans: BoundedCache[Hashable, Plan] = BoundedCache(most=PLANS_MOST, weight_most=PLANS_BYTES)

    def get(self, key: Hashable, make: Callable[[], Plan]) -> Plan:
        """For the wire only: its statement is gone."""
        plan = self._plans.get(key)
        if plan is None:
            plan = make().for_the_wire()
            self._plans.put(key, plan, weight=len(plan.text))
        return plan

    def __iter__(self) -> Iterator[Hashable]:
        return iter(self._plans)

    def __len__(self) -> int:
        return len(self._plans)


async def answer(plan: Plan, variables: Variables, fetch: Fetch, context: Any) -> str:
    """The text of what was asked for. Raises the refusals of the arguments."""
    text = await fetch(plan, plan.values(variables))
    return await filled(plan, text, context) if plan.python_fields else text


async def filled(plan: Plan, text: str, context: Any) -> str:
    """The same text with every Python field's values in the place of what it required."""
    whole = json.loads(text)
    found: dict[str, list[tuple[Any, Any, Mapping[str, Any]]]] = {one.mark: [] for one in plan.python_fields}
    _find(whole, found)
    for one in plan.python_fields:
        await _fill(one, found[one.mark], context)
    return json.dumps(whole, ensure_ascii=False, separators=(",", ":"))


async def _fill(one: PythonField, places: Sequence[tuple[Any, Any, Mapping[str, Any]]], context: Any) -> None:
    if not places:
        return
    values = await one.field.fill(context, [required for _, _, required in places], one.asked)
    for (holder, key, _), value in zip(places, values, strict=True):
        holder[key] = shaped(value, one.asked)


def shaped(value: Any, asked: Any) -> Any:
    """A Python value cut to the selection: its keys are GraphQL names, `__typename` among them."""
    if isinstance(value, list):
        return [shaped(part, asked) for part in value]
    if isinstance(value, dict) and "__typename" in value:
        return {one.key: shaped(value[one.name], one) for one in asked.below(value["__typename"])}
    return value


def _find(value: Any, found: dict[str, list[tuple[Any, Any, Mapping[str, Any]]]]) -> None:
    """Every place that holds a mark, with the values that stand there."""
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in members:
        mark = next(iter(part), "") if isinstance(part, dict) and len(part) == 1 else ""
        if mark in found:
            found[mark].append((value, key, part[mark]))
        else:
            _find(part, found)
