"""Nothing that happened is missed: not beside an enabling, not from before it, not by who reads the ledger."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import text

from beltstack.commands.tenancy import create_token
from beltstack.delivery.shop import Shop
from beltstack.delivery.sweeping import sweep_all
from beltstack.domain.access import Role
from beltstack.domain.deliveries import Integration
from beltstack.domain.ids import Noun, public_id
from beltstack.plugins.context import Context
from beltstack.store.database import Database
from beltstack.store.integrations import Integrations
from beltstack.store.outbox import tell
from tests.api import Api
from tests.delivery.office import Office, a_payment, a_plugin, an_office, at_work, until

COUNT = "count integration { id }"


async def take(_: Any, __: Context) -> None:
    """Takes everything."""


async def amounts_owed(office: Office) -> list[int]:
    async with office.session() as session:
        rows = await session.all(_OWED, {"tenant": office.tenant.id, "integration": office.integration_id})
    return [int(row.amount) for row in rows]


async def swept(office: Office) -> None:
    shop = Shop(office.database, office.host, office.sealer)
    await sweep_all(shop)
    await shop.close()


# ── the sweep ─────────────────────────────────────────────────────────────────────────────────────


async def test_an_event_told_beside_the_enabling_is_owed_once_its_transaction_is_over(database: Database) -> None:
    office = await an_office(database, a_plugin(take))
    await swept(office)
    await swept(office)
    await office.change(Integration.disable)
    await office.receive(1)  # told and over before the enabling: for a back-fill, not for the sweep
    async with office.session() as beside:
        await tell(beside, [a_payment(2, uuid4())])
        await office.change(Integration.enable)
        await office.receive(3)
        await swept(office)
        assert await amounts_owed(office) == [3]
    await others_are_over(office)
    await swept(office)
    assert await amounts_owed(office) == [2, 3]
    await swept(office)
    assert await amounts_owed(office) == [2, 3]


async def test_a_transaction_that_began_after_the_enabling_s_own_number_is_swept_too(database: Database) -> None:
    office = await an_office(database, a_plugin(take))
    await office.change(Integration.disable)
    async with office.session() as beside:
        async with office.session() as enabling:
            integrations = Integrations(enabling)
            await integrations.save((await integrations.get(office.integration_id, lock=True)).enable())
            await tell(beside, [a_payment(5, uuid4())])
        await swept(office)
        assert await amounts_owed(office) == []
    await others_are_over(office)
    await swept(office)
    assert await amounts_owed(office) == [5]


async def test_the_worker_sweeps_by_itself(database: Database) -> None:
    office = await an_office(database, a_plugin(take))
    await office.change(Integration.disable)
    async with at_work(office):
        async with office.session() as beside:
            await tell(beside, [a_payment(2, uuid4())])
            await office.change(Integration.enable)

        async def is_delivered() -> bool:
            return bool(await amounts_owed(office)) and await office.all_delivered()

        await until(is_delivered)


# ── the back-fill ─────────────────────────────────────────────────────────────────────────────────


async def test_a_back_fill_owes_what_was_not_owed_yet_in_its_streams_order(database: Database) -> None:
    heard: list[int] = []

    async def hear(event: Any, _: Context) -> None:
        heard.append(int(event.amount))

    office = await an_office(database, a_plugin(hear))
    await office.change(Integration.disable)
    stream = await office.receive(1, 2, 3)
    await office.change(Integration.enable)
    await office.receive(4, invoice=stream)
    api = await an_admin(office)
    since = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    given = {"id": public_id(Noun.INTEGRATION, office.integration_id), "from": since}
    assert (await api.send("integrationBackfill", COUNT, **given))["count"] == 3
    assert (await api.send("integrationBackfill", COUNT, **given))["count"] == 0
    async with at_work(office):
        await until(office.all_delivered)
    assert heard == [1, 2, 3, 4]


async def test_a_back_fill_begins_where_it_was_asked_to_and_takes_the_types_it_was_asked_for(
    database: Database,
) -> None:
    office = await an_office(database, a_plugin(take))
    await office.change(Integration.disable)
    await office.receive(1)
    await office.change(Integration.enable)
    api = await an_admin(office)
    identifier = public_id(Noun.INTEGRATION, office.integration_id)
    later = (datetime.now(UTC) + timedelta(minutes=1)).isoformat()
    assert (await api.send("integrationBackfill", COUNT, id=identifier, **{"from": later}))["count"] == 0
    refused = await api.refusal(
        "integrationBackfill", id=identifier, types=["payment.recorded", "visit.completed"], **{"from": later}
    )
    assert (refused["code"], refused["path"]) == ("INVALID_INPUT", ["input", "types", "1"])
    assert await amounts_owed(office) == []


async def test_what_is_disabled_is_owed_nothing(database: Database) -> None:
    office = await an_office(database, a_plugin(take))
    await office.change(Integration.disable)
    api = await an_admin(office)
    identifier = public_id(Noun.INTEGRATION, office.integration_id)
    refused = await api.refusal("integrationBackfill", id=identifier, **{"from": "2020-01-01T00:00:00Z"})
    assert refused["code"] == "INTEGRATION_NOT_ENABLED"


# ── reading on ────────────────────────────────────────────────────────────────────────────────────

READ = """query ($after: String, $first: Int, $where: EventWhere) { events(after: $after, first: $first, where: $where,
  orderBy: { field: COMMITTED, direction: ASC }) { nodes { data } pageInfo { endCursor hasNextPage } } }"""


async def read_on(api: Api, after: str | None, **given: Any) -> tuple[list[str], str | None]:
    page = (await api.ask(READ, after=after, **given))["events"]
    amounts = [node["data"]["amount"] for node in page["nodes"] if "amount" in node["data"]]
    return amounts, page["pageInfo"]["endCursor"] or after


async def others_are_over(office: Office) -> None:
    """What other tests began on this server before now has ended: until then the ledger may not be read so far."""
    async with office.session() as session:
        (row,) = await session.all(text("select cast(cast(pg_current_xact_id() as text) as bigint) as number"), {})

    async def settled() -> bool:
        async with office.session() as session:
            (oldest,) = await session.all(_OLDEST, {})
        return bool(oldest.number > row.number)

    await until(settled, seconds=60)


async def test_whoever_reads_on_misses_nothing_that_is_committed_late(database: Database) -> None:
    office = await an_office(database, a_plugin(take))
    api = await an_admin(office)
    _, end = await read_on(api, None)
    async with office.session() as slow:
        await tell(slow, [a_payment(1, uuid4())])
        await office.receive(2)
        early, end = await read_on(api, end)
        assert early == []
    await others_are_over(office)
    late, end = await read_on(api, end)
    assert late == ["1", "2"]
    assert await read_on(api, end) == ([], end)


async def test_pages_of_the_ledger_hold_each_event_once(database: Database) -> None:
    office = await an_office(database, a_plugin(take))
    api = await an_admin(office)
    _, end = await read_on(api, None)
    await office.receive(*range(7))
    await office.receive(7)
    await others_are_over(office)
    found: list[str] = []
    for _ in range(5):
        amounts, end = await read_on(api, end, first=3)
        found += amounts
    assert sorted(found) == [str(number) for number in range(8)]


async def test_reading_on_takes_the_types_and_the_record_asked_for(database: Database) -> None:
    office = await an_office(database, a_plugin(take))
    api = await an_admin(office)
    stream = await office.receive(1)
    await office.receive(2)
    await others_are_over(office)
    payments = {"type": {"in": ["payment.recorded", "visit.completed"]}}
    assert (await read_on(api, None, where=payments))[0] == ["1", "2"]
    assert (await read_on(api, None, where={"type": {"eq": "visit.completed"}}))[0] == []
    subject = {"subjectId": {"eq": public_id(Noun.INVOICE, UUID(str(stream)))}}
    assert (await read_on(api, None, where=payments | subject))[0] == ["1"]


async def an_admin(office: Office) -> Api:
    token = await create_token(
        office.database, slug=office.tenant.slug, roles=(Role.ADMIN,), label="test", at=datetime.now(UTC)
    )
    return Api(office.database, office.host, office.sealer, token)


_OWED = text(
    """select e.data ->> 'amount' as amount from delivery d
       join event e on e.tenant_id = d.tenant_id and e.id = d.event_id
       where d.tenant_id = :tenant and d.integration_id = :integration order by 1"""
)

_OLDEST = text("select cast(cast(pg_snapshot_xmin(pg_current_snapshot()) as text) as bigint) as number")
