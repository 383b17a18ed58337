"""Credentials open only for their integration, and are renewed once however many need it."""

import asyncio
from dataclasses import dataclass, replace

import pytest

from beltstack.delivery.credentials import IntegrationCredentials, RenewalQueues
from beltstack.delivery.discretion import Discretion
from beltstack.delivery.sessions import TenantSessions
from beltstack.domain.deliveries import ErrorClass, IntegrationStatus
from beltstack.domain.events import PaymentRecorded
from beltstack.plugins import Context, Limits, ReconnectNeeded
from beltstack.store.database import Database
from beltstack.store.integrations import Secrets
from beltstack.store.sealing import Sealer, new_key
from tests.delivery.office import Office, a_plugin, an_office, at_work, until


@dataclass(frozen=True, slots=True)
class Tokens:
    access: str
    refresh: str


FIRST, SECOND, THIRD = Tokens("access-1", "refresh-1"), Tokens("access-2", "refresh-2"), Tokens("access-3", "refresh-3")


class Remote:
    """Rotates: a refresh token is good once."""

    def __init__(self, *, seconds: float = 0.05) -> None:
        self.used: list[str] = []
        self.seconds = seconds

    async def refresh(self, tokens: Tokens) -> Tokens:
        assert tokens.refresh not in self.used
        self.used.append(tokens.refresh)
        await asyncio.sleep(self.seconds)
        return SECOND


async def silent(event: PaymentRecorded, context: Context) -> None:
    """Needs nothing."""


@pytest.fixture
async def office(database: Database) -> Office:
    office = await an_office(database, a_plugin(silent, credentials=Tokens))
    await connect(office, FIRST)
    return office


async def connect(office: Office, tokens: Tokens) -> None:
    await office.keep(Secrets(credentials={"access": tokens.access, "refresh": tokens.refresh}))


def credentials_of(
    office: Office, *, queues: RenewalQueues | None = None, sealer: Sealer | None = None
) -> IntegrationCredentials:
    sessions = TenantSessions(office.database, office.tenant.id, office.integration_id)
    return IntegrationCredentials(sessions, sealer or office.sealer, queues or RenewalQueues(), Discretion())


async def test_twelve_that_need_it_in_one_process_renew_once(office: Office) -> None:
    remote, queues = Remote(), RenewalQueues()
    users = [credentials_of(office, queues=queues) for _ in range(12)]
    got = await asyncio.gather(*(user.renew(Tokens, FIRST, remote.refresh) for user in users))
    assert (remote.used, got) == (["refresh-1"], [SECOND] * 12)
    assert await users[0].read(Tokens) == SECOND


async def test_several_processes_renew_once(office: Office) -> None:
    """Each with queues of its own, as a process has: only the database is between them."""
    remote = Remote()
    users = [credentials_of(office) for _ in range(8)]
    got = await asyncio.gather(*(user.renew(Tokens, FIRST, remote.refresh) for user in users))
    assert (remote.used, got) == (["refresh-1"], [SECOND] * 8)


async def test_twelve_deliveries_at_once_renew_once(database: Database) -> None:
    remote, together = Remote(), asyncio.Barrier(12)

    async def react(event: PaymentRecorded, context: Context) -> None:
        tokens = await context.credentials.read(Tokens)
        await together.wait()
        assert await context.credentials.renew(Tokens, tokens, remote.refresh) == SECOND

    office = await an_office(database, a_plugin(react, credentials=Tokens, limits=Limits(at_once=12)))
    await connect(office, FIRST)
    for amount in range(12):
        await office.receive(amount)
    async with at_work(office):
        await until(office.all_delivered)
    assert remote.used == ["refresh-1"]


async def test_a_renewal_is_stored_even_if_who_asked_for_it_is_gone(office: Office) -> None:
    remote, queues = Remote(), RenewalQueues()
    asking = asyncio.create_task(credentials_of(office, queues=queues).renew(Tokens, FIRST, remote.refresh))
    await asyncio.sleep(0.02)
    asking.cancel()
    await queues.finish()
    assert await credentials_of(office).read(Tokens) == SECOND


async def test_whoever_connects_anew_during_a_renewal_is_not_overwritten(office: Office) -> None:
    remote = Remote(seconds=0.2)
    renewing = asyncio.create_task(credentials_of(office).renew(Tokens, FIRST, remote.refresh))
    await asyncio.sleep(0.05)
    await asyncio.wait_for(connect(office, THIRD), 0.1)
    assert await renewing == THIRD
    assert await credentials_of(office).read(Tokens) == THIRD


async def test_a_refused_renewal_changes_nothing_and_the_next_one_may_try(office: Office) -> None:
    async def refused(_: Tokens) -> Tokens:
        raise ReconnectNeeded("The refresh token is spent.")

    user = credentials_of(office)
    with pytest.raises(ReconnectNeeded):
        await user.renew(Tokens, FIRST, refused)
    assert await user.read(Tokens) == FIRST
    assert await user.renew(Tokens, FIRST, Remote().refresh) == SECOND


async def test_credentials_do_not_open_with_another_key(office: Office) -> None:
    with pytest.raises(ReconnectNeeded, match="does not have"):
        await credentials_of(office, sealer=Sealer.of_key(new_key())).read(Tokens)


async def test_no_credentials_ask_to_be_connected(database: Database) -> None:
    async def react(event: PaymentRecorded, context: Context) -> None:
        await context.credentials.read(Tokens)

    office = await an_office(database, a_plugin(react, credentials=Tokens))
    await office.receive(1)
    async with at_work(office):
        await until(lambda: is_stopped(office))
    integration = await office.integration()
    assert (integration.problem, integration.problem_code) == (
        "The integration is not connected yet: connect it.",
        "NOT_CONNECTED",
    )
    assert [delivery.error_class for delivery in await office.deliveries()] == [ErrorClass.RECONNECT]


async def test_another_integration_of_the_tenant_cannot_open_them(office: Office) -> None:
    other = replace(office, integration_id=(await an_office(office.database, a_plugin(silent))).integration_id)
    with pytest.raises(Exception, match="There is no integration"):
        await credentials_of(other).read(Tokens)


async def is_stopped(office: Office) -> bool:
    return (await office.integration()).status is IntegrationStatus.NEEDS_REAUTH
