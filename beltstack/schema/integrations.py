"""Plugins, integrations, events and deliveries: the admin's part of the graph."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import strawberry
from sqlalchemy import DateTime, Integer, func, select
from sqlalchemy.dialects.postgresql import aggregate_order_by

from beltstack.commands import connecting, deliveries, intake, integrations
from beltstack.commands.asking import Asked
from beltstack.domain.access import Action
from beltstack.domain.deliveries import DeliveryState, ErrorClass, IntegrationStatus
from beltstack.domain.ids import Noun
from beltstack.domain.intake import InboundState
from beltstack.planner.entities import Batched, EmbeddedList, Expression, ToMany, ToOne
from beltstack.plugins.inbound import ReceivesWebhooks
from beltstack.schema.diagnostics import (
    ATTEMPTS,
    HEALTH,
    PROBLEMS,
    REFERENCES,
    DeliveryAttempt,
    IntegrationHealth,
    IntegrationProblem,
    IntegrationReference,
)
from beltstack.schema.inputs import expected_version, idempotency_key, key, new_key
from beltstack.schema.mutations import Mutation
from beltstack.schema.scalars import JSONObject
from beltstack.schema.types import Connection, Node, bind, column, connection, element, embedded_list, says
from beltstack.store import tables
from beltstack.store.inbound import address_of

if TYPE_CHECKING:
    from beltstack.schema.work_orders import WorkOrder


@strawberry.type(description="The document that stands for a record in a connected system.")
class ExternalReference:
    integration_id: strawberry.ID = says("The integration that made the link.")
    plugin_id: strawberry.ID = says("Its plugin, like quickbooks.")
    external_id: str = says("The document's id over there.")
    url: str | None = says("Where a person can look at it.")
    updated_at: datetime = says("When the link was last renewed.")


def references_of(entity: str) -> Expression:
    """The links of a row as one JSON array, the oldest integration first."""
    link, integration = tables.reference, tables.integration
    parts: list[Any] = []
    for name in ("integration_id", "external_id", "external_url", "updated_at"):
        value = func.concat(f"{Noun.INTEGRATION.value}_", link.c[name]) if name == "integration_id" else link.c[name]
        parts += [name, value]
    one = func.jsonb_build_object("plugin_id", integration.c.plugin_id, *parts)
    built = func.jsonb_agg(aggregate_order_by(one, link.c.integration_id))
    return lambda row: (
        select(built)
        .select_from(link)
        .join(
            integration,
            (integration.c.tenant_id == link.c.tenant_id) & (integration.c.id == link.c.integration_id),
        )
        .where(link.c.tenant_id == row.c.tenant_id, link.c.entity == entity, link.c.entity_id == row.c.id)
        # Said outright: from inside jsonb_array_elements the row is out of SQLAlchemy's sight.
        .correlate(row)
        .scalar_subquery()
    )


def external_references(entity: str) -> EmbeddedList:
    """A field that lists the links of its row."""
    return embedded_list(
        ExternalReference,
        references_of(entity),
        integration_id=element("integration_id"),
        plugin_id=element("plugin_id"),
        external_id=element("external_id"),
        url=element("external_url"),
        updated_at=element("updated_at", DateTime(timezone=True)),
    )


@strawberry.type(description="What a plugin does by the clock, for one integration.")
class PluginJob:
    name: str = says("The job's name in the plugin's manifest.")
    next_at: datetime = says("When it is due.")
    started_at: datetime | None = says("When it was started last.")
    ended_at: datetime | None = says("When it ended last.")
    failures: int = says("How often in a row it failed.")
    error: str | None = says("Why it failed last, and what to do.")


def _jobs_of(row: Any) -> Any:
    job = tables.plugin_job
    names = ("name", "next_at", "started_at", "ended_at", "failures", "error")
    one = func.jsonb_build_object(*(part for name in names for part in (name, job.c[name])))
    return (
        select(func.jsonb_agg(aggregate_order_by(one, job.c.name)))
        .where(job.c.tenant_id == row.c.tenant_id, job.c.integration_id == row.c.id)
        .correlate(row)
        .scalar_subquery()
    )


async def _webhook_urls(asked: Asked, rows: Sequence[Mapping[str, Any]], _: Any) -> list[str | None]:
    return [_webhook_url(asked, row["plugin"], UUID(row["address"])) for row in rows]


def _webhook_url(asked: Asked, plugin_id: str, address: UUID) -> str | None:
    if asked.public_url is None or not isinstance(asked.host.plugins.get(plugin_id), ReceivesWebhooks):
        return None
    return f"{asked.public_url}/plugins/{plugin_id}/webhooks/{address_of(asked.actor.tenant_id, address)}"


@bind(
    Noun.INTEGRATION,
    tables.integration,
    fields={
        "deliveries": ToMany("Delivery", "integration_id", paged=True),
        "jobs": embedded_list(
            PluginJob,
            _jobs_of,
            name=element("name"),
            next_at=element("next_at", DateTime(timezone=True)),
            started_at=element("started_at", DateTime(timezone=True)),
            ended_at=element("ended_at", DateTime(timezone=True)),
            failures=element("failures", Integer()),
            error=element("error"),
        ),
        "inbound": ToMany("Inbound", "integration_id", paged=True),
        "webhook_url": Batched({"plugin": column("plugin_id"), "address": column("address")}, _webhook_urls),
        "problems": PROBLEMS,
        "health": HEALTH,
        "references": REFERENCES,
    },
    action=Action.MANAGE_INTEGRATIONS,
)
@strawberry.type(description="Your use of one plugin.")
class Integration(Node):
    version: int = says("Counts the changes.")
    plugin_id: strawberry.ID = says("The plugin.")
    instance: str = says("Tells several uses of one plugin apart.")
    status: IntegrationStatus = says("Whether it works.")
    settings: JSONObject = says("Its open settings; secrets are never shown.")
    problem: str | None = says("What keeps it from working.")
    problem_code: str | None = says("The problem, for programs.")
    problem_at: datetime | None = says("Since when.")
    jobs: list[PluginJob] = says("What its plugin does by the clock.")
    problems: list[IntegrationProblem] = says("What went wrong lately: the open ones first, at most 100.")
    health: IntegrationHealth = says("How it fares now.")
    references: list[IntegrationReference] = says("What is linked over there, renewed last first; at most 250.")
    deliveries: Connection["Delivery"] = connection(
        Noun.DELIVERY, "What it was told, is owed, and could not take; newest first."
    )
    connected_at: datetime | None = says("When somebody last connected it.")
    webhook_url: str | None = says(
        "Where its webhooks arrive, if its plugin receives any; keep it as you keep a password. Null while the server"
        " does not know its own public address."
    )
    inbound: Connection["Inbound"] = connection(Noun.INBOUND, "What came in for it; newest first.")


@bind(
    Noun.EVENT,
    tables.event,
    fields={"deliveries": ToMany("Delivery", "event_id")},
    action=Action.MANAGE_INTEGRATIONS,
)
@strawberry.type(description="A fact: what happened.")
class Event(Node):
    type: str = says("What kind of fact, like work_order.completed.")
    v: int = says("The version of its data's shape.")
    occurred_at: datetime = says("When it happened.")
    seq: int = says("Its number among the facts of its record.")
    data: JSONObject = says("The fact itself.")
    deliveries: list["Delivery"] = says("Who had to be told.")


@bind(
    Noun.DELIVERY,
    tables.delivery,
    fields={
        "event": ToOne("Event", "event_id"),
        "integration": ToOne("Integration", "integration_id"),
        "attempt_list": ATTEMPTS,
    },
    action=Action.MANAGE_INTEGRATIONS,
)
@strawberry.type(description="The duty to tell one integration one event.")
class Delivery(Node):
    event: Event = says("What is to be told.")
    integration: Integration = says("Who is to be told.")
    state: DeliveryState = says("Where it stands.")
    attempts: int = says("How often it was started.")
    due_at: datetime = says("When it is due, if it is READY.")
    error_class: ErrorClass | None = says("Who acts next.")
    error_code: str | None = says("The plugin's own code.")
    error: str | None = says("What went wrong, and what to do.")
    created_at: datetime = says("When it came to be owed.")
    settled_at: datetime | None = says("When it arrived or was given up.")
    attempt_list: list[DeliveryAttempt] = says("What became of each start, the last first; at most 100.")


@bind(
    Noun.INBOUND,
    tables.inbound,
    fields={
        "integration": ToOne("Integration", "integration_id"),
        "work_order": ToOne("WorkOrder", "work_order_id"),
    },
    action=Action.MANAGE_INTEGRATIONS,
)
@strawberry.type(description="A message that came in for an integration.")
class Inbound(Node):
    integration: Integration = says("Whose address it came to.")
    received_at: datetime = says("When it came.")
    state: InboundState = says("Where it stands.")
    attempts: int = says("How often reading it was started.")
    error: str | None = says("What went wrong, and what to do.")
    work_order: Annotated["WorkOrder", strawberry.lazy("beltstack.schema.work_orders")] | None = says(
        "The draft that was made of it, unless it was deleted."
    )
    settled_at: datetime | None = says("When it was done, set aside or given up.")


@strawberry.input(description="Which plugin to use, and how.")
class IntegrationEnableInput:
    plugin_id: strawberry.ID = says("The plugin.")
    id: strawberry.ID | None = new_key(Noun.INTEGRATION)
    instance: str | None = strawberry.field(
        description="Tells several uses of one plugin apart; the plugin's id if left out.", default=None
    )
    # No `{}` as the default: introspection cannot write an object of a scalar, and would fail as a whole.
    settings: JSONObject | None = strawberry.field(
        description="What the manifest asks for, secrets included; nothing if left out.", default=None
    )
    credentials: JSONObject | None = strawberry.field(
        description="Sealed at once and never shown again; those kept stay if left out.", default=None
    )
    idempotency_key: str | None = idempotency_key()


@strawberry.input(description="Which integration to turn off, pause or resume.")
class IntegrationTurnInput:
    id: strawberry.ID = key(Noun.INTEGRATION, "The integration.")
    expected_version: int = expected_version()
    idempotency_key: str | None = idempotency_key()


@strawberry.input(description="Which settings to change.")
class IntegrationConfigureInput:
    id: strawberry.ID = key(Noun.INTEGRATION, "The integration.")
    expected_version: int = expected_version()
    settings: JSONObject = strawberry.field(description="Those to change; what is not named stays, secrets too.")
    idempotency_key: str | None = idempotency_key()


@strawberry.input(description="Which integration to connect, and where to go on afterwards.")
class IntegrationConnectInput:
    id: strawberry.ID = key(Noun.INTEGRATION, "The integration.")
    return_to: str = says("Where the browser goes when it is connected: a path, or an address of this server.")


@strawberry.input(description="Which messages to read again.")
class InboundReplayInput:
    ids: list[strawberry.ID] = key(Noun.INBOUND, "The messages.")
    idempotency_key: str | None = idempotency_key()


@strawberry.input(description="Which integration to check.")
class IntegrationCheckInput:
    id: strawberry.ID = key(Noun.INTEGRATION, "The integration.")
    idempotency_key: str | None = idempotency_key()


@strawberry.input(description="What an integration is to be told of what has happened already.")
class IntegrationBackfillInput:
    id: strawberry.ID = key(Noun.INTEGRATION, "The integration.")
    from_: datetime = strawberry.field(name="from", description="Only what happened since then.")
    types: list[str] | None = strawberry.field(
        description="Only events of these types; all that its plugin listens to if left out.", default=None
    )
    idempotency_key: str | None = idempotency_key()


@strawberry.input(description="Which deliveries are meant: those that fit all that is given.")
class DeliverySelection:
    integration_id: strawberry.ID | None = key(Noun.INTEGRATION, "Who is to be told.", default=None)
    error_code: str | None = strawberry.field(description="The plugin's own code.", default=None)
    error_class: ErrorClass | None = strawberry.field(description="Who acts next.", default=None)
    type: str | None = strawberry.field(description="The event's type, like invoice.issued.", default=None)
    created_from: datetime | None = strawberry.field(description="Owed since then.", default=None)
    created_to: datetime | None = strawberry.field(description="Owed before then.", default=None)


@strawberry.input(description="Which deliveries to try again; of `ids` and `where` together, those that are in both.")
class DeliveryReplayInput:
    ids: list[strawberry.ID] | None = key(Noun.DELIVERY, "The deliveries.", default=None)
    where: DeliverySelection | None = strawberry.field(
        description="The first 1,000 that fit, of those that are dead or wait.", default=None
    )
    idempotency_key: str | None = idempotency_key()


@strawberry.input(description="Which deliveries to give up; of `ids` and `where` together, those that are in both.")
class DeliveriesCancelInput:
    ids: list[strawberry.ID] | None = key(Noun.DELIVERY, "The deliveries.", default=None)
    where: DeliverySelection | None = strawberry.field(
        description="The first 1,000 that fit, of those that are owed and not under way.", default=None
    )
    reason: str = strawberry.field(description="Why; the audit keeps it.")
    idempotency_key: str | None = idempotency_key()


def _of_integration(stem: str, description: str, given: type[Any], run: Any, **how: Any) -> Mutation:
    return Mutation(f"integration.{stem}", description, given, Noun.INTEGRATION, run, **how)


def _of_deliveries(stem: str, description: str, given: type[Any], run: Any) -> Mutation:
    counts = "How many they were; `deliveries` has the first 250 of them."
    return Mutation(stem, description, given, Noun.DELIVERY, run, several="deliveries", counts=counts)


MUTATIONS = (
    _of_integration(
        "enable",
        "Use a plugin, or change its settings. The plugin checks its connection first, for 20 seconds at most; if that"
        " fails, a new integration stays off and one in use goes on as it was.",
        IntegrationEnableInput,
        integrations.enable,
        steps=integrations.enabling,
    ),
    _of_integration(
        "configure",
        "Change some of its settings, once the plugin has checked them.",
        IntegrationConfigureInput,
        integrations.configure,
        steps=integrations.configuring,
    ),
    _of_integration(
        "check",
        "Ask the plugin whether its connection works.",
        IntegrationCheckInput,
        integrations.check,
        steps=integrations.checking,
    ),
    _of_integration(
        "disable", "Stop using it. What it is owed stays owed.", IntegrationTurnInput, integrations.disable
    ),
    _of_integration("pause", "Let its deliveries wait.", IntegrationTurnInput, integrations.pause),
    _of_integration("resume", "Go on delivering.", IntegrationTurnInput, integrations.resume),
    _of_integration(
        "backfill",
        "Tell it what happened before it was enabled.",
        IntegrationBackfillInput,
        integrations.backfill,
        counts="How many deliveries it came to be owed, at most 100,000; ask again until there are none.",
    ),
    Mutation(
        "integration.connect",
        "Begin to connect it by OAuth; the plugin's remote asks for consent.",
        IntegrationConnectInput,
        Noun.INTEGRATION,
        connecting.connect,
        also={connecting.AUTHORIZE_URL: "Where to send the browser: once, within ten minutes, and one browser only."},
    ),
    Mutation(
        "inbound.replay",
        "Read messages again that were set aside or failed.",
        InboundReplayInput,
        Noun.INBOUND,
        intake.replay,
        several="inbound",
    ),
    _of_deliveries("delivery.replay", "Try deliveries again.", DeliveryReplayInput, deliveries.replay),
    _of_deliveries("deliveries.cancel", "Give deliveries up for good.", DeliveriesCancelInput, deliveries.cancel),
)
