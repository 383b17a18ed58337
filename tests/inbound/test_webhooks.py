"""What comes in, over real HTTP: the worked example's forms, kept before they are answered and done exactly once."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from uuid_utils.compat import uuid7

from beltstack.domain.access import Role
from beltstack.inbound.reading import ReadingPace
from beltstack.inbound.working import take_inbound
from beltstack.plugins import (
    Connection,
    Inbound,
    Intake,
    Manifest,
    NeedsAttention,
    NewWorkOrder,
    Plugin,
    ReceivesWebhooks,
    RetryLater,
    new_secret,
    signed_headers,
)
from beltstack.store.database import Database
from beltstack.store.sealing import Sealer
from tests.delivery.office import until
from tests.inbound.serving import Served, example, served
from tests.schema.rules import Listener, a_manifest

FORMS = example("form_intake")
SECRET = new_secret()
OLDER = new_secret()
BRISK = ReadingPace(limit_seconds=0.3, lease_seconds=1.0, first_pause_seconds=0.002, poll_seconds=0.05)
FORM = {
    "name": "Rosa Delgado",
    "email": "Rosa@Example.com",
    "phone": "(312) 555-0175",
    "street": "12 Elm St",
    "zip": "60607",
    "what": "No heat upstairs",
    "details": "Since last night.",
    "urgent": "yes",
}
MESSAGES = "inbound { nodes { id receivedAt state attempts error settledAt workOrder { id title } } }"
ORDERS = """{ workOrders { nodes { id number title description state source priority
  customer { id name email phone } site { id name timezone address { line1 postalCode } } } } }"""


class Moody(Plugin, ReceivesWebhooks):
    """Believes what says "believe"; makes of a message what its body says."""

    manifest = Manifest(id="moody", name="Moody", version="1", description="Does what the message says.")
    seen: list[str]

    def __init__(self) -> None:
        self.seen = []
        self.kept: dict[str, Inbound] = {}
        self.released = asyncio.Event()

    async def is_held_twice(self) -> bool:
        return sum(mood.startswith("held") for mood in self.seen) >= 2

    def verify(self, inbound: Inbound, settings: Any) -> str:
        match inbound.headers.get("x-mood"):
            case "crash":
                raise RuntimeError("no")
            case "hang":
                time.sleep(1.5)
            case "nothing":
                return ""
        return inbound.headers.get("webhook-id") or inbound.body.decode()

    async def receive(self, inbound: Inbound, connection: Connection) -> Sequence[Intake]:
        mood = inbound.body.decode()
        self.seen.append(mood)
        self.kept[inbound.headers.get("webhook-id", "")] = inbound
        match mood.partition(" ")[0]:
            case "later":
                if self.seen.count(mood) < 3:
                    raise RetryLater("Not yet.")
            case "crash":
                raise RuntimeError("the secret text of an error")
            case "hang":
                await asyncio.sleep(60)
            case "held":
                await self.released.wait()
            case "office":
                raise NeedsAttention("Map the form's service area first.")
            case "junk":
                return ["a work order"]  # type: ignore[list-item]
            case "nothing":
                return ()
            case "many":
                return [NewWorkOrder("One of many", "Ada", email="ada@example.com")] * 51
            case "half":
                return [NewWorkOrder("Good", "Ada", email="ada@example.com"), NewWorkOrder(" ", "Ada")]
        return [NewWorkOrder(mood, "Ada", email="ada@example.com")]


@pytest.fixture(scope="module")
def moody() -> Moody:
    return Moody()


@pytest.fixture(scope="module")
async def server(database: Database, sealer: Sealer, moody: Moody) -> AsyncIterator[Served]:
    async with served(database, sealer, [FORMS.FormIntake(), moody, Listener()]) as found:
        yield found


@pytest.fixture
async def office(server: Served) -> Served:
    """A tenant of the test's own."""
    return await server.another()


@pytest.fixture(scope="module")
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(trust_env=False) as client:
        yield client


@pytest.fixture
async def form(office: Served) -> str:
    """The id of the tenant's integration of the worked example."""
    return await office.enabled("form_intake", settings={"signing_secret": SECRET, "older_signing_secret": OLDER})


@pytest.fixture
async def mood(office: Served) -> str:
    return await office.enabled("moody")


@asynccontextmanager
async def at_work(office: Served, *, pace: ReadingPace = BRISK) -> AsyncIterator[None]:
    """A worker reads."""
    stop, services = asyncio.Event(), office.services
    worker = asyncio.create_task(take_inbound(services.database, services.host, services.sealer, stop=stop, pace=pace))
    try:
        yield
    finally:
        stop.set()
        await asyncio.wait_for(worker, 10)


async def address(office: Served, integration_id: str) -> str:
    url: str = (await office.integration(integration_id, "webhookUrl"))["webhookUrl"]
    return url


async def sent(
    http: httpx.AsyncClient,
    url: str,
    form: Any = FORM,
    *,
    secret: str = SECRET,
    identifier: str | None = None,
    at: datetime | None = None,
) -> httpx.Response:
    """As the form's own server sends it."""
    body = json.dumps(form).encode()
    headers = signed_headers(secret, identifier or f"msg_{uuid7()}", at or datetime.now(UTC), body)
    return await http.post(url, content=body, headers=headers | {"content-type": "application/json"})


async def messages(office: Served, integration_id: str) -> list[Any]:
    """The oldest first."""
    found: list[Any] = (await office.integration(integration_id, MESSAGES))["inbound"]["nodes"]
    return found[::-1]


async def orders(office: Served) -> list[Any]:
    found: list[Any] = (await office.owner.ask(ORDERS))["workOrders"]["nodes"]
    return found[::-1]


async def settled(office: Served, integration_id: str, *, seconds: float = 8.0) -> list[Any]:
    """The messages, once none waits any more."""

    async def none_waits() -> bool:
        return all(message["state"] != "RECEIVED" for message in await messages(office, integration_id))

    await until(none_waits, seconds=seconds)
    return await messages(office, integration_id)


# ── the worked example ────────────────────────────────────────────────────────────────────────────


async def test_a_signed_form_becomes_a_draft(office: Served, form: str, http: httpx.AsyncClient) -> None:
    answer = await sent(http, await address(office, form))
    assert answer.status_code == 202
    (kept,) = await messages(office, form)
    assert (kept["state"], kept["id"]) == ("RECEIVED", answer.json()["id"])
    async with at_work(office):
        (done,) = await settled(office, form)
    assert (done["state"], done["error"], done["attempts"]) == ("DONE", None, 1)
    (order,) = await orders(office)
    assert done["workOrder"] == {"id": order["id"], "title": "No heat upstairs"}
    assert {name: order[name] for name in ("state", "source", "priority", "description")} == {
        "state": "DRAFT",
        "source": "FORM",
        "priority": "URGENT",
        "description": "Since last night.",
    }
    assert order["customer"]["name"] == "Rosa Delgado"
    assert order["site"]["address"] == {"line1": "12 Elm St", "postalCode": "60607"}
    assert order["site"]["timezone"] == office.tenant.timezone


async def test_the_plugin_stands_in_the_audit_as_who_made_it(
    office: Served, form: str, http: httpx.AsyncClient
) -> None:
    await sent(http, await address(office, form))
    async with at_work(office):
        await settled(office, form)
    (row,) = await office.rows("select * from audit_entry where command = 'inbound.take_in'")
    assert (row.actor_kind, f"intg_{row.actor_id}") == ("PLUGIN", form)
    assert row.facts == ["customer.created", "site.created", "work_order.created"]


@pytest.mark.parametrize(
    "again",
    [
        {"email": "ROSA@example.com", "phone": "", "name": "R. Delgado"},
        {"email": "", "phone": "+1 312-555-0175"},
        {"email": "rosa.d@example.com", "phone": "312.555.0175"},
        {"street": "12 ELM ST."},
        {"street": "", "zip": ""},
    ],
)
async def test_a_customer_who_is_known_is_not_made_twice(
    again: dict[str, str], office: Served, form: str, http: httpx.AsyncClient
) -> None:
    url = await address(office, form)
    async with at_work(office):
        await sent(http, url)
        await settled(office, form)
        await sent(http, url, FORM | again)
        await settled(office, form)
    first, second = await orders(office)
    assert first["id"] != second["id"]
    assert first["customer"] == second["customer"]
    assert first["site"] == second["site"]


async def test_another_address_is_another_site_of_the_same_customer(
    office: Served, form: str, http: httpx.AsyncClient
) -> None:
    url = await address(office, form)
    async with at_work(office):
        for street in ("12 Elm St", "900 Pier Rd"):
            await sent(http, url, FORM | {"street": street})
            await settled(office, form)
    first, second = await orders(office)
    assert first["customer"] == second["customer"]
    assert [first["site"]["name"], second["site"]["name"]] == ["12 Elm St", "900 Pier Rd"]


async def test_ten_forms_of_one_new_customer_at_once_make_one_customer(
    office: Served, form: str, http: httpx.AsyncClient
) -> None:
    url = await address(office, form)
    async with at_work(office):
        await asyncio.gather(*(sent(http, url) for _ in range(10)))
        await settled(office, form)
    found = await orders(office)
    assert len(found) == 10
    assert len({order["customer"]["id"] for order in found}) == 1
    assert len({order["site"]["id"] for order in found}) == 1


async def test_while_the_secret_is_changed_both_are_good(office: Served, form: str, http: httpx.AsyncClient) -> None:
    url = await address(office, form)
    assert [(await sent(http, url, secret=secret)).status_code for secret in (SECRET, OLDER)] == [202, 202]


# ── what is turned away ───────────────────────────────────────────────────────────────────────────


def code_of(answer: httpx.Response) -> str:
    code: str = answer.json()["error"]["code"]
    return code


async def test_a_forged_message_is_not_kept(office: Served, form: str, http: httpx.AsyncClient) -> None:
    url = await address(office, form)
    old = datetime.now(UTC) - timedelta(minutes=6)
    answers = [
        await sent(http, url, secret=new_secret()),
        await sent(http, url, at=old),
        await http.post(url, json=FORM),
    ]
    assert [(answer.status_code, code_of(answer)) for answer in answers] == [(401, "SIGNATURE_REFUSED")] * 3
    assert await messages(office, form) == []


async def test_a_message_that_has_come_before_is_kept_once(office: Served, form: str, http: httpx.AsyncClient) -> None:
    url = await address(office, form)
    answers = await asyncio.gather(*(sent(http, url, identifier="msg_the_same") for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [200] * 7 + [202]
    async with at_work(office):
        await settled(office, form)
        assert (await sent(http, url, identifier="msg_the_same")).json() == {"state": "KNOWN"}
        await settled(office, form)
    assert len(await orders(office)) == 1


async def test_one_id_at_two_tenants_is_two_messages(office: Served, server: Served, http: httpx.AsyncClient) -> None:
    other = await server.another()
    for one in (office, other):
        integration_id = await one.enabled("form_intake", settings={"signing_secret": SECRET})
        answer = await sent(http, await address(one, integration_id), identifier="msg_of_both")
        assert answer.status_code == 202
        assert len(await messages(one, integration_id)) == 1


async def test_nobody_is_reached_at_an_address_that_is_none(
    office: Served, form: str, server: Served, http: httpx.AsyncClient
) -> None:
    url = await address(office, form)
    where, _, token = url.rpartition("/")
    stranger = (await server.another()).tenant.id.hex
    addresses = [
        f"{where}/{'0' * 64}", f"{where}/x", f"{where}/{token}0", f"{where}/{stranger}{token[32:]}",
        url.replace("form_intake", "moody"), url.replace("form_intake", "listener"),
        url.replace("form_intake", "nothing"),
    ]  # fmt: skip
    answers = [await sent(http, one) for one in addresses]
    assert {(answer.status_code, code_of(answer)) for answer in answers} == {(404, "ADDRESS_UNKNOWN")}


async def test_a_disabled_integration_has_no_address_and_a_paused_one_keeps(
    office: Served, form: str, http: httpx.AsyncClient
) -> None:
    url = await address(office, form)
    await office.rows("update integration set status = 'PAUSED' returning 1")
    assert (await sent(http, url)).status_code == 202
    async with at_work(office):
        await asyncio.sleep(0.3)
        assert [message["state"] for message in await messages(office, form)] == ["RECEIVED"]
        await office.rows("update integration set status = 'ENABLED' returning 1")
        await settled(office, form)
    await office.rows("update integration set status = 'DISABLED' returning 1")
    answer = await sent(http, url)
    assert (answer.status_code, code_of(answer)) == (404, "ADDRESS_UNKNOWN")


async def test_a_message_has_a_largest_size(office: Served, mood: str, http: httpx.AsyncClient) -> None:
    url = await address(office, mood)
    assert (await http.post(url, content=b"x" * 256 * 1024)).status_code == 202
    answer = await http.post(url, content=b"x" * (256 * 1024 + 1))
    assert (answer.status_code, code_of(answer)) == (413, "MESSAGE_TOO_LARGE")


@pytest.mark.parametrize("how", ["crash", "hang", "nothing"])
async def test_a_plugin_that_cannot_say_whether_it_believes_has_the_sender_come_again(
    how: str, office: Served, mood: str, http: httpx.AsyncClient
) -> None:
    url = await address(office, mood)
    answer = await http.post(url, content=b"hello", headers={"x-mood": how})
    assert (answer.status_code, code_of(answer)) == (503, "PLUGIN_UNAVAILABLE")
    assert await messages(office, mood) == []


async def test_only_a_post_is_a_message(office: Served, mood: str, http: httpx.AsyncClient) -> None:
    assert (await http.get(await address(office, mood))).status_code == 405


# ── what becomes of it ────────────────────────────────────────────────────────────────────────────


async def became(office: Served, mood: str, http: httpx.AsyncClient, body: bytes) -> Any:
    assert (await http.post(await address(office, mood), content=body)).status_code == 202
    async with at_work(office):
        return (await settled(office, mood))[-1]


async def test_the_raw_body_arrives_with_the_headers_that_the_plugin_keeps(
    office: Served, mood: str, moody: Moody, http: httpx.AsyncClient
) -> None:
    body = "später\r\n\t ".encode()
    headers = {"Webhook-Id": "msg_raw", "Authorization": "Bearer of-a-secret", "Content-Type": "text/odd"}
    await http.post(await address(office, mood), content=body, headers=headers)
    async with at_work(office):
        await settled(office, mood)
    kept = moody.kept["msg_raw"]
    assert kept.body == body
    assert kept.headers == {"webhook-id": "msg_raw", "content-type": "text/odd"}
    (row,) = await office.rows("select headers::text as headers from inbound")
    assert "of-a-secret" not in row.headers


async def test_what_is_not_ready_is_read_again(office: Served, mood: str, http: httpx.AsyncClient) -> None:
    done = await became(office, mood, http, f"later {uuid7()}".encode())
    assert (done["state"], done["attempts"], done["error"]) == ("DONE", 3, None)


@pytest.mark.parametrize(("body", "words"), [(b"crash", "RuntimeError"), (b"junk", "TypeError"), (b"hang", "in time")])
async def test_what_cannot_be_read_fails_after_the_fifth_time(
    body: bytes, words: str, office: Served, mood: str, http: httpx.AsyncClient
) -> None:
    failed = await became(office, mood, http, body)
    assert (failed["state"], failed["attempts"]) == ("FAILED", 5)
    assert words in failed["error"]
    assert "secret text" not in failed["error"]
    assert await orders(office) == []


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"office", "Map the form's service area first."),
        (b"many", "It holds more than 50 requests at once."),
        (b"half", "title: This must not be blank."),
    ],
)
async def test_what_is_refused_is_set_aside_with_the_reason_and_nothing_of_it_is_done(
    body: bytes, words: str, office: Served, mood: str, http: httpx.AsyncClient
) -> None:
    aside = await became(office, mood, http, body)
    assert (aside["state"], aside["error"], aside["attempts"]) == ("SET_ASIDE", words, 1)
    assert await orders(office) == []
    assert await office.rows("select 1 from customer") == []


async def test_a_form_that_makes_no_sense_is_set_aside(office: Served, form: str, http: httpx.AsyncClient) -> None:
    url = await address(office, form)
    forms: list[Any] = [
        FORM | {"email": "", "phone": ""}, [1], FORM | {"email": "x"}, FORM | {"what": ""}, FORM | {"name": "\ud800"},
    ]  # fmt: skip
    for one in forms:
        assert (await sent(http, url, one)).status_code == 202
    async with at_work(office):
        found = await settled(office, form)
    assert {message["state"] for message in found} == {"SET_ASIDE"}
    assert sorted(message["error"] for message in found) == [
        "The form is not an object of texts.",
        "The form names neither an e-mail address nor a telephone number.",
        "The message is not JSON in UTF-8.",
        "email: This is no e-mail address: write it like name@example.com.",
        "title: This must not be blank.",
    ]


async def test_a_message_may_mean_nothing(office: Served, mood: str, http: httpx.AsyncClient) -> None:
    done = await became(office, mood, http, b"nothing")
    assert (done["state"], done["workOrder"]) == ("DONE", None)


async def test_what_was_set_aside_is_done_once_it_is_mended(office: Served, form: str, http: httpx.AsyncClient) -> None:
    url = await address(office, form)
    async with at_work(office):
        await sent(http, url)
        await settled(office, form)
        await office.rows("update customer set do_not_service = true returning 1")
        await sent(http, url)
        aside = (await settled(office, form))[-1]
        assert aside["state"] == "SET_ASIDE"
        assert "do not service" in aside["error"]
        await office.rows("update customer set do_not_service = false returning 1")
        (again,) = await office.owner.do("inboundReplay", "inbound { id state error }", ids=[aside["id"]])
        assert (again["state"], again["error"]) == ("RECEIVED", None)
        assert (await settled(office, form))[-1]["state"] == "DONE"
    assert len(await orders(office)) == 2


async def test_what_is_done_is_not_replayed(office: Served, form: str, http: httpx.AsyncClient) -> None:
    await sent(http, await address(office, form))
    async with at_work(office):
        (done,) = await settled(office, form)
        refusal = await office.owner.refusal("inboundReplay", ids=[done["id"]])
        assert refusal["code"] == "INBOUND_NOT_REPLAYABLE"
        assert refusal["path"] == ["input", "ids", "0"]
    assert (await office.owner.refusal("inboundReplay", ids=[]))["code"] == "INVALID_INPUT"
    assert len(await orders(office)) == 1


async def test_two_workers_do_a_message_once(office: Served, form: str, http: httpx.AsyncClient) -> None:
    url = await address(office, form)
    async with at_work(office), at_work(office), at_work(office):
        await asyncio.gather(*(sent(http, url, FORM | {"what": f"Job {number}"}) for number in range(12)))
        await settled(office, form)
    assert sorted(order["title"] for order in await orders(office)) == sorted(f"Job {number}" for number in range(12))


async def test_a_worker_that_died_over_a_message_leaves_it_to_the_next(
    office: Served, form: str, http: httpx.AsyncClient
) -> None:
    """As after a kill: claimed, and never settled."""
    await sent(http, await address(office, form))
    await office.rows("update inbound set attempts = 1, due_at = now() + interval '0.5 seconds' returning 1")
    async with at_work(office):
        (done,) = await settled(office, form)
    assert (done["state"], done["attempts"]) == ("DONE", 2)
    assert len(await orders(office)) == 1


async def test_a_message_that_kills_five_workers_fails(office: Served, form: str, http: httpx.AsyncClient) -> None:
    await sent(http, await address(office, form))
    await office.rows("update inbound set attempts = 5 returning 1")
    async with at_work(office):
        (failed,) = await settled(office, form)
    assert (failed["state"], failed["error"]) == (
        "FAILED",
        "The worker ended during each of 5 attempts to read it.",
    )


async def test_a_slow_reader_whose_lease_ran_out_does_nothing_twice(
    office: Served, mood: str, moody: Moody, http: httpx.AsyncClient
) -> None:
    """Both read it; whoever comes second finds it done, and takes nothing for its own."""
    body = f"work {uuid7()}"
    await http.post(await address(office, mood), content=body.encode())
    impatient = ReadingPace(limit_seconds=0.5, lease_seconds=0.0, first_pause_seconds=0.01, poll_seconds=0.05)
    async with at_work(office, pace=impatient), at_work(office, pace=impatient):
        await settled(office, mood)
    assert len(await orders(office)) == 1


async def test_a_plugin_that_hangs_for_one_tenant_keeps_nobody_else_waiting(
    office: Served, mood: str, moody: Moody, server: Served, http: httpx.AsyncClient
) -> None:
    url = await address(office, mood)
    for number in range(20):
        await http.post(url, content=f"held {number}".encode())
    other = await server.another()
    same, form = await other.enabled("moody"), await other.enabled("form_intake", settings={"signing_secret": SECRET})
    async with at_work(office, pace=ReadingPace(poll_seconds=0.05)):
        try:
            await until(moody.is_held_twice)
            await http.post(await address(other, same), content=b"Quick")
            await sent(http, await address(other, form))
            await settled(other, same)
            await settled(other, form)
            assert {message["state"] for message in await messages(office, mood)} == {"RECEIVED"}
        finally:
            moody.released.set()
        await settled(office, mood)


async def test_a_notification_wakes_the_worker(office: Served, form: str, http: httpx.AsyncClient) -> None:
    url = await address(office, form)
    async with at_work(office, pace=ReadingPace(poll_seconds=60)):
        await asyncio.sleep(0.3)
        await sent(http, url)
        assert [message["state"] for message in await settled(office, form, seconds=5)] == ["DONE"]


# ── who sees it ───────────────────────────────────────────────────────────────────────────────────


async def test_the_address_and_the_messages_are_the_admins(office: Served, form: str, http: httpx.AsyncClient) -> None:
    answer = await sent(http, await address(office, form))
    token = await office.as_role(Role.MANAGER)
    document = "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }"
    assert await token.ask(document, ids=[form, answer.json()["id"]]) == {"nodes": [None, None]}
    refusal = await token.refusal("inboundReplay", ids=[answer.json()["id"]])
    assert refusal["code"] == "FORBIDDEN"


async def test_a_plugin_that_receives_nothing_has_no_address(office: Served) -> None:
    integration_id = await office.enabled("listener")
    assert (await office.integration(integration_id, "webhookUrl"))["webhookUrl"] is None


def test_a_plugin_that_leaves_a_method_out_is_no_plugin() -> None:
    class Half(Plugin, ReceivesWebhooks):
        manifest = a_manifest("half")

        def verify(self, inbound: Inbound, settings: Any) -> str:
            return "x"

    with pytest.raises(TypeError, match="receive"):
        Half()  # type: ignore[abstract]
