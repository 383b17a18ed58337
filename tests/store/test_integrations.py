"""Integrations with their lanes, their vault and their links: one tenant's, and nobody else's."""

import json

import pytest
from sqlalchemy import text
from uuid_utils.compat import uuid7

from beltstack.domain.changes import Change
from beltstack.domain.deliveries import (
    Integration,
    IntegrationNotEnabled,
    IntegrationStatus,
    Reference,
)
from beltstack.domain.errors import AlreadyExists, NotFound
from beltstack.domain.events import PaymentRecorded
from beltstack.domain.ids import IntegrationId
from beltstack.plugins import Context
from beltstack.store.database import Database, DatabaseRole
from beltstack.store.integrations import Integrations, Secrets, Vault
from beltstack.store.lanes import LaneKey, due_lanes, open_lane
from beltstack.store.references import References, ReferenceTaken
from beltstack.store.sealing import SealBroken
from tests.delivery.office import Office, a_plugin, an_office


async def silent(event: PaymentRecorded, context: Context) -> None:
    """Needs nothing."""


@pytest.fixture
async def office(database: Database) -> Office:
    return await an_office(database, a_plugin(silent))


@pytest.fixture
async def stranger(database: Database) -> Office:
    return await an_office(database, a_plugin(silent))


def another(office: Office, **changes: object) -> Integration:
    return Integration(IntegrationId(uuid7()), "other", "other", **changes)  # type: ignore[arg-type]


async def test_an_integration_is_made_with_its_lane(office: Office) -> None:
    lane = await office.lane()
    assert (lane.epoch, lane.failures) == (0, 0)


async def test_resuming_ends_the_lanes_rest(office: Office) -> None:
    await office.change(Integration.pause)
    async with office.session() as session:
        await session.connection.execute(
            text("update lane set failures = 9, rests_until = now() + interval '1 hour' where integration_id = :id"),
            {"id": office.integration_id},
        )
    assert await due(office) == []
    await office.receive(1)
    await office.change(Integration.resume)
    assert await due(office) == [office.integration_id]
    assert (await office.lane()).failures == 0


async def test_a_plugin_is_set_up_once_under_an_instances_name(office: Office) -> None:
    integration = await office.integration()
    twin = Integration(IntegrationId(uuid7()), integration.plugin_id, integration.instance)
    with pytest.raises(AlreadyExists, match="set up already"):
        async with office.session() as session:
            await Integrations(session).save(Change(None, twin))


async def test_a_tenant_has_one_enabled_ledger(office: Office) -> None:
    async with office.session() as session:
        first = another(office, is_ledger=True, status=IntegrationStatus.ENABLED)
        await Integrations(session).save(Change(None, first))
    second = Integration(IntegrationId(uuid7()), "third", "third", is_ledger=True)
    async with office.session() as session:
        await Integrations(session).save(Change(None, second))
    with pytest.raises(AlreadyExists, match="a tenant has one"):
        async with office.session() as session:
            await Integrations(session).save(second.enable())


def test_what_is_disabled_cannot_be_paused_or_resumed() -> None:
    disabled = Integration(IntegrationId(uuid7()), "books", "books")
    for decide in (disabled.pause, disabled.resume):
        with pytest.raises(IntegrationNotEnabled, match="enable it first"):
            decide()


def test_enabling_and_disabling_are_told_once() -> None:
    enabled = Integration(IntegrationId(uuid7()), "books", "books").enable()
    assert [fact.type for fact in enabled.facts] == ["plugin.enabled"]
    assert enabled.after.enable().facts == enabled.after.pause().facts == ()
    disabled = enabled.after.disable()
    assert [fact.type for fact in disabled.facts] == ["plugin.disabled"]
    assert disabled.after.disable().is_nothing


async def test_secrets_open_in_their_own_row_only(office: Office) -> None:
    secrets = Secrets({"api_key": "k-1"}, {"access": "a-1"})
    await office.keep(secrets)
    other = another(office)
    async with office.session() as session:
        await Integrations(session).save(Change(None, other))
        assert await Vault(session, office.sealer).open(office.integration_id) == secrets
        assert await Vault(session, office.sealer).open(other.id) == Secrets()
        await session.connection.execute(
            text(
                "update integration set sealed = (select sealed from integration where id = :source),"
                " plugin_id = (select plugin_id from integration where id = :source), instance = 'x' where id = :target"
            ),
            {"source": office.integration_id, "target": other.id},
        )
        with pytest.raises(SealBroken):
            await Vault(session, office.sealer).open(other.id)


async def test_an_integration_never_carries_its_secrets(office: Office) -> None:
    await office.keep(Secrets({"api_key": "canary-1"}, {"access": "canary-2"}))
    assert "canary" not in repr(await office.integration())
    async with office.session() as session:
        row = await session.first(text("select row_to_json(i)::text as row from integration i"))
    assert row is not None
    assert "canary" not in json.loads(row.row)["sealed"]


async def test_a_link_is_kept_and_renewed(office: Office) -> None:
    customer = uuid7()
    first, second = (
        Reference("customer", customer, "7", "0"),
        Reference("customer", customer, "7", "1", "https://x", "h"),
    )
    for reference in (first, second):
        async with office.session() as session:
            await References(session).link(office.integration_id, reference)
    async with office.session() as session:
        references = References(session)
        assert await references.find(office.integration_id, "customer", customer) == second
        assert await references.find(office.integration_id, "invoice", customer) is None
        assert await references.of("customer", customer) == {office.integration_id: second}


async def test_their_record_is_linked_with_one_of_ours(office: Office) -> None:
    async with office.session() as session:
        await References(session).link(office.integration_id, Reference("customer", uuid7(), "7"))
        await References(session).link(office.integration_id, Reference("invoice", uuid7(), "7"))
    with pytest.raises(ReferenceTaken, match="7 over there is linked with another customer already"):
        async with office.session() as session:
            await References(session).link(office.integration_id, Reference("customer", uuid7(), "7"))


async def test_another_tenant_sees_neither_links_nor_integrations(office: Office, stranger: Office) -> None:
    customer = uuid7()
    async with office.session() as session:
        await References(session).link(office.integration_id, Reference("customer", customer, "7"))
    async with stranger.session() as session:
        assert await References(session).find(office.integration_id, "customer", customer) is None
        assert [one.id for one in await Integrations(session).all()] == [stranger.integration_id]
        with pytest.raises(NotFound):
            await Integrations(session).get(office.integration_id)
        with pytest.raises(NotFound):
            await Vault(session, stranger.sealer).open(office.integration_id)


async def test_the_engine_sees_which_lanes_are_due_of_every_tenant(office: Office, stranger: Office) -> None:
    await office.receive(1)
    await stranger.receive(1)
    plugins = [(await one.integration()).plugin_id for one in (office, stranger)]
    found = await due_lanes(office.database, plugins=plugins, lenient=(), busy=(), full_tenants=())
    assert {key.tenant_id for key in found} == {office.tenant.id, stranger.tenant.id}
    found = await due_lanes(office.database, plugins=plugins, lenient=(), busy=[office.integration_id], full_tenants=())
    assert [key.tenant_id for key in found] == [stranger.tenant.id]


async def test_the_engine_sees_no_event_and_no_secret(office: Office) -> None:
    for statement in ("select data from event", "select sealed from integration", "select settings from integration"):
        with pytest.raises(Exception, match="permission denied"):
            async with office.database.transaction(None, role=DatabaseRole.ENGINE) as connection:
                await connection.execute(text(statement))


async def test_a_lane_opens_in_its_own_tenant_only(office: Office, stranger: Office) -> None:
    await office.receive(1)
    plugin_id = (await office.integration()).plugin_id
    assert await open_lane(office.database, LaneKey(stranger.tenant.id, office.integration_id, plugin_id)) is None
    opened = await open_lane(office.database, LaneKey(office.tenant.id, office.integration_id, plugin_id))
    assert opened is not None
    assert (opened.epoch, opened.tenant_name) == (1, "North Air")


async def due(office: Office) -> list[IntegrationId]:
    plugin_id = (await office.integration()).plugin_id
    return [
        key.integration_id
        for key in await due_lanes(office.database, plugins=[plugin_id], lenient=(), busy=(), full_tenants=())
    ]
