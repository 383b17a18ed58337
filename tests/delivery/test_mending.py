"""What an admin sees of an integration in trouble, and what they can do about it: try again, or give up."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import text

from beltstack.commands.tenancy import create_token
from beltstack.domain.access import Role
from beltstack.domain.deliveries import Reference
from beltstack.domain.ids import Noun, public_id
from beltstack.plugins.context import Context
from beltstack.plugins.errors import NeedsAttention, ReconnectNeeded, Rejected, RetryLater
from beltstack.store.database import Database
from beltstack.store.references import References
from tests.api import Api
from tests.delivery.office import Office, a_plugin, an_office, at_work, until

SEEN = """query ($id: ID!) { integration(id: $id) { status
  problems { key message count isCritical firstAt lastAt resolvedAt }
  health { lagSeconds owed dead lastSuccessAt breaker restsUntil }
  references { entity entityId externalId url }
  deliveries { nodes { id state errorCode
    attemptList { attempt startedAt endedAt errorClass errorCode error } } } } }"""
MANY = "count deliveries { id state }"


async def an_admin(office: Office) -> Api:
    token = await create_token(
        office.database, slug=office.tenant.slug, roles=(Role.ADMIN,), label="test", at=datetime.now(UTC)
    )
    return Api(office.database, office.host, office.sealer, token)


async def seen(office: Office, api: Api) -> Any:
    return (await api.ask(SEEN, id=public_id(Noun.INTEGRATION, office.integration_id)))["integration"]


async def settle(office: Office, *states: str) -> None:
    async def are_settled() -> bool:
        return [state.value for state in await office.states()] == list(states)

    async with at_work(office):
        await until(are_settled)


def by_amount(**errors: Exception) -> Any:
    """A reaction that raises what stands under the payment's amount, and else takes it."""

    async def react(event: Any, _: Context) -> None:
        if error := errors.get(f"of_{event.amount}"):
            raise error

    return react


REFUSES = by_amount(of_1=Rejected("No such item.", code="ITEM"), of_2=NeedsAttention("Map the tax.", code="TAX"))


# ── what is seen ──────────────────────────────────────────────────────────────────────────────────


async def test_dead_letters_are_one_problem_for_each_code(database: Database) -> None:
    office = await an_office(database, a_plugin(REFUSES))
    for amount in (1, 2, 1):
        await office.receive(amount)
    await settle(office, "DEAD", "DEAD", "DEAD")
    found = await seen(office, await an_admin(office))
    problems = {one["key"]: one for one in found["problems"]}
    assert {key: (one["count"], one["message"], one["isCritical"]) for key, one in problems.items()} == {
        "DEAD:ITEM": (2, "No such item.", True),
        "DEAD:TAX": (1, "Map the tax.", True),
    }
    assert all(one["resolvedAt"] is None for one in problems.values())
    assert (found["health"]["owed"], found["health"]["dead"], found["health"]["breaker"]) == (0, 3, "CLOSED")


async def test_an_integration_that_has_to_be_connected_again_has_a_problem_until_it_is_resumed(
    database: Database,
) -> None:
    office = await an_office(database, a_plugin(by_amount(of_1=ReconnectNeeded("Connect again."))))
    await office.receive(1)
    api = await an_admin(office)

    async def is_stopped() -> bool:
        return (await office.integration()).status == "NEEDS_REAUTH"

    async with at_work(office):
        await until(is_stopped)
    (problem,) = (await seen(office, api))["problems"]
    assert (problem["key"], problem["message"], problem["count"]) == ("NEEDS_REAUTH", "Connect again.", 1)
    stands = await office.integration()
    identifier = public_id(Noun.INTEGRATION, office.integration_id)
    await api.do("integrationResume", "integration { id }", id=identifier, expectedVersion=stands.version)
    (problem,) = (await seen(office, api))["problems"]
    assert problem["resolvedAt"] is not None


async def test_health_tells_the_lag_the_last_success_and_the_breaker(database: Database) -> None:
    office = await an_office(database, a_plugin(by_amount(of_1=RetryLater("Down.", seconds=600))))
    await office.receive(7)
    await settle(office, "DELIVERED")
    api = await an_admin(office)
    health = (await seen(office, api))["health"]
    assert abs(datetime.now(UTC) - datetime.fromisoformat(health["lastSuccessAt"])) < timedelta(minutes=1)
    assert (health["owed"], health["lagSeconds"], health["breaker"], health["restsUntil"]) == (0, 0, "CLOSED", None)
    await office.receive(8)
    await run(office, "update delivery set due_at = now() - interval '90 seconds' where state = 'READY'")
    await run(office, "update lane set failures = 5, rests_until = now() + interval '1 hour'")
    health = (await seen(office, api))["health"]
    assert (health["owed"], health["breaker"]) == (1, "OPEN")
    assert 90 <= health["lagSeconds"] < 120
    assert datetime.fromisoformat(health["restsUntil"]) > datetime.now(UTC)
    await run(office, "update lane set rests_until = 'epoch'")
    assert (await seen(office, api))["health"]["breaker"] == "PROBING"


async def test_every_start_of_a_delivery_is_told_the_last_first(database: Database) -> None:
    office = await an_office(database, a_plugin(REFUSES))
    await office.receive(1)
    await settle(office, "DEAD")
    api = await an_admin(office)
    (delivery,) = (await seen(office, api))["deliveries"]["nodes"]
    await api.send("deliveryReplay", MANY, ids=[delivery["id"]])
    await settle(office, "DEAD")
    (delivery,) = (await seen(office, api))["deliveries"]["nodes"]
    assert [(one["attempt"], one["errorClass"], one["errorCode"]) for one in delivery["attemptList"]] == [
        (2, "REJECTED", "ITEM"),
        (1, "REJECTED", "ITEM"),
    ]
    assert all(one["startedAt"] <= one["endedAt"] for one in delivery["attemptList"])


async def test_what_is_linked_is_shown_renewed_last_first(database: Database) -> None:
    office = await an_office(database, a_plugin(REFUSES))
    for number in (1, 2):
        async with office.session() as session:
            link = Reference("customer", session.new_id(), f"C-{number}", external_url=f"https://books.test/{number}")
            await References(session).link(office.integration_id, link)
    found = (await seen(office, await an_admin(office)))["references"]
    assert [(one["externalId"], one["url"]) for one in found] == [
        ("C-2", "https://books.test/2"), ("C-1", "https://books.test/1"),
    ]  # fmt: skip


# ── trying again ──────────────────────────────────────────────────────────────────────────────────


async def test_deliveries_are_tried_again_by_what_is_wrong_with_them(database: Database) -> None:
    office = await an_office(database, a_plugin(REFUSES))
    for amount in (1, 2, 1):
        await office.receive(amount)
    await settle(office, "DEAD", "DEAD", "DEAD")
    api = await an_admin(office)
    payload = await api.send("deliveryReplay", MANY, where={"errorCode": "ITEM"})
    assert (payload["count"], [one["state"] for one in payload["deliveries"]]) == (2, ["READY", "READY"])
    assert [state.value for state in await office.states()] == ["READY", "DEAD", "READY"]
    open_ones = [one["key"] for one in (await seen(office, api))["problems"] if one["resolvedAt"] is None]
    assert open_ones == ["DEAD:TAX"]


async def test_a_filter_takes_what_fits_all_of_it(database: Database) -> None:
    office = await an_office(database, a_plugin(REFUSES))
    await office.receive(1)
    await settle(office, "DEAD")
    api = await an_admin(office)
    now = datetime.now(UTC)
    fits = {
        "integrationId": public_id(Noun.INTEGRATION, office.integration_id), "errorClass": "REJECTED",
        "errorCode": "ITEM", "type": "payment.recorded", "createdFrom": (now - timedelta(hours=1)).isoformat(),
        "createdTo": (now + timedelta(hours=1)).isoformat(),
    }  # fmt: skip
    others = {
        "errorClass": "DEFECT", "errorCode": "TAX", "type": "invoice.issued",
        "createdFrom": (now + timedelta(minutes=1)).isoformat(), "createdTo": (now - timedelta(minutes=59)).isoformat(),
    }  # fmt: skip
    for name, value in others.items():
        assert (await api.send("deliveryReplay", MANY, where=fits | {name: value}))["count"] == 0, name
    first = await api.send("deliveryReplay", MANY, where=fits, idempotencyKey="one")
    assert first["count"] == 1
    assert await api.send("deliveryReplay", MANY, where=fits, idempotencyKey="one") == first
    assert (await api.send("deliveryReplay", MANY, where=fits))["count"] == 0


async def test_one_call_takes_a_thousand_and_names_250(database: Database) -> None:
    office = await an_office(database, a_plugin(REFUSES))
    await office.receive(*range(1, 1101))
    await run(office, "update delivery set state = 'DEAD', error_code = 'ITEM', error_class = 'REJECTED'")
    api = await an_admin(office)
    where = {"errorCode": "ITEM"}
    payload = await api.send("deliveryReplay", "count deliveries { id }", where=where)
    assert (payload["count"], len(payload["deliveries"])) == (1000, 250)
    assert (await api.send("deliveryReplay", "count deliveries { id }", where=where))["count"] == 100


async def test_neither_ids_nor_a_filter_is_nothing_to_try(database: Database) -> None:
    office = await an_office(database, a_plugin(REFUSES))
    api = await an_admin(office)
    nothings: tuple[dict[str, Any], ...] = ({}, {"ids": []}, {"where": {}})
    for given in nothings:
        assert (await api.refusal("deliveryReplay", **given))["code"] == "INVALID_INPUT"


# ── giving up ─────────────────────────────────────────────────────────────────────────────────────


async def test_what_is_canceled_is_told_no_more_and_its_stream_goes_on(database: Database) -> None:
    office = await an_office(database, a_plugin(REFUSES))
    await office.receive(1, 5)
    await settle(office, "DEAD", "READY")
    api = await an_admin(office)
    payload = await api.send("deliveriesCancel", MANY, where={"errorCode": "ITEM"}, reason="Entered by hand.")
    assert (payload["count"], payload["deliveries"][0]["state"]) == (1, "CANCELED")
    await settle(office, "CANCELED", "DELIVERED")
    assert [one["resolvedAt"] is None for one in (await seen(office, api))["problems"]] == [False]
    async with office.session() as session:
        rows = await session.all(text("select note from audit_entry where command = 'deliveries.cancel'"))
    assert [row.note for row in rows] == ["1 deliveries canceled: Entered by hand."]


async def test_what_is_under_way_or_over_cannot_be_canceled(database: Database) -> None:
    begun, over = asyncio.Event(), asyncio.Event()

    async def wait(_: Any, __: Context) -> None:
        begun.set()
        await over.wait()

    office = await an_office(database, a_plugin(wait))
    await office.receive(1)
    api = await an_admin(office)
    identifier = public_id(Noun.INTEGRATION, office.integration_id)
    async with at_work(office):
        await asyncio.wait_for(begun.wait(), 8)
        (delivery,) = await office.deliveries()
        given: dict[str, Any] = {"ids": [public_id(Noun.DELIVERY, delivery.id)], "reason": "No."}
        refused = await api.refusal("deliveriesCancel", **given)
        assert (refused["code"], refused["path"]) == ("DELIVERY_NOT_CANCELABLE", ["input", "ids", "0"])
        chosen = await api.send("deliveriesCancel", MANY, where={"integrationId": identifier}, reason="No.")
        assert chosen["count"] == 0
        over.set()
        await until(office.all_delivered)
    assert (await api.refusal("deliveriesCancel", **given))["code"] == "DELIVERY_NOT_CANCELABLE"
    assert (await api.refusal("deliveriesCancel", where={"errorCode": "X"}, reason=" "))["code"] == "INVALID_INPUT"


async def run(office: Office, statement: str) -> None:
    async with office.session() as session:
        await session.connection.execute(text(statement))
