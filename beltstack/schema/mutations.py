"""How a command becomes a mutation: parse the input, perform, answer through the planner in the same transaction."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, get_type_hints
from uuid import UUID

import strawberry
from sqlalchemy import text as sql
from strawberry.types.field import StrawberryField
from strawberry.types.maybe import Some

from beltstack.commands.asking import Answer, Asked, Request, Steps, perform, perform_in_steps
from beltstack.commands.work import Work
from beltstack.domain.errors import Refusal, Refusals
from beltstack.domain.ids import Noun
from beltstack.domain.lifecycle import TransitionNotAllowed, WorkOrderState
from beltstack.planner.entities import Entity
from beltstack.schema.inputs import parsed
from beltstack.schema.refusals import UserError, camel, user_error
from beltstack.schema.types import KINDS, REGISTRY
from beltstack.store.trips import Trips

Run = Callable[..., Awaitable[Any]]
ReadText = Callable[[Trips, Any], Awaitable[str]]
"""The text of the subject, read in the command's own transaction."""


@dataclass(frozen=True, slots=True)
class Mutation:
    """One action a person takes.

    `stem` names command and mutation alike: `work_order.complete` is `workOrderComplete`. `run` is handed the work
    and the input's values by name; the input's `id` arrives as `<noun>_id`, unless it is new.
    """

    stem: str
    description: str
    input: type[Any]
    subject: Noun
    run: Run
    id_of: Noun | None = None
    """Whose id the input's `id` is, where it is not the subject's."""
    several: str | None = None
    """The payload's field where the command is about several subjects, those that it names as `work.many`."""
    also: Mapping[str, str] = field(default_factory=dict)
    """More fields of the payload, texts from `work.said`, with their descriptions; null where it was refused.

    They are in no stored answer, so such a mutation takes no idempotency key.
    """
    steps: Callable[[Asked, dict[str, Any]], Steps[Any, Any] | None] | None = None
    """How it is done where something outside stands between two transactions; None: by `run` in one."""
    counts: str | None = None
    """What the payload's `count` says; None: it has none."""

    @property
    def name(self) -> str:
        return camel(self.stem.replace(".", "_"))

    @property
    def type_name(self) -> str:
        return self.name[0].upper() + self.name[1:]


def field_of(mutation: Mutation) -> StrawberryField:
    """The mutation as a field of the schema; `beltstack.schema.execution` carries it out."""
    payload = _payload(mutation, REGISTRY.by_noun[mutation.subject])

    def resolve(input: Any) -> Any:  # noqa: A002 - the argument's name in every mutation
        raise AssertionError("mutations are carried out before graphql-core is asked")

    resolve.__annotations__ = {"input": mutation.input, "return": payload}
    resolve.__name__ = mutation.stem.replace(".", "_")
    described: StrawberryField = strawberry.mutation(resolver=resolve, description=mutation.description)
    assert described.base_resolver is not None
    described.base_resolver.arguments[0].description = "What is asked."
    return described


def kept_field(mutation: Mutation) -> str:
    """The payload's field that holds what the mutation is about, as GraphQL names it."""
    return camel(mutation.several or _subject_field(REGISTRY.by_noun[mutation.subject]))


@dataclass(frozen=True, slots=True)
class CarriedOut:
    """The text of the subject as it then stands, or `null` or `[]`, and why the command was refused, if it was."""

    text: str
    errors: list[UserError]
    count: int = 0
    said: Mapping[str, str] = field(default_factory=dict)
    """What the mutation answers beside them, by the names of its `also`."""


async def carry_out(asked: Asked, mutation: Mutation, given: Any, read: ReadText) -> CarriedOut:
    """Parse the input, perform the command, and read what it was about."""
    try:
        values = parsed(given)
    except Refusal as refusal:
        return CarriedOut(_none(mutation), _errors(mutation, (refusal,), None))
    except Refusals as refusals:
        return CarriedOut(_none(mutation), _errors(mutation, refusals.refusals, None))
    request = Request(
        name=mutation.stem,
        arguments=_hashable(given),
        subject_id=values.get("id") if mutation.id_of is None and "expected_version" in values else None,
        idempotency_key=getattr(given, "idempotency_key", None),
        dry_run=getattr(given, "dry_run", False),
    )
    if "expected_version" in values and "id" in values:
        values[f"{(mutation.id_of or mutation.subject).name.lower()}_id"] = values.pop("id")

    said: dict[str, str] = {}

    async def command(work: Work) -> UUID | None:
        done = await mutation.run(work, **values)
        said.update(work.said)
        return None if mutation.several else done

    async def told(trips: Trips, answer: Answer[Any]) -> tuple[str, str | None]:
        subject = _several(values, answer) if mutation.several else answer.subject_id
        text = _none(mutation) if subject is None else await read(trips, subject)
        return text, await _state(trips, mutation, answer.subject_id) if answer.refusals else None

    steps = mutation.steps(asked, values) if mutation.steps else None
    if steps is None:
        answer = await perform(asked, request, command, told)
    else:
        answer = await perform_in_steps(asked, request, steps, told)
    text, state = answer.read or (_none(mutation), None)
    count = answer.many.count if answer.many else 0
    return CarriedOut(text, _errors(mutation, answer.refusals, state), count, {} if answer.refusals else said)


def _several(values: dict[str, Any], answer: Answer[Any]) -> list[UUID]:
    return list(answer.many.ids if answer.many else values.get("ids") or ())


async def _state(trips: Trips, mutation: Mutation, subject_id: UUID | None) -> str | None:
    """The state of a work order, for refused transitions to tell."""
    if mutation.subject is not Noun.WORK_ORDER or subject_id is None:
        return None
    (rows,) = await trips.rows((_STATE, {"id": subject_id}))
    return str(rows[0].state) if rows else None


_STATE = sql("select state from work_order where id = :id")


def _none(mutation: Mutation) -> str:
    return "[]" if mutation.several else "null"


def _errors(mutation: Mutation, refusals: tuple[Refusal, ...], state: str | None) -> list[UserError]:
    in_patch = _only_in_patch(mutation.input)
    return [_error(refusal, state, in_patch) for refusal in refusals]


def _payload(mutation: Mutation, entity: Entity) -> type[Any]:
    subject = mutation.several or _subject_field(entity)
    kind = KINDS[entity.name]
    one = f"The {entity.noun.words} as it stands now; null if there is none, or it is gone."
    also = {name: strawberry.field(description=description) for name, description in mutation.also.items()}
    body: dict[str, Any] = {
        "__annotations__": {
            subject: list[kind] if mutation.several else kind | None,  # type: ignore[valid-type]
            **dict.fromkeys(also, str | None),
            "user_errors": list[UserError],
        },
        "__module__": __name__,
        subject: strawberry.field(description="Those that exist, as they stand now." if mutation.several else one),
        **also,
        "user_errors": strawberry.field(description="Why it was refused; empty when it was done."),
    }
    if mutation.counts:
        body["__annotations__"]["count"] = int
        body["count"] = strawberry.field(description=mutation.counts)
    made = type(f"{mutation.type_name}Payload", (), body)
    return strawberry.type(made, description=f"What came of `{mutation.name}`.")


def _subject_field(entity: Entity) -> str:
    return entity.noun.name.lower()


def _error(refusal: Refusal, state: WorkOrderState | str | None, in_patch: frozenset[str]) -> UserError:
    # By its code: a first answer that is repeated is not of the class any more.
    about = WorkOrderState(state) if state and refusal.code == TransitionNotAllowed.code else None
    under = ("input", "patch") if refusal.path and refusal.path[0] in in_patch else ("input",)
    return user_error(refusal, under=under, state=about)


def _only_in_patch(given: type[Any]) -> frozenset[str]:
    """What the input holds in its patch alone: commands do not know that it came in one."""
    patch = get_type_hints(given).get("patch")
    return (
        frozenset() if patch is None else frozenset(patch.__dataclass_fields__) - frozenset(given.__dataclass_fields__)
    )


def _hashable(given: Any) -> Any:
    """The input as plain values: what an idempotency key's hash covers."""
    if hasattr(given, "__dataclass_fields__"):
        return {
            name: _hashable(getattr(given, name)) for name in given.__dataclass_fields__ if name != "idempotency_key"
        }
    if isinstance(given, Some):
        return ["some", _hashable(given.value)]
    if isinstance(given, list):
        return [_hashable(one) for one in given]
    return given
