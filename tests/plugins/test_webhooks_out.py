"""Outgoing webhooks over real HTTP, through the delivery engine."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import pytest
from beltstack_webhooks import Settings, Webhooks, sending
from beltstack_webhooks.sending import PAUSES_SECONDS, judge
from uuid_utils.compat import uuid7

from beltstack.delivery.http import Connections
from beltstack.domain.deliveries import DeliveryState, Integration, IntegrationStatus
from beltstack.domain.events import facts_by_type
from beltstack.domain.ids import IntegrationId
from beltstack.plugins import (
    NeedsAttention,
    NoCredentials,
    ReconnectNeeded,
    Rejected,
    RetryLater,
    Throttled,
    new_secret,
    verify,
)
from beltstack.plugins.runtime import PluginHost
from beltstack.plugins.testing import Call, Contract, LoopbackRemote, Remote, Trouble, open_desk
from beltstack.store.database import Database
from beltstack.store.integrations import Integrations, Secrets
from tests.delivery.office import Office, an_office, at_work, until

SECRET, OLDER = new_secret(), new_secret()
OK = b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n"


@dataclass
class Receiver:
    answers: list[bytes]
    url: str = ""
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)


@asynccontextmanager
async def a_receiver(*answers: bytes) -> AsyncIterator[Receiver]:
    """Each request gets the next answer, the last one again and again."""
    receiver = Receiver(list(answers))

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")[1:-2]
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
            receiver.got.append((headers, await reader.readexactly(int(headers.get("content-length", 0)))))
            writer.write(receiver.answers.pop(0) if len(receiver.answers) > 1 else receiver.answers[0])
            await writer.drain()
        except ConnectionError:
            return
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    receiver.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hooks"
    async with server:
        yield receiver


async def an_endpoint(database: Database, url: str, *, is_private: bool = True, **settings: object) -> Office:
    """A tenant whose one endpoint is at the URL."""
    office = await an_office(database, Webhooks(), settings={"url": url, **settings})
    office.host.may_call_private = is_private
    await office.keep(Secrets({"signing_secret": SECRET, "older_signing_secret": OLDER}))
    return office


def states_are(office: Office, *states: DeliveryState) -> Callable[[], object]:
    async def hold() -> bool:
        return (await office.states()) == list(states)

    return hold


async def test_an_event_arrives_in_its_envelope_signed_with_both_secrets(database: Database) -> None:
    async with a_receiver(OK) as receiver:
        office = await an_endpoint(database, receiver.url)
        stream = await office.receive(5)
        async with at_work(office):
            await until(office.all_delivered)
    (headers, body), *_ = [(h, b) for h, b in receiver.got if b"payment.recorded" in b]
    for secret in (SECRET, OLDER):
        verify([secret], headers, body, datetime.now(UTC))
    message = json.loads(body)
    assert (message["type"], message["stream"], message["seq"]) == ("payment.recorded", str(stream), 1)
    assert (message["tenant_id"], message["data"]["amount"]) == (str(office.tenant.id), "5")
    assert len(headers["webhook-signature"].split(" ")) == 2


async def test_a_type_that_is_not_named_is_not_sent(database: Database) -> None:
    async with a_receiver(OK) as receiver:
        office = await an_endpoint(database, receiver.url, events=["invoice.issued"])
        await office.receive(5)
        async with at_work(office):
            await until(office.all_delivered)
    assert receiver.got == []


async def test_a_private_address_is_not_called(database: Database) -> None:
    async with a_receiver(OK) as receiver:
        office = await an_endpoint(database, receiver.url.replace("http:", "https:"), is_private=False)
        await office.receive(5)
        async with at_work(office):
            await until(lambda: _all_dead(office))
    assert receiver.got == []
    assert {delivery.error_code for delivery in await office.deliveries()} == {"ADDRESS_REFUSED"}


async def test_a_receiver_that_is_gone_is_told_nothing_more(database: Database) -> None:
    async with a_receiver(b"HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n") as receiver:
        office = await an_endpoint(database, receiver.url)
        await office.receive(5)
        async with at_work(office):
            await until(lambda: _needs_reauth(office))
    assert DeliveryState.DEAD not in await office.states()


async def test_a_huge_or_compressed_answer_does_no_harm(database: Database) -> None:
    bomb = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 1073741824\r\n\r\n" + b"\x1f\x8b" * 500_000
    huge = b"HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n" + b"x" * 1_000_000
    async with a_receiver(bomb, huge) as receiver:
        office = await an_endpoint(database, receiver.url)
        await office.receive(5, 6)
        async with at_work(office):
            await until(office.all_delivered)


REDIRECT = b"HTTP/1.1 307 Temporary Redirect\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n"


async def test_a_redirect_is_a_failure_and_never_followed(database: Database) -> None:
    async with a_receiver(OK) as elsewhere, a_receiver(REDIRECT % elsewhere.url.encode()) as receiver:
        office = await an_endpoint(database, receiver.url)
        await office.receive(5)
        async with at_work(office):
            await until(lambda: _told(office, "HTTP_307"))
    assert elsewhere.got == []


async def test_a_receiver_that_answers_by_the_byte_is_given_up_at_the_deadline(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "SEND_SECONDS", 0.5)

    async def trickle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while True:
                writer.write(b"H")
                await writer.drain()
                await asyncio.sleep(0.1)

    async with await asyncio.start_server(trickle, "127.0.0.1", 0) as server:
        office = await an_endpoint(database, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/")
        await office.receive(5)
        async with at_work(office):
            await until(lambda: _told(office, "NO_ANSWER"), seconds=4)


async def test_a_dead_endpoint_does_not_delay_another_of_the_same_tenant(database: Database) -> None:
    async with a_receiver(OK) as receiver:
        dead = await an_endpoint(database, "http://127.0.0.1:9/nobody")
        async with dead.session() as session:
            second = Integration(IntegrationId(uuid7()), "webhooks", instance="second", settings={"url": receiver.url})
            change = second.enable()
            await Integrations(session).save(replace(change, before=None))
        healthy = replace(dead, integration_id=second.id)
        await healthy.keep(Secrets({"signing_secret": SECRET}))
        await dead.receive(*range(1, 21))
        async with at_work(dead):
            await until(healthy.all_delivered)
    payments = [body for _, body in receiver.got if b"payment.recorded" in body]
    assert len(payments) == 20
    assert DeliveryState.DELIVERED not in [one.state for one in await dead.deliveries() if one.attempts]


# ── before it is enabled ──────────────────────────────────────────────────────────────────────────


CHECKED = [
    ("https://127.0.0.1/hooks", SECRET, "ADDRESS_REFUSED"),
    ("https://[::1]/hooks", SECRET, "ADDRESS_REFUSED"),
    ("http://203.0.113.7/hooks", SECRET, "ADDRESS_REFUSED"),
    ("https://someone:secret@127.0.0.1/hooks", SECRET, "ADDRESS_REFUSED"),
    ("https://2130706433/hooks", SECRET, "ADDRESS_REFUSED"),
    ("https://127.0.0.1/hooks", "whsec_tooshort", "SECRET_UNUSABLE"),
]


@pytest.mark.parametrize(("url", "given", "code"), CHECKED, ids=range(len(CHECKED)))
async def test_what_would_not_work_is_refused_when_it_is_set_up(url: str, given: str, code: str) -> None:
    with pytest.raises(NeedsAttention) as refused:
        await _checked(url, given, is_public=True)
    assert refused.value.code == code


async def test_a_receiver_that_listens_is_enough_to_be_set_up() -> None:
    async with a_receiver(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n") as receiver:
        await _checked(receiver.url, SECRET, is_public=False)
        assert receiver.got
    with pytest.raises(NeedsAttention, match="could not be reached"):
        await _checked(receiver.url, SECRET, is_public=False)


async def _checked(url: str, given: str, *, is_public: bool) -> None:
    """As the worker would ask it, with the client that a plugin for tenants' URLs is lent."""
    connections, settings = Connections(), Settings(url, given)
    async with (
        open_desk(Webhooks(), settings=settings, credentials=NoCredentials()) as desk,
        connections.client(is_public=is_public) as http,
    ):
        await replace(desk, http=http).check()
    await connections.close()


async def _told(office: Office, code: str) -> bool:
    return code in {delivery.error_code for delivery in await office.deliveries()}


async def _all_dead(office: Office) -> bool:
    return set(await office.states()) == {DeliveryState.DEAD}


async def _needs_reauth(office: Office) -> bool:
    return (await office.integration()).status is IntegrationStatus.NEEDS_REAUTH


def test_every_kind_of_event_is_heard() -> None:
    assert set(PluginHost([Webhooks()]).heard("webhooks")) == set(facts_by_type())


@pytest.mark.parametrize("status", [301, 302, 307, 400, 404, 500, 502])
def test_whatever_is_not_2xx_is_tried_ten_times_over_three_days(status: int) -> None:
    for attempt, pause in enumerate(PAUSES_SECONDS, start=1):
        with pytest.raises(RetryLater) as later:
            judge(status, None, attempt)
        assert later.value.seconds == pause
    with pytest.raises(Rejected):
        judge(status, None, 10)
    assert sum(PAUSES_SECONDS) == (75 * 60 + 35) * 60 + 5


def test_a_wait_that_is_asked_for_is_kept_and_gone_is_gone() -> None:
    for status in (429, 503):
        with pytest.raises(Throttled) as throttled:
            judge(status, "120", 1)
        assert throttled.value.seconds == 120
    with pytest.raises(ReconnectNeeded):
        judge(410, None, 1)


# ── the contract of every plugin ──────────────────────────────────────────────────────────────────


class Subscriber(LoopbackRemote):
    """Knows a message by its id, as the standard asks of receivers."""

    def answer(self, call: Call) -> tuple[int, Any]:
        self.objects.setdefault(call.headers.get("webhook-id", call.method), {})
        return 204, None

    def arm(self, trouble: Trouble) -> bool:
        return trouble not in TestContract.not_played and super().arm(trouble)


ANY_ANSWER = "a receiver's answer says nothing about us: whatever is not 2xx is tried again"


class TestContract(Contract):
    plugin = Webhooks
    not_played = {Trouble.UNAUTHORIZED: ANY_ANSWER, Trouble.REFUSED: ANY_ANSWER, Trouble.DROPPED: ANY_ANSWER}

    def remote(self) -> AbstractContextManager[Remote]:
        return Subscriber()

    def settings(self, remote: Remote, mark: str) -> Settings:
        return Settings(remote.url, new_secret(), description=f"{mark} office")
