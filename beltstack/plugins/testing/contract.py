"""The contract: what every plugin has to keep, one test for each clause. Subclass `Contract` and name the plugin."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, asynccontextmanager
from typing import Any, ClassVar

import httpx
import pytest

from beltstack.domain.events import Fact
from beltstack.plugins.errors import NeedsAttention, PluginError, Rejected
from beltstack.plugins.hookspecs import Plugin
from beltstack.plugins.testing import verdicts
from beltstack.plugins.testing.desk import Desk, open_desk
from beltstack.plugins.testing.filling import filled
from beltstack.plugins.testing.payloads import golden_events
from beltstack.plugins.testing.remote import LoopbackRemote, Remote, Trouble
from beltstack.plugins.testing.samples import Samples
from beltstack.plugins.testing.shape import event_of, hook_problems, reactions_of, shape_problems, vetoes_of
from beltstack.plugins.testing.watching import heartbeat, listening, no_network_and_no_sleep

VETO_SECONDS = 0.050
LOOP_SECONDS = 0.050
MEASURED_AT_MOST = 5
"""A busy machine is late now and then; what blocks is late every time."""


class Contract:
    """Every plugin's promises. By default the remote is a `LoopbackRemote` and settings are filled in for it."""

    plugin: ClassVar[type[Plugin]]
    not_played: ClassVar[Mapping[Trouble, str]] = {}
    """Troubles that the remote does not have, each with the reason."""

    def remote(self) -> AbstractContextManager[Remote]:
        """A fresh remote, running."""
        return LoopbackRemote()

    def settings(self, remote: Remote, mark: str) -> Any:
        """Settings that lead to `remote`; secret texts in them name `mark`, so that they can be found again."""
        return filled(self.plugin.manifest.settings, url=remote.url, mark=mark)

    def credentials(self, remote: Remote, mark: str) -> Any:
        """Credentials that `remote` accepts, different ones for every `mark`."""
        return filled(self.plugin.manifest.credentials, url=remote.url, mark=mark)

    # ── the clauses ───────────────────────────────────────────────────────────────────────────────

    def test_a_manifest_is_valid_and_true(self) -> None:
        _refuse("The manifest is valid and true", *shape_problems(self.plugin))

    def test_b_hooks_take_every_golden_payload(self) -> None:
        asyncio.run(self._takes_every_payload())

    def test_c_told_twice_makes_one_remote_object(self) -> None:
        asyncio.run(self._makes_one())

    def test_d_the_remote_s_answers_are_told_right(self) -> None:
        asyncio.run(self._tells_answers_right())

    def test_e_vetoes_are_pure_and_quick(self) -> None:
        asyncio.run(self._is_pure())

    def test_f_no_secret_is_told(self) -> None:
        asyncio.run(self._keeps_secrets())

    def test_g_tenants_never_see_each_other(self) -> None:
        asyncio.run(self._keeps_tenants_apart())

    def test_h_hooks_are_hooks(self) -> None:
        _refuse("Every hook is one that BeltStack calls", *hook_problems(self.plugin))

    def test_i_check_says_what_is_to_be_mended(self) -> None:
        asyncio.run(self._checks())

    def test_j_the_event_loop_stays_free(self) -> None:
        asyncio.run(self._stays_free())

    # ── how they are proved ───────────────────────────────────────────────────────────────────────

    async def _takes_every_payload(self) -> None:
        clause = "Each hook takes every golden payload"
        for reaction in reactions_of(self.plugin()):
            for told in golden_events(event_of(reaction), namespace=Samples().namespace):
                async with self._desk() as (desk, _):
                    error = await raised(desk, told.fact)
                if error is not None and not isinstance(error, PluginError | httpx.HTTPError):
                    _refuse(clause, f"{reaction} crashed on {told.words}: {verdicts.named(error)}.")
        async with self._desk() as (desk, _):
            for veto in vetoes_of(desk.plugin):
                await self._asked(desk, veto, clause)

    async def _makes_one(self) -> None:
        for fact in self._facts():
            async with self._desk() as (desk, remote):
                await self._deliver_before(desk, fact)
                linked = dict(desk.references.kept)
                await raised(desk, fact)
                once = remote.count()
                await raised(desk, fact, attempt=2)
                if remote.count() == once:
                    # As if the process had died after the remote's answer and before the link.
                    desk.references.kept = linked
                    await raised(desk, fact, attempt=2)
                if remote.count() > once:
                    _refuse(
                        "Told twice, one remote object",
                        f"{fact.type} told again made {remote.count() - once} more: look at context.references first,"
                        " and send context.idempotency_key or look at the remote before you send.",
                    )

    async def _tells_answers_right(self) -> None:
        for fact in self._facts():
            for trouble in Trouble:
                async with self._desk() as (desk, remote):
                    await self._deliver_before(desk, fact)
                    calls, made = len(remote.texts()), remote.count()
                    if not remote.arm(trouble):
                        assert trouble in self.not_played, f"say in `not_played` why the remote has no {trouble}"
                        continue
                    error = await raised(desk, fact)
                    if len(remote.texts()) > calls:
                        problem = verdicts.problem_with(
                            error, trouble, renewals=desk.credentials.renewals, made=remote.count() > made
                        )
                        _refuse("The remote's answers are told right", *(f"{fact.type}: {one}" for one in problem))

    async def _is_pure(self) -> None:
        clause = "A veto is pure and quick"
        async with self._desk() as (desk, _):
            for veto in vetoes_of(desk.plugin):
                answers, took = [], []
                for _ in range(3):
                    started = time.perf_counter()
                    with no_network_and_no_sleep(self.plugin) as tried:
                        answers.append(await self._asked(desk, veto, clause, crash_is_fine=True))
                    took.append(time.perf_counter() - started)
                    if tried:
                        _refuse(clause, f"{veto}: {tried[0]}. It decides by `change` and `context` alone.")
                if any(answer != answers[0] for answer in answers):
                    _refuse(clause, f"{veto} answered the same question differently: use no clock, chance or memory.")
                if min(took) > VETO_SECONDS:
                    _refuse(clause, f"{veto} took {min(took) * 1000:.0f} ms; it has {VETO_SECONDS * 1000:.0f}.")

    async def _keeps_secrets(self) -> None:
        troubles = [None, *(trouble for trouble in Trouble if trouble not in self.not_played)]
        for trouble in troubles:
            with listening() as said:
                async with self._desk() as (desk, remote):
                    if trouble is not None:
                        remote.arm(trouble)
                    errors = [await raised(desk, fact) for fact in self._facts()]
                    errors.append(await verdicts.error_of(desk.check()))
                    secrets = desk.secrets
            for where, text in {"logs": said.text, "error messages": " ".join(map(repr, errors))}.items():
                if any(secret in text for secret in secrets):
                    _refuse(
                        "No secret is told", f"One stands in its {where}: leave it out, and use secret(repr=False)."
                    )

    async def _keeps_tenants_apart(self) -> None:
        plugin, clause = self.plugin(), "Tenants never see each other"
        async with self._desk(plugin, "north") as (north, near), self._desk(plugin, "south") as (south, far):
            await self._deliver_all(north)
            before = (north.uses, len(near.texts()), dict(north.references.kept))
            await self._deliver_all(south)
            if (north.uses, len(near.texts()), dict(north.references.kept)) != before:
                _refuse(clause, "Told of one tenant's event it used another's: keep no context on the plugin.")
            told = "\n".join(far.texts())
            marks = north.secrets | {north.samples.customer.name, str(north.samples.tenant.id)}
            marks |= {north.key_of(fact) for fact in self._facts("north")}
            if any(mark in told for mark in marks - south.secrets):
                _refuse(clause, "It sent one tenant's data for another: keep nothing on the plugin between calls.")

    async def _checks(self) -> None:
        clause = "check says what is to be mended"
        if self.plugin.check is Plugin.check:
            return
        async with self._desk() as (desk, _):
            if error := await verdicts.error_of(desk.check()):
                _refuse(clause, f"With everything in order it raised {verdicts.named(error)}.")
        for trouble in (Trouble.UNAUTHORIZED, Trouble.REFUSED):
            async with self._desk() as (desk, remote):
                if not remote.arm(trouble):
                    continue
                error = await verdicts.error_of(desk.check())
                if remote.texts() and not isinstance(error, NeedsAttention | Rejected):
                    words = f"The remote answered {trouble} and it {verdicts.ended(error)}: raise NeedsAttention."
                    _refuse(clause, words)

    async def _stays_free(self) -> None:
        for fact in self._facts():
            longest = [await self._longest_pause(fact)]
            while min(longest) > LOOP_SECONDS and len(longest) < MEASURED_AT_MOST:
                longest.append(await self._longest_pause(fact))
            if min(longest) > LOOP_SECONDS:
                _refuse(
                    "The event loop stays free",
                    f"{fact.type} held it up for {min(longest) * 1000:.0f} ms: await what waits, and hand what cannot"
                    " be awaited to context.blocking.",
                )

    async def _longest_pause(self, fact: Fact) -> float:
        async with self._desk() as (desk, _):
            async with heartbeat() as beat:
                await raised(desk, fact)
            return beat.longest_seconds

    # ── desks and events ──────────────────────────────────────────────────────────────────────────

    @asynccontextmanager
    async def _desk(self, plugin: Plugin | None = None, mark: str = "north") -> AsyncIterator[tuple[Desk, Remote]]:
        with ExitStack() as stack:
            remote = stack.enter_context(self.remote())
            settings, credentials = self.settings(remote, mark), self.credentials(remote, mark)
            async with open_desk(
                plugin or self.plugin(), settings=settings, credentials=credentials, mark=mark
            ) as desk:
                yield desk, remote

    def _facts(self, mark: str = "north") -> Iterator[Fact]:
        """One event for each reaction, in the order of a work order's life."""
        for reaction in reactions_of(self.plugin()):
            yield from (told.fact for told in golden_events(event_of(reaction), namespace=Samples(mark).namespace)[:1])

    async def _deliver_before(self, desk: Desk, fact: Fact) -> None:
        """What the plugin is told of the same record before this event."""
        for earlier in self._facts():
            if earlier == fact:
                return
            if earlier.stream == fact.stream:
                await raised(desk, earlier)

    async def _deliver_all(self, desk: Desk) -> None:
        for fact in self._facts(desk.samples.mark):
            await raised(desk, fact)

    async def _asked(self, desk: Desk, veto: str, clause: str, *, crash_is_fine: bool = False) -> Any:
        change = desk.samples.change_for(veto)
        try:
            return await desk.ask(veto, change)
        except Exception as error:
            if not crash_is_fine:
                _refuse(clause, f"{veto} crashed: {verdicts.named(error)}.")
            return type(error)


async def raised(desk: Desk, fact: Fact, *, attempt: int = 1) -> Exception | None:
    """What telling the plugin of an event raised."""
    return await verdicts.error_of(desk.deliver(fact, attempt=attempt))


def contract_for(kind: type[Plugin]) -> type[Contract]:
    """The contract for a plugin whose settings and remote need nothing special."""
    return type("TestContract", (Contract,), {"plugin": kind, "__doc__": kind.manifest.name})


def _refuse(clause: str, *problems: str) -> None:
    if problems:
        pytest.fail(f"{clause}. {' '.join(problems)}", pytrace=False)
