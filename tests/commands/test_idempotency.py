"""A request repeated under its key has its first answer and no second effect."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import text

from beltstack.domain.access import Role
from beltstack.store.tokens import token_hash
from tests.api import Company
from tests.schema.every import EVERY_MUTATION, answer_to
from tests.schema.shop import DIAGNOSIS, INVOICE, ORDER, Shop
from tests.store.rows import as_owner, count_of, rows_of


def a_request(shop: Shop, key: str = "k-1", **changes: Any) -> dict[str, Any]:
    basis = {"customerId": shop.customer, "siteId": shop.site, "title": "No heat", "source": "CALL"}
    return basis | {"lineItems": [DIAGNOSIS], "idempotencyKey": key} | changes


async def test_the_same_again_is_answered_the_same_and_done_once(shop: Shop, company: Company) -> None:
    first = await shop.api.send("workOrderCreate", ORDER, **a_request(shop))
    before = await rows_of(shop.api.database, company.tenant.id)
    assert await shop.api.send("workOrderCreate", ORDER, **a_request(shop)) == first
    assert await rows_of(shop.api.database, company.tenant.id) == before


async def test_a_transition_s_answer_is_the_record_as_it_is_by_now(shop: Shop) -> None:
    order = await shop.order()
    given = {"id": order["id"], "expectedVersion": order["version"], "reason": "Part ordered", "idempotencyKey": "hold"}
    held = await shop.api.do("workOrderHold", ORDER, **given)
    resumed = await shop.move("workOrderResume", held)
    again = await shop.api.do("workOrderHold", ORDER, **given)
    assert again == resumed
    assert again["state"] == "OPEN"


async def test_a_refusal_is_a_first_answer_too(shop: Shop, company: Company) -> None:
    """Also once the reason for it is gone: the caller who repeats wants to know what came of it then."""
    order = await shop.order(lineItems=[{"description": "Capacitor"}])
    given = {"id": order["id"], "expectedVersion": order["version"], "idempotencyKey": "complete"}
    first = await shop.api.send("workOrderComplete", ORDER, **given)
    assert [error["code"] for error in first["userErrors"]] == ["LINE_ITEM_WITHOUT_PRICE"]
    (line,) = (await lines_of(shop, order))["lineItems"]
    await shop.api.do(
        "lineItemUpdate", ORDER, id=line["id"], expectedVersion=order["version"], patch={"unitPrice": "38.50"}
    )
    again = await shop.api.send("workOrderComplete", ORDER, **given)
    assert again["userErrors"] == first["userErrors"]
    assert (await shop.read(order))["state"] == "OPEN"


async def test_a_refused_transition_tells_the_way_out_the_second_time_too(shop: Shop) -> None:
    order = await shop.order()
    given = {"id": order["id"], "expectedVersion": order["version"], "idempotencyKey": "approve"}
    first = await shop.api.refusal("workOrderApprove", ORDER, **given)
    again = await shop.api.refusal("workOrderApprove", ORDER, **given)
    assert (again["code"], again["currentState"]) == ("TRANSITION_NOT_ALLOWED", "OPEN")
    assert again == first


async def test_a_veto_keeps_its_plugin_the_second_time(shop: Shop) -> None:
    await shop.api.do("integrationEnable", "integration { id }", pluginId="findings_rule")
    order = await shop.order()
    given = {"id": order["id"], "expectedVersion": order["version"], "idempotencyKey": "veto"}
    first = await shop.api.refusal("workOrderComplete", ORDER, **given)
    assert (first["code"], first["pluginId"], first["pluginCode"]) == ("VETOED", "findings_rule", "FINDINGS_MISSING")
    assert await shop.api.refusal("workOrderComplete", ORDER, **given) == first


async def test_an_input_that_could_not_be_read_uses_no_key_up(shop: Shop) -> None:
    wrong = await shop.api.send("workOrderCreate", ORDER, **a_request(shop, customerId="nobody"))
    assert [error["code"] for error in wrong["userErrors"]] == ["NOT_FOUND"]
    assert (await shop.api.do("workOrderCreate", ORDER, **a_request(shop)))["number"] == "WO-1001"


@pytest.mark.parametrize(
    "changes",
    [{"title": "No cooling"}, {"lineItems": []}, {"priority": "HIGH"}, {"description": "x"}],
    ids=["another title", "fewer lines", "a default changed", "a field more"],
)
async def test_the_key_with_other_arguments_is_refused(changes: dict[str, Any], shop: Shop, company: Company) -> None:
    await shop.api.do("workOrderCreate", ORDER, **a_request(shop))
    refusal = await shop.api.refusal("workOrderCreate", ORDER, **a_request(shop, **changes))
    assert (refusal["code"], refusal["path"]) == ("IDEMPOTENCY_KEY_REUSED", ["input", "idempotencyKey"])
    assert await count_of(shop.api.database, company.tenant.id, "work_order") == 1


async def test_the_key_for_another_mutation_is_refused(shop: Shop) -> None:
    order = await shop.order()
    given = {"id": order["id"], "expectedVersion": order["version"], "idempotencyKey": "one"}
    draft = await shop.order(draft=True)
    await shop.move("workOrderSubmit", draft, idempotencyKey="one")
    assert (await shop.api.refusal("workOrderComplete", **given))["code"] == "IDEMPOTENCY_KEY_REUSED"


async def test_what_is_written_differently_and_means_the_same_is_the_same(shop: Shop) -> None:
    first = await shop.api.send("workOrderCreate", ORDER, **a_request(shop))
    spelled_out = a_request(shop, priority="NORMAL", noCharge=False, description=None)
    assert await shop.api.send("workOrderCreate", ORDER, **spelled_out) == first


async def test_absent_and_null_in_a_patch_are_not_the_same(shop: Shop) -> None:
    order = await shop.order(description="At length")
    given = {"id": order["id"], "expectedVersion": order["version"], "idempotencyKey": "patch"}
    await shop.api.do("workOrderUpdate", ORDER, patch={"title": "x"}, **given)
    refusal = await shop.api.refusal("workOrderUpdate", patch={"title": "x", "description": None}, **given)
    assert refusal["code"] == "IDEMPOTENCY_KEY_REUSED"


async def test_a_key_belongs_to_its_caller(shop: Shop, company: Company) -> None:
    await shop.api.do("customerCreate", "customer { id }", name="Rosa", idempotencyKey="k")
    other = await company.as_role(Role.OFFICE)
    made = await other.do("customerCreate", "customer { name }", name="Luis", idempotencyKey="k")
    assert made == {"name": "Luis"}


@pytest.mark.parametrize("key", ["", "  ", "x" * 256])
async def test_a_key_is_1_to_255_characters(key: str, shop: Shop) -> None:
    refusal = await shop.api.refusal("customerCreate", name="Rosa", idempotencyKey=key)
    assert (refusal["code"], refusal["path"]) == ("INVALID_INPUT", ["input", "idempotencyKey"])


async def test_while_the_first_runs_the_second_is_told_to_wait(shop: Shop) -> None:
    """The first one waits for a lock that we hold; meanwhile the second comes."""
    order = await shop.order()
    given = {"id": order["id"], "expectedVersion": order["version"], "reason": "Part", "idempotencyKey": "hold"}
    async with shop.api.database.transaction(await tenant_of(shop)) as connection:
        await connection.execute(text("select 1 from work_order for update"))
        first = asyncio.create_task(shop.api.send("workOrderHold", ORDER, **given))
        await until_somebody_waits(shop)
        second = await shop.api.refusal("workOrderHold", ORDER, **given)
    assert (second["code"], second["path"]) == ("IDEMPOTENCY_IN_PROGRESS", ["input", "idempotencyKey"])
    assert (await first)["workOrder"]["state"] == "ON_HOLD"
    assert (await shop.api.do("workOrderHold", ORDER, **given))["state"] == "ON_HOLD"


async def test_of_twenty_at_once_under_one_key_one_is_done(shop: Shop, company: Company) -> None:
    answers = await asyncio.gather(*(shop.api.send("workOrderCreate", ORDER, **a_request(shop)) for _ in range(20)))
    assert await count_of(shop.api.database, company.tenant.id, "work_order") == 1
    told = [answer["workOrder"]["id"] for answer in answers if answer["workOrder"]]
    assert len(set(told)) == 1
    codes = {error["code"] for answer in answers for error in answer["userErrors"]}
    assert codes <= {"IDEMPOTENCY_IN_PROGRESS"}
    (after,) = {
        answer["workOrder"]["id"] for answer in [await shop.api.send("workOrderCreate", ORDER, **a_request(shop))]
    }
    assert after == told[0]


async def test_a_payment_repeated_under_its_key_is_received_once(shop: Shop) -> None:
    invoice = await shop.issued()
    given = {"invoiceId": invoice["id"], "amount": "29.00", "method": "CASH", "idempotencyKey": "pay"}
    answer = "payment { id invoice { balance { amount } } }"
    first = await shop.api.send("paymentRecord", answer, **given)
    assert await shop.api.send("paymentRecord", answer, **given) == first
    assert first["payment"]["invoice"]["balance"] == {"amount": "100.00"}


async def test_an_issue_repeated_under_its_key_takes_one_number(shop: Shop) -> None:
    draft = await shop.drafted()
    given = {"id": draft["id"], "expectedVersion": draft["version"], "idempotencyKey": "issue"}
    first = await shop.api.send("invoiceIssue", INVOICE, **given)
    assert await shop.api.send("invoiceIssue", INVOICE, **given) == first
    assert (await shop.issued())["number"] == "INV-1002"


async def test_a_deleted_draft_stays_deleted(shop: Shop) -> None:
    draft = await shop.order(draft=True)
    given = {"id": draft["id"], "expectedVersion": draft["version"], "idempotencyKey": "delete"}
    first = await answer_to(shop.api, EVERY_MUTATION["workOrderDelete"], given)
    assert first["data"]["workOrderDelete"] == {"workOrder": None, "userErrors": []}
    assert await answer_to(shop.api, EVERY_MUTATION["workOrderDelete"], given) == first


async def lines_of(shop: Shop, order: Any) -> Any:
    document = "query ($id: ID!) { workOrder(id: $id) { lineItems { id } } }"
    return (await shop.api.ask(document, id=order["id"]))["workOrder"]


async def tenant_of(shop: Shop) -> Any:
    ((tenant_id,),) = await as_owner(
        shop.api.database, "select tenant_id from api_token where hash = :hash", hash=token_hash(shop.api.token)
    )
    return tenant_id


async def until_somebody_waits(shop: Shop) -> None:
    """Until a session of this database waits for a lock."""
    statement = (
        "select 1 from pg_locks join pg_stat_activity using (pid) where not granted and datname = current_database()"
    )
    for _ in range(500):
        if await as_owner(shop.api.database, statement):
            return
        await asyncio.sleep(0.01)
    raise AssertionError("Nobody came to wait for the lock within five seconds.")
