"""What every resolver is handed: who asks, when, and the doors to the commands and the planner."""

from dataclasses import dataclass

from strawberry.types import Info

from beltstack.commands.asking import Asked


@dataclass(frozen=True, slots=True)
class Context:
    """One request's."""

    asked: Asked


Asking = Info[Context, None]
