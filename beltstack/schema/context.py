"""What every resolver is handed: who asks, when, and the doors to the commands and the planner."""

from dataclasses import dataclass

from strawberry.types import Info

from beltstack.commands.asking import Asked
from beltstack.store.batches import Premise


@dataclass(frozen=True, slots=True)
class Context:
    """One request's."""

    asked: Asked
    premise: Premise | None = None
    """That the token still speaks for who asks; None where it was looked up for this request."""


Asking = Info[Context, None]
