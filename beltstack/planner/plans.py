"""A compiled selection: one statement whose answer is the response text, with what its binds are in each request."""

from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Select
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

from beltstack.domain.errors import Refusal
from beltstack.planner.arguments import Variables
from beltstack.planner.entities import Batched

# The driver's wire protocol numbers its parameters; SQLAlchemy's casts tell PostgreSQL their types.
_DIALECT = PGDialect_psycopg(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call]

Bind = Callable[[Variables], Any]


@dataclass(frozen=True, slots=True)
class PythonField:
    """A batched field of a plan; the SQL leaves what it requires under its place among the plan's fields."""

    field: Batched
    asked: Any


@dataclass(frozen=True, slots=True)
class Plan:
    """`text` and `order` are for the wire: the statement with `$n`, and the binds' names in that order."""

    statement: Select[Any] | None
    binds: Mapping[str, Bind]
    python_fields: tuple[PythonField, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    """What the actor may not see; told beside the nulls that stand for it."""
    text: str = field(init=False)
    order: tuple[str, ...] = field(init=False)
    constants: Mapping[str, Any] = field(init=False)
    """Binds that SQLAlchemy made of values in expressions."""

    def __post_init__(self) -> None:
        assert self.statement is not None
        compiled = self.statement.compile(dialect=_DIALECT)
        object.__setattr__(self, "text", str(compiled))
        object.__setattr__(self, "order", tuple(compiled.positiontup or ()))
        constants = {name: value for name, value in compiled.params.items() if name not in self.binds}
        object.__setattr__(self, "constants", constants)

    def for_the_wire(self) -> "Plan":
        """The same without its statement, which takes nearly all of a plan's memory."""
        light = copy(self)
        object.__setattr__(light, "statement", None)
        return light

    def values(self, variables: Variables) -> dict[str, Any]:
        """The binds' values in one request; raises the refusals of its arguments: a bad cursor, a bad page."""
        return {name: bind(variables) for name, bind in self.binds.items()}

    def wired(self, values: Mapping[str, Any]) -> list[Any]:
        """The values of `$1`, `$2` and so on."""
        return [values[name] if name in values else self.constants[name] for name in self.order]
