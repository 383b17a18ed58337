"""From a request to the response text: the plan cache, the statement, and the Python fields filled in after it."""

import json
import re
from collections.abc import Awaitable, Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from beltstack.domain.errors import Refusal
from beltstack.planner.arguments import Variables
from beltstack.planner.cache import BoundedCache
from beltstack.planner.plans import Plan, PythonField

PLANS_MOST = 512
# Of SQL text; the statement behind it takes a multiple.
PLANS_BYTES = 4 * 1024 * 1024

_DECODER = json.JSONDecoder(parse_float=Decimal)
# Inside of a JSON string its quotes would be escaped, and JSONB writes a space behind a colon.
_MARK = re.compile(r'\{"\\u0001(\d+)":(?=\{)')

Fetch = Callable[[Plan, Mapping[str, Any]], Awaitable[str]]
"""Runs a plan's statement with its binds' values in a transaction of the tenant; the one text it answers."""


class PlanCache:
    """The plans used last. A key holds nothing of a tenant: only the document, the variables' shape and the roles."""

    def __init__(self) -> None:
        self._plans: BoundedCache[Hashable, Plan] = BoundedCache(most=PLANS_MOST, weight_most=PLANS_BYTES)

    def get(self, key: Hashable, make: Callable[[], Plan]) -> Plan:
        plan = self._plans.get(key)
        if plan is None:
            plan = make().for_the_wire()
            self._plans.put(key, plan, weight=len(plan.text))
        return plan

    def __iter__(self) -> Iterator[Hashable]:
        return iter(self._plans)

    def __len__(self) -> int:
        return len(self._plans)


async def answer(plan: Plan, variables: Variables, fetch: Fetch, context: Any) -> tuple[str, Sequence[Refusal]]:
    """The text of what was asked for, and what stands beside its nulls. Raises the refusals of the arguments."""
    return await filled(plan, await fetch(plan, plan.values(variables)), context)


async def filled(plan: Plan, text: str, context: Any) -> tuple[str, Sequence[Refusal]]:
    """The same text with every Python field's values in the place of what it required, and why some are null."""
    if not plan.python_fields:
        return text, plan.refusals
    refusals = list(plan.refusals)
    places = list(_places(text))
    values: dict[int, str] = {}
    for number, one in enumerate(plan.python_fields):
        mine = [place for place in places if place.field == number]
        found = await _filling(one, [place.required for place in mine], context, refusals) if mine else ()
        values |= {place.start: _dumped(shaped(value, one.asked)) for place, value in zip(mine, found, strict=True)}
    pieces, end = [], 0
    for place in places:
        pieces += [text[end : place.start], values[place.start]]
        end = place.end
    return "".join((*pieces, text[end:])), refusals


async def _filling(
    one: PythonField, required: Sequence[Mapping[str, Any]], context: Any, refusals: list[Refusal]
) -> Sequence[Any]:
    try:
        return await one.field.fill(context, required, one.asked)
    except Refusal as refusal:
        if not one.field.nullable:
            raise
        refusals.append(refusal)
        return [None] * len(required)


def members(text: str) -> dict[str, str]:
    """A JSON object's values, each as the text it is: parsing and writing it again could lose digits."""
    found: dict[str, str] = {}
    at = 1
    while text[at] != "}":
        at += text[at] == ","
        key, at = _DECODER.raw_decode(text, at)
        _, end = _DECODER.raw_decode(text, at + 1)
        found[key] = text[at + 1 : end]
        at = end
    return found


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the SQL left what a Python field requires."""

    field: int
    start: int
    end: int
    required: Mapping[str, Any]


def _places(text: str) -> Iterator[_Place]:
    for mark in _MARK.finditer(text):
        required, end = _DECODER.raw_decode(text, mark.end())
        yield _Place(int(mark[1]), mark.start(), end + 1, required)


def _dumped(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def shaped(value: Any, asked: Any) -> Any:
    """A Python value cut to the selection: its keys are GraphQL names, `__typename` among them."""
    if isinstance(value, list):
        return [shaped(part, asked) for part in value]
    if isinstance(value, dict) and "__typename" in value:
        return {one.key: shaped(value[one.name], one) for one in asked.below(value["__typename"])}
    return value
