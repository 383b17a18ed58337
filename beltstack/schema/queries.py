"""Where reading starts: single records by id, lists, and what is installed."""

from collections.abc import Callable
from typing import Annotated, Any
from uuid import UUID

import strawberry
from strawberry.types.field import StrawberryField

from beltstack.domain.access import Action
from beltstack.domain.errors import Refusal
from beltstack.domain.ids import Noun, noun_of, parse_id
from beltstack.planner.entities import Entity
from beltstack.planner.reads import Reader
from beltstack.planner.selection import Selected
from beltstack.schema.context import Asking, Context, selection
from beltstack.schema.integrations import Plugin, plugin_of
from beltstack.schema.refusals import as_graphql_error
from beltstack.schema.tenants import Tenant
from beltstack.schema.types import AFTER, BEFORE, FIRST, LAST, REGISTRY, Connection, Node, connection_of

NODES_MOST = 100

SINGLE = {
    "customer": Noun.CUSTOMER,
    "contact": Noun.CONTACT,
    "site": Noun.SITE,
    "equipment": Noun.EQUIPMENT,
    "technician": Noun.TECHNICIAN,
    "catalog_item": Noun.CATALOG_ITEM,
    "tax_code": Noun.TAX_CODE,
    "work_order": Noun.WORK_ORDER,
    "visit": Noun.VISIT,
    "invoice": Noun.INVOICE,
    "payment": Noun.PAYMENT,
    "integration": Noun.INTEGRATION,
    "delivery": Noun.DELIVERY,
}
LISTS = {
    "customers": Noun.CUSTOMER,
    "sites": Noun.SITE,
    "equipment_list": Noun.EQUIPMENT,
    "technicians": Noun.TECHNICIAN,
    "catalog_items": Noun.CATALOG_ITEM,
    "tax_codes": Noun.TAX_CODE,
    "work_orders": Noun.WORK_ORDER,
    "visits": Noun.VISIT,
    "invoices": Noun.INVOICE,
    "payments": Noun.PAYMENT,
    "integrations": Noun.INTEGRATION,
    "deliveries": Noun.DELIVERY,
    "events": Noun.EVENT,
}


def query_fields() -> list[StrawberryField]:
    """Every field of the query type."""
    return [
        _named("node", _node(), "Anything by its id; null if there is none, or it is not yours."),
        _named("nodes", _nodes(), f"Up to {NODES_MOST} things by their ids, in the order asked; null where missing."),
        _named("tenant", _tenant(), "Your company and its policies."),
        _named("plugins", _plugins(), "What is installed and can be enabled."),
        *(
            _named(name, _single(REGISTRY.by_noun[noun]), f"One {noun.words} by its id; null if it is not there.")
            for name, noun in SINGLE.items()
        ),
        *(
            _named(name, _list(REGISTRY.by_noun[noun]), f"Every {noun.words} of yours, newest first.")
            for name, noun in LISTS.items()
        ),
    ]


def _named(name: str, resolver: Callable[..., Any], description: str) -> StrawberryField:
    resolver.__name__ = name
    field: StrawberryField = strawberry.field(resolver=resolver, description=description)
    return field


ID = strawberry.argument(description="The id.")
IDS = strawberry.argument(description="The ids.")


def _single(entity: Entity) -> Callable[..., Any]:
    async def resolve(info: Any, id: Any) -> Any:  # noqa: A002 - the argument's name
        try:
            identifier = parse_id(entity.noun, id)
        except Refusal:
            return None
        return (await _by_ids(info, entity, [identifier], selection(info))).get(identifier)

    resolve.__annotations__ = {"info": Asking, "id": Annotated[strawberry.ID, ID], "return": entity.kind | None}
    return resolve


def _list(entity: Entity) -> Callable[..., Any]:
    async def resolve(
        info: Any,
        first: Any = None,
        after: Any = None,
        last: Any = None,
        before: Any = None,
    ) -> Any:
        context: Context = info.context
        async with context.asked.database.transaction(context.asked.actor.tenant_id) as connection:
            reader = Reader(connection, context.asked.actor, REGISTRY)
            try:
                return connection_of(await reader.page(entity, selection(info)))
            except Refusal as refusal:
                raise as_graphql_error(refusal) from refusal

    resolve.__annotations__ = {
        "info": Asking,
        "first": Annotated[int | None, FIRST],
        "after": Annotated[str | None, AFTER],
        "last": Annotated[int | None, LAST],
        "before": Annotated[str | None, BEFORE],
        "return": Connection[entity.kind],  # type: ignore[name-defined]
    }
    return resolve


def _node() -> Callable[..., Any]:
    async def resolve(info: Asking, id: Annotated[strawberry.ID, ID]) -> Node | None:  # noqa: A002
        found: list[Any] = await _any_of(info, [id])
        return found[0]  # type: ignore[no-any-return]

    return resolve


def _nodes() -> Callable[..., Any]:
    async def resolve(info: Asking, ids: Annotated[list[strawberry.ID], IDS]) -> list[Node | None]:
        if len(ids) > NODES_MOST:
            raise as_graphql_error(TooMany(f"Ask for at most {NODES_MOST} ids at once; these are {len(ids)}."))
        return await _any_of(info, ids)

    return resolve


def _tenant() -> Callable[..., Any]:
    async def resolve(info: Asking) -> Tenant:
        tenant_id = info.context.asked.actor.tenant_id
        found = await _by_ids(info, REGISTRY.by_noun[Noun.TENANT], [tenant_id], selection(info))
        tenant: Tenant = found[tenant_id]
        return tenant

    return resolve


def _plugins() -> Callable[..., Any]:
    async def resolve(info: Asking) -> list[Plugin]:
        try:
            info.context.asked.actor.must_be_able_to(Action.MANAGE_INTEGRATIONS)
        except Refusal as refusal:
            raise as_graphql_error(refusal) from refusal
        return [plugin_of(plugin) for plugin in info.context.asked.host.plugins.values()]

    return resolve


class TooMany(Refusal):
    """A list in the arguments is too long."""

    code = "TOO_MANY"


async def _any_of(info: Asking, ids: list[strawberry.ID]) -> list[Any]:
    """One statement for each noun among the ids."""
    asked = selection(info)
    wanted: dict[Noun, list[UUID]] = {}
    for one in ids:
        noun = noun_of(one)
        if noun in REGISTRY.by_noun:
            wanted.setdefault(noun, []).append(parse_id(noun, one))
    found: dict[str, Any] = {}
    for noun, identifiers in wanted.items():
        for row in (await _by_ids(info, REGISTRY.by_noun[noun], identifiers, asked)).values():
            found[row.id] = row
    return [found.get(one) for one in ids]


async def _by_ids(info: Asking, entity: Entity, ids: list[UUID], asked: Selected) -> dict[UUID, Any]:
    context = info.context
    async with context.asked.database.transaction(context.asked.actor.tenant_id) as connection:
        try:
            return await Reader(connection, context.asked.actor, REGISTRY).by_ids(entity, ids, asked.children)
        except Refusal as refusal:
            raise as_graphql_error(refusal) from refusal
