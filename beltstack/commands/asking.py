"""How a command is asked and carried out: one transaction, its idempotency key, its dry run, its audit row."""

import asyncio
import hashlib
import json
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

import psycopg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from beltstack.commands.checks import Checks
from beltstack.commands.work import Many, Work
from beltstack.domain.access import Actor
from beltstack.domain.errors import Refusal, Refusals
from beltstack.plugins.runtime import PluginHost
from beltstack.plugins.veto_breaker import VetoFailure
from beltstack.store.codecs import from_json, to_json
from beltstack.store.database import Database, DatabaseUnavailable
from beltstack.store.problems import IntegrationProblems
from beltstack.store.requests import Idempotency
from beltstack.store.sealing import Sealer
from beltstack.store.session import Session
from beltstack.store.trips import Trips

B = TypeVar("B")
F = TypeVar("F")
R = TypeVar("R")
T = TypeVar("T")
TRIES = 3
NOTE_SECONDS = 2

log = logging.getLogger(__name__)

# Serialisation failure and deadlock: PostgreSQL's way of saying "the same again, please".
_SAME_AGAIN = frozenset({"40001", "40P01"})


@dataclass(frozen=True, slots=True)
class Asked:
    """Who asks, when, and with what at hand. `now` is the only clock a command has."""

    actor: Actor
    now: datetime
    database: Database
    host: PluginHost
    sealer: Sealer
    request_id: str | None = None
    public_url: str | None = None
    """Where browsers and remotes reach this server; None where nobody said."""
    checks: Checks | None = None
    """None where nothing outside is reached; then plugins are enabled unchecked."""


@dataclass(frozen=True, slots=True)
class Request:
    """`name` is the command's stem, like `work_order.complete`; `arguments` is what the key's hash covers."""

    name: str
    arguments: Any = None
    subject_id: UUID | None = None
    """What the command is about, if it exists already: a refusal answers with it as it stands."""
    idempotency_key: str | None = None
    dry_run: bool = False

    @property
    def hash(self) -> bytes:
        canonical = json.dumps([self.name, to_json(self.arguments)], sort_keys=True, default=str)
        return hashlib.sha256(canonical.encode()).digest()


@dataclass(frozen=True, slots=True)
class Answer(Generic[R]):
    """What came of it: the subject as read in the same transaction, or why not and how it stands."""

    subject_id: UUID | None
    refusals: tuple[Refusal, ...] = ()
    read: R | None = None
    many: Many | None = None
    """What it was about, where that is several."""


Command = Callable[[Work], Awaitable[UUID | None]]
Read = Callable[[Trips, Answer[Any]], Awaitable[R | None]]
"""Reads what the answer so far is about, in the command's own transaction."""


async def perform(asked: Asked, request: Request, command: Command, read: Read[R]) -> Answer[R]:
    """Carry a command out, once per idempotency key; a refusal is an answer, never an exception."""
    failures: list[VetoFailure] = []
    try:
        return await _tried(lambda: _once(asked, request, command, read, failures))
    finally:
        if failures:
            await _note_failures(asked, failures)


async def _note_failures(asked: Asked, failures: Sequence[VetoFailure]) -> None:
    """In a transaction of their own: the command may have been taken back. Best effort: its answer does not wait."""
    try:
        async with asyncio.timeout(NOTE_SECONDS), asked.database.transaction(asked.actor.tenant_id) as connection:
            problems = IntegrationProblems(_session(asked, connection))
            for one in failures:
                await problems.note(one.integration_id, one.fault.value, one.message, is_critical=False)
    except (DBAPIError, psycopg.Error, DatabaseUnavailable, TimeoutError):
        log.warning("%d failures of vetoes could not be noted", len(failures))


@dataclass(frozen=True, slots=True)
class Steps(Generic[B, F]):
    """A command in two transactions with something outside between them, which `begin`'s answer is handed to.

    A crash in between leaves what `begin` did, and no answer to the idempotency key: asked again, all is done anew.
    """

    begin: Callable[[Work], Awaitable[B]]
    outside: Callable[[B], Awaitable[F]]
    finish: Callable[[Work, B, F], Awaitable[UUID | None]]


async def perform_in_steps(asked: Asked, request: Request, steps: Steps[B, F], read: Read[R]) -> Answer[R]:
    """Like `perform`. The answer is the second transaction's; a first answer that is repeated begins nothing."""
    begun, answer = await _tried(lambda: _begun(asked, request, steps, read))
    if answer is not None:
        return answer
    found = await steps.outside(begun)  # type: ignore[arg-type]  # without an answer it has begun
    return await perform(asked, request, lambda work: steps.finish(work, begun, found), read)  # type: ignore[arg-type]


async def _begun(
    asked: Asked, request: Request, steps: Steps[B, F], read: Read[R]
) -> tuple[B | None, Answer[R] | None]:
    async with asked.database.transaction(asked.actor.tenant_id) as connection:
        session = _session(asked, connection)
        work = _work(asked, session)
        answer: Answer[Any] | None
        try:
            answer = await _first_answer(session, request)
        except Refusal as refusal:  # the key itself is refused: nothing is stored
            answer = Answer(request.subject_id, (refusal,))
        if answer is None:
            try:
                async with connection.begin_nested():
                    begun = await steps.begin(work)
                    await _trips(session).flush()
                return begun, None
            except (Refusal, Refusals) as refused:
                _trips(session).drop()
                answer = Answer(work.about or request.subject_id, _reasons(refused))
                await _remember(session, request, answer)
        return None, await _told(session, read, answer)


async def _tried(work: Callable[[], Awaitable[T]]) -> T:
    for _ in range(TRIES - 1):
        try:
            return await work()
        except (DBAPIError, psycopg.Error) as error:
            if getattr(getattr(error, "orig", error), "sqlstate", None) not in _SAME_AGAIN:
                raise
    return await work()


async def ask(asked: Asked, question: Callable[[Work], Awaitable[R]]) -> R:
    """Something that only a command's own rules can answer; nothing is kept of it."""
    async with asked.database.transaction(asked.actor.tenant_id) as connection:
        return await question(_work(asked, _session(asked, connection)))


def _work(asked: Asked, session: Session, failures: list[VetoFailure] | None = None) -> Work:
    return Work(session, asked.host, asked.sealer, public_url=asked.public_url, veto_failures=failures)


def _session(asked: Asked, connection: AsyncConnection) -> Session:
    return Session(
        connection=connection,
        actor=asked.actor,
        now=asked.now,
        request_id=asked.request_id,
        listeners=asked.host.listeners,
        trips=Trips(connection),
    )


async def _once(
    asked: Asked, request: Request, command: Command, read: Read[R], failures: list[VetoFailure]
) -> Answer[R]:
    if request.idempotency_key is None and not request.dry_run:
        return await _all_or_nothing(asked, request, command, read, failures)
    async with asked.database.transaction(asked.actor.tenant_id) as connection:
        session = _session(asked, connection)
        try:
            answer = await _first_answer(session, request)
            answer = answer or await _carry_out(asked, session, request, command, failures)
        except Refusal as refusal:  # the key itself is refused: nothing is stored
            answer = Answer(request.subject_id, (refusal,))
        return await _told(session, read, answer)


async def _told(session: Session, read: Read[R], answer: Answer[Any]) -> Answer[R]:
    """The answer with what is read of it, after whatever still waited to be written."""
    trips = _trips(session)
    found = await read(trips, answer)
    await trips.flush()
    return Answer(answer.subject_id, answer.refusals, found, answer.many)


def _trips(session: Session) -> Trips:
    assert session.trips is not None
    return session.trips


class _TakenBack(Exception):
    """Ends the transaction of a command that was refused."""

    def __init__(self, about: UUID | None, refusals: tuple[Refusal, ...]) -> None:
        super().__init__(refusals)
        self.about = about
        self.refusals = refusals


async def _all_or_nothing(
    asked: Asked, request: Request, command: Command, read: Read[R], failures: list[VetoFailure]
) -> Answer[R]:
    """Nothing has to outlive a refusal, so the whole transaction is taken back: a savepoint costs two round trips."""
    try:
        async with asked.database.transaction(asked.actor.tenant_id) as connection:
            work = _work(asked, _session(asked, connection), failures)
            try:
                subject_id = await _noted(work, request, command)
            except (Refusal, Refusals) as refused:
                raise _TakenBack(work.about or request.subject_id, _reasons(refused)) from refused
            return await _told(work.session, read, Answer(subject_id, tuple(work.complaints), many=work.many))
    except _TakenBack as taken_back:
        about, refusals = taken_back.about, taken_back.refusals
    async with asked.database.transaction(asked.actor.tenant_id) as connection:
        return await _told(_session(asked, connection), read, Answer(about, refusals))


async def _carry_out(
    asked: Asked, session: Session, request: Request, command: Command, failures: list[VetoFailure]
) -> Answer[Any]:
    """Within a savepoint: the key's lock and its stored answer outlive a refusal, the read outlives a dry run."""
    work = _work(asked, session, failures)
    answer: Answer[Any]
    try:
        async with session.connection.begin_nested() as savepoint:
            if request.dry_run:
                await command(work)
                _trips(session).drop()
                await savepoint.rollback()
                return Answer(work.about or request.subject_id)
            subject_id = await _noted(work, request, command)
            answer = Answer(subject_id, tuple(work.complaints), many=work.many)
            await _trips(session).flush()
    except (Refusal, Refusals) as refused:
        _trips(session).drop()
        answer = Answer(work.about or request.subject_id, _reasons(refused))
    await _remember(session, request, answer)
    return answer


async def _remember(session: Session, request: Request, answer: Answer[Any]) -> None:
    if request.idempotency_key is not None and not request.dry_run:
        await Idempotency(session).remember(request.idempotency_key, request.hash, _stored(answer))


async def _noted(work: Work, request: Request, command: Command) -> UUID | None:
    """Do it, and write into the audit that it was done."""
    subject_id = await command(work)
    await work.audit.note(request.name, subject_id, note=work.note)
    return subject_id


def _reasons(refused: Refusal | Refusals) -> tuple[Refusal, ...]:
    return refused.refusals if isinstance(refused, Refusals) else (refused,)


async def _first_answer(session: Session, request: Request) -> Answer[Any] | None:
    if request.idempotency_key is None or request.dry_run:
        return None
    stored = await Idempotency(session).first_answer(request.idempotency_key, request.hash)
    return None if stored is None else _restored(stored)


def _stored(answer: Answer[Any]) -> dict[str, Any]:
    return {
        "subject_id": str(answer.subject_id) if answer.subject_id else None,
        "many": to_json(answer.many) if answer.many else None,
        "refusals": [
            {
                "code": refusal.code,
                "message": refusal.message,
                "path": list(refusal.path),
                "plugin_id": refusal.plugin_id,
                "plugin_code": refusal.plugin_code,
            }
            for refusal in answer.refusals
        ],
    }


class RepeatedRefusal(Refusal):
    """A refusal as it was first given, whatever rule gave it."""

    code = "REPEATED"

    def __init__(self, stored: dict[str, Any]) -> None:
        super().__init__(stored["message"], path=tuple(stored["path"]))
        self.code = stored["code"]  # type: ignore[misc]  # the first answer's code, on this one instance
        self.plugin_id = stored["plugin_id"]
        self.plugin_code = stored["plugin_code"]


def _restored(stored: dict[str, Any]) -> Answer[Any]:
    subject_id = UUID(stored["subject_id"]) if stored["subject_id"] else None
    many = from_json(Many, stored["many"]) if stored.get("many") else None
    return Answer(subject_id, tuple(RepeatedRefusal(refusal) for refusal in stored["refusals"]), many=many)
