"""Refusals: a name and a code for programs, a sentence for the person who has to act."""

from collections.abc import Callable
from typing import ClassVar, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

Path = tuple[str, ...]
"""Where in the input a refusal arose: field names in snake_case, list indexes as strings."""


class Refusal(Exception):
    """A clear no to a command. Subclasses stand beside the rule that raises them."""

    code: ClassVar[str]

    def __init__(self, message: str, *, path: Path = ()) -> None:
        super().__init__(message)
        self.message = message
        self.path = path
        self.plugin_id: str | None = None
        self.plugin_code: str | None = None

    def under(self, *prefix: str) -> "Refusal":
        """The same refusal, as seen from an input that holds this one under `prefix`."""
        self.path = (*prefix, *self.path)
        return self


class Refusals(Exception):
    """Every refusal of one command together, so that a person mends all of them at once."""

    def __init__(self, refusals: tuple[Refusal, ...]) -> None:
        super().__init__(" ".join(refusal.message for refusal in refusals))
        self.refusals = refusals


class Problems:
    """Collects the refusals of one input; `refuse_if_any` raises them together."""

    def __init__(self) -> None:
        self.found: list[Refusal] = []

    def of(self, check: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run one check; on a refusal note it and go on (the value is then never used)."""
        try:
            return check(*args, **kwargs)
        except Refusal as refusal:
            self.found.append(refusal)
        except Refusals as refusals:
            self.found.extend(refusals.refusals)
        return None  # type: ignore[return-value]  # refuse_if_any raises before anybody reads it

    def note(self, refusal: Refusal) -> None:
        self.found.append(refusal)

    def refuse_if_any(self) -> None:
        if len(self.found) == 1:
            raise self.found[0]
        if self.found:
            raise Refusals(tuple(self.found))


class NotFound(Refusal):
    """Missing, of another kind, or another tenant's: the same answer, so that nothing leaks."""

    code = "NOT_FOUND"


class AlreadyExists(Refusal):
    """Another record has this id, or what must be unique beside it."""

    code = "ALREADY_EXISTS"


class StaleObject(Refusal):
    """Somebody else changed the record since the caller read it."""

    code = "STALE_OBJECT"


class InvalidInput(Refusal):
    """A value that no rule of the business could accept: blank, too long, malformed."""

    code = "INVALID_INPUT"
