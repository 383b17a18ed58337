"""Whatever a reaction does, the worker, the other deliveries and the tenant's secrets are safe from it."""

import asyncio
import logging
import os
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import httpx
import pytest
from uuid_utils.compat import uuid7

from beltstack.delivery.discretion import DeliveryLog, Discretion
from beltstack.delivery.http import Bounds, Connections
from beltstack.domain.customers import Customer, CustomerKind, new_customer
from beltstack.domain.deliveries import DeliveryState, ErrorClass, Integration, IntegrationStatus, Reference
from beltstack.domain.errors import NotFound
from beltstack.domain.events import PaymentRecorded
from beltstack.domain.ids import CustomerId
from beltstack.plugins import Context, Limits, NeedsAttention, Plugin, Throttled, secret
from beltstack.plugins.runtime import PluginHost
from beltstack.store.customers import Customers
from beltstack.store.database import Database
from beltstack.store.integrations import Secrets
from tests.delivery import children
from tests.delivery.office import Office, React, a_plugin, an_office, at_work, until

SOON = Limits(timeout_seconds=1, at_once=4)


async def cancels_itself(event: PaymentRecorded, context: Context) -> None:
    raise asyncio.CancelledError


async def exits(event: PaymentRecorded, context: Context) -> None:
    sys.exit("enough")


async def divides_by_zero(event: PaymentRecorded, context: Context) -> None:
    _ = 1 / (event.amount - event.amount)


def is_no_coroutine(event: PaymentRecorded, context: Context) -> Any:
    return None


@pytest.mark.parametrize("react", [cancels_itself, exits, divides_by_zero, is_no_coroutine])
async def test_a_defect_is_tried_five_times_and_then_dead_and_others_are_not_touched(
    database: Database, react: React
) -> None:
    async def picky(event: PaymentRecorded, context: Context) -> None:
        if event.amount == 1:
            await react(event, context)

    office = await an_office(database, a_plugin(picky))
    await office.receive(1)
    await office.receive(2)
    async with at_work(office):
        await until(lambda: states_are(office, DeliveryState.DEAD, DeliveryState.DELIVERED))
    dead = (await office.deliveries())[0]
    assert (dead.attempts, dead.error_class) == (5, ErrorClass.DEFECT)
    assert "failed in a way it did not foresee" in (dead.error or "")


async def hangs(event: PaymentRecorded, context: Context) -> None:
    await asyncio.sleep(600)


async def will_not_stop(event: PaymentRecorded, context: Context) -> None:
    ends_at = time.monotonic() + 10
    while time.monotonic() < ends_at:
        try:
            await asyncio.sleep(ends_at - time.monotonic())
        except asyncio.CancelledError:
            continue


async def blocks_a_child(event: PaymentRecorded, context: Context) -> None:
    await context.blocking(time.sleep, 600)


@pytest.mark.parametrize("react", [hangs, will_not_stop, blocks_a_child])
async def test_a_reaction_that_does_not_end_is_ended_and_holds_nobody_up(database: Database, react: React) -> None:
    async def picky(event: PaymentRecorded, context: Context) -> None:
        if event.amount == 1 and context.attempt == 1:
            await react(event, context)

    office = await an_office(database, a_plugin(picky, limits=SOON))
    await office.receive(1)
    await office.receive(2)
    async with at_work(office):
        await until(lambda: states_are(office, DeliveryState.RUNNING, DeliveryState.DELIVERED), seconds=3)
        await until(office.all_delivered)
    first = await office.attempts((await office.deliveries())[0].id)
    assert [one.error_class for one in first] == [ErrorClass.TIMEOUT, None]


async def test_blocking_calls_run_in_a_child_and_their_answers_and_refusals_come_back(database: Database) -> None:
    answers = []

    async def react(event: PaymentRecorded, context: Context) -> None:
        match int(event.amount):
            case 1:
                answers.append(await context.blocking(children.at_work, 41, pid=os.getpid()))
            case 2:
                await context.blocking(children.refuses)
            case _ if context.attempt == 1:
                await context.blocking(children.dies)

    office = await an_office(database, a_plugin(react))
    for amount in (1, 2, 3):
        await office.receive(amount)
    async with at_work(office):
        as_told = (DeliveryState.DELIVERED, DeliveryState.DEAD, DeliveryState.DELIVERED)
        await until(lambda: states_are(office, *as_told), seconds=30)
    assert answers == [(42, True)]
    _, refused, died = await office.deliveries()
    assert (refused.error, refused.error_code) == ("The vendor says no.", "NO")
    assert (await office.attempts(died.id))[0].error_code == "CALL_LOST"


@dataclass(frozen=True, slots=True)
class Shown:
    region: str = "us"
    api_key: str = secret(default="")


async def test_a_reaction_sees_its_settings_and_its_own_tenants_records_only(database: Database) -> None:
    seen: list[Any] = []
    customer_ids: list[CustomerId] = []

    async def react(event: PaymentRecorded, context: Context) -> None:
        seen.append(context.settings_as(Shown))
        seen.append((context.tenant.name, context.tenant.currency, context.event.type, context.event.seq))
        seen.append((await context.records.customer(customer_ids[0])).name)
        try:
            await context.records.customer(customer_ids[1])
        except NotFound:
            seen.append("not found")

    plugin = a_plugin(react, settings=Shown)
    office = await an_office(database, plugin, settings={"region": "eu"})
    stranger = await an_office(database, a_plugin(react))
    for one in (office, stranger):
        customer = Customer(CustomerId(uuid7()), CustomerKind.RESIDENTIAL, "Ada")
        async with one.session() as session:
            await Customers(session).save(new_customer(customer))
        customer_ids.append(customer.id)
    await office.keep(Secrets({"api_key": "k-123456"}))
    await office.receive(1)
    async with at_work(office):
        await until(office.all_delivered)
    assert seen == [Shown("eu", "k-123456"), ("North Air", "USD", "payment.recorded", 1), "Ada", "not found"]


async def test_settings_that_do_not_fit_break_the_integration_and_say_so(database: Database) -> None:
    @dataclass(frozen=True, slots=True)
    class Strict:
        amount: Decimal

    office = await an_office(database, a_plugin(hangs, settings=Strict), settings={"amount": "many"})
    await office.receive(1)
    async with at_work(office):
        await until(lambda: has_status(office, IntegrationStatus.BROKEN))
    assert (await office.integration()).problem == "The settings do not fit Acme Books 1: look through them and save."
    assert await office.states() == [DeliveryState.READY]


async def test_two_records_cannot_be_linked_with_one_of_theirs(database: Database) -> None:
    async def react(event: PaymentRecorded, context: Context) -> None:
        await context.references.link(Reference("customer", event.customer_id, "ext-1", content_hash="h"))
        assert await context.references.find("customer", event.customer_id)
        await context.references.link(Reference("customer", uuid7(), "ext-1"))

    office = await an_office(database, a_plugin(react))
    await office.receive(1)
    async with at_work(office):
        await until(lambda: states_are(office, DeliveryState.DEAD))
    dead = (await office.deliveries())[0]
    assert (dead.error_class, dead.error_code) == (ErrorClass.NEEDS_ATTENTION, "REFERENCE_TAKEN")


async def test_calls_stay_within_the_connections_limit(database: Database) -> None:
    at: list[float] = []

    async def react(event: PaymentRecorded, context: Context) -> None:
        await context.before_call()
        at.append(time.monotonic())

    office = await an_office(database, a_plugin(react, limits=Limits(calls=8, window_seconds=1, at_once=3)))
    for amount in range(16):
        await office.receive(amount)
    async with at_work(office):
        await until(office.all_delivered)
    # A call that was allowed may start some milliseconds later: the window is taken that much shorter.
    busiest = max(sum(1 for other in at if start <= other < start + 0.97) for start in at)
    assert (len(at), busiest <= 8) == (16, True)
    assert max(at) - min(at) < 3.0
    assert [one.failures for one in await office.deliveries()] == [0] * 16


async def test_a_call_beyond_the_limit_is_throttled_with_the_time_to_wait(database: Database) -> None:
    waits: list[float | None] = []

    async def react(event: PaymentRecorded, context: Context) -> None:
        try:
            for _ in range(3):
                await context.before_call()
        except Throttled as throttled:
            waits.append(throttled.seconds)

    office = await an_office(database, a_plugin(react, limits=Limits(calls=2, window_seconds=60, at_once=2)))
    await office.receive(1)
    async with at_work(office):
        await until(office.all_delivered)
    assert [seconds is not None and 58 < seconds <= 60 for seconds in waits] == [True]


Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def a_remote(serve: Serve) -> AsyncIterator[str]:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            await serve(reader, writer)
        except ConnectionError:
            return  # the client has had enough: that is what some of these tests are about
        finally:
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"


async def trickles(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    for _ in range(100):
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.05)


async def floods(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 1_000_000)
    await writer.drain()


async def compresses(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nzzzz")
    await writer.drain()


@pytest.mark.parametrize(
    ("serve", "refused"),
    [(trickles, httpx.ReadTimeout), (floods, httpx.TransportError), (compresses, httpx.DecodingError)],
)
async def test_a_remote_cannot_stretch_an_answer(serve: Serve, refused: type[Exception]) -> None:
    connections = Connections(Bounds(total_seconds=0.3, largest_bytes=100_000))
    async with a_remote(serve) as url:
        started = time.monotonic()
        with pytest.raises(refused):
            await connections.client().get(url)
        assert time.monotonic() - started < 1.0
    await connections.close()


async def test_clients_share_connections_but_neither_cookies_nor_headers() -> None:
    async def sets_a_cookie(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 204 No Content\r\nSet-Cookie: session=a\r\n\r\n")
        await writer.drain()

    connections = Connections()
    one, other = connections.client(), connections.client()
    one.headers["Authorization"] = "Bearer a"
    async with a_remote(sets_a_cookie) as url:
        await one.get(url)
    assert (dict(one.cookies), dict(other.cookies)) == ({"session": "a"}, {})
    assert "Authorization" not in other.headers
    await connections.close()


def test_a_deliverys_log_names_it_and_keeps_its_secrets(caplog: pytest.LogCaptureFixture) -> None:
    discretion = Discretion()
    discretion.learn({"access_token": "at-999999", "realm": "12", "nested": [Shown(api_key="k-777777")]})
    log = DeliveryLog("books", discretion, {"integration_id": "i-1", "delivery_id": "d-1"})
    with caplog.at_level(logging.INFO):
        log.info("sent %s to %s", "Bearer at-999999", 12)
        try:
            raise ValueError("k-777777 is wrong")
        except ValueError:
            log.exception("failed")
    first, second = caplog.records
    assert first.getMessage() == "sent Bearer [secret] to 12"
    assert (first.__dict__["plugin_id"], first.__dict__["integration_id"], first.__dict__["delivery_id"]) == (
        "books",
        "i-1",
        "d-1",
    )
    assert "k-777777" not in caplog.text
    assert "ValueError: [secret] is wrong" in (second.exc_text or "")


async def test_no_secret_reaches_the_ledger_or_the_log(database: Database, caplog: pytest.LogCaptureFixture) -> None:
    async def react(event: PaymentRecorded, context: Context) -> None:
        key = context.settings_as(Shown).api_key
        context.log.warning("using %s", key)
        if event.amount == 1:
            raise NeedsAttention(f"The key {key} was refused.")
        raise ValueError(f"https://remote/?key={key}")

    office = await an_office(database, a_plugin(react, settings=Shown))
    await office.keep(Secrets({"api_key": "canary-31415926"}))
    await office.receive(1)
    await office.receive(2)
    async with at_work(office):
        await until(lambda: states_are(office, DeliveryState.DEAD, DeliveryState.DEAD))
    errors = [delivery.error for delivery in await office.deliveries()]
    assert errors[0] == "The key [secret] was refused."
    assert "canary" not in f"{errors} {caplog.text}"
    assert "using [secret]" in caplog.text


async def test_an_event_that_its_plugin_no_longer_hears_is_canceled(database: Database) -> None:
    listening = a_plugin(hangs)
    office = await an_office(database, listening)
    await office.receive(1)

    class Deaf(Plugin):
        manifest = listening.manifest

    async with at_work(replace(office, host=PluginHost([Deaf()]))):
        await until(lambda: states_are(office, DeliveryState.CANCELED))


async def test_disabling_keeps_an_attempt_under_way_from_nothing(database: Database) -> None:
    at_it, go_on = asyncio.Event(), asyncio.Event()

    async def react(event: PaymentRecorded, context: Context) -> None:
        at_it.set()
        await go_on.wait()

    office = await an_office(database, a_plugin(react))
    await office.receive(1, 2)
    async with at_work(office):
        await at_it.wait()
        await office.change(Integration.disable)
        go_on.set()
        await until(lambda: states_are(office, DeliveryState.DELIVERED, DeliveryState.READY))


async def states_are(office: Office, *states: DeliveryState) -> bool:
    return await office.states() == list(states)


async def has_status(office: Office, status: IntegrationStatus) -> bool:
    return (await office.integration()).status is status


async def test_a_leaking_call_ends_itself_and_not_the_worker(database: Database) -> None:
    async def react(event: PaymentRecorded, context: Context) -> None:
        await context.blocking(children.leaks)

    office = await an_office(database, a_plugin(react))
    await office.receive(1)

    (delivery,) = await office.deliveries()

    async def has_failed() -> bool:
        return len(await office.attempts(delivery.id)) > 0

    async with at_work(office):
        await until(has_failed, seconds=20)
    first = (await office.attempts(delivery.id))[0]
    assert (first.error_class, first.error_code) == (ErrorClass.DEFECT, "MemoryError")


async def test_hanging_calls_of_one_integration_leave_places_for_the_others(database: Database) -> None:
    async def react(event: PaymentRecorded, context: Context) -> None:
        await context.blocking(time.sleep, 600 if event.amount < 0 else 0)

    plugin = a_plugin(react, limits=Limits(at_once=8, timeout_seconds=20))
    hung, lively = await an_office(database, plugin), await an_office(database, plugin)
    async with at_work(hung):
        for _ in range(8):
            await hung.receive(-1)
        await asyncio.sleep(1.5)
        await lively.receive(1)
        await until(lively.all_delivered)
        assert DeliveryState.DELIVERED not in await hung.states()
