"""What every resolver is handed: who asks, when, and the doors to the commands and the planner."""

from dataclasses import dataclass
from typing import Any

import strawberry
from strawberry.types import Info

from beltstack.commands.asking import Asked
from beltstack.planner.entities import Registry
from beltstack.planner.selection import Selected, selected


@dataclass(frozen=True, slots=True)
class Context:
    """One request's."""

    asked: Asked
    registry: Registry


Asking = Info[Context, None]


def selection(info: "strawberry.Info[Any, Any]") -> Selected:
    """What the document asks for at and below the current field."""
    raw = info._raw_info
    # A plain dict or, typed so since graphql-core 3.3, a tuple that holds one.
    values: Any = raw.variable_values
    variables = getattr(values, "coerced", values)
    return selected(raw.field_nodes, raw.fragments, variables)
