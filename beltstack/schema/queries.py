"""Where reading starts: single records by id, lists, and what is installed."""

from collections.abc import Callable
from typing import Annotated, Any

import strawberry
from strawberry.types.field import StrawberryField

from beltstack.domain.access import Action
from beltstack.domain.errors import Refusal
from beltstack.domain.ids import Noun
from beltstack.planner.roots import NODES_MOST, Roots
from beltstack.schema.context import Asking
from beltstack.schema.installed import Plugin, plugins_of
from beltstack.schema.refusals import as_graphql_error, camel
from beltstack.schema.tenants import Tenant
from beltstack.schema.types import KINDS, REGISTRY, Connection, Node, page_of

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


ROOTS = Roots(
    single={camel(name): noun for name, noun in SINGLE.items()},
    lists={camel(name): noun for name, noun in LISTS.items()},
)


def query_fields() -> list[StrawberryField]:
    """Every field of the query type; the planner answers all but `plugins`."""
    return [
        _named("node", _node, "Anything by its id; null if there is none, or it is not yours."),
        _named("nodes", _nodes, f"Up to {NODES_MOST} things by their ids, in the order asked; null where missing."),
        _named("tenant", _tenant, "Your company and its policies."),
        _named("plugins", _plugins, "What is installed, what could not be loaded too, with the reason."),
        *(
            _named(name, _single(_kind(noun)), f"One {noun.words} by its id; null if it is not there.")
            for name, noun in SINGLE.items()
        ),
        *(
            _named(
                name, _list(noun, _kind(noun)), f"Every {noun.words} of yours, newest first unless an order is given."
            )
            for name, noun in LISTS.items()
        ),
    ]


def _kind(noun: Noun) -> type[Any]:
    return KINDS[REGISTRY.by_noun[noun].name]


def _named(name: str, resolver: Callable[..., Any], description: str) -> StrawberryField:
    resolver.__name__ = name
    field: StrawberryField = strawberry.field(resolver=resolver, description=description)
    return field


ID = strawberry.argument(description="The id.")
IDS = strawberry.argument(description="The ids.")


def _single(kind: type[Any]) -> Callable[..., Any]:
    def resolve(id: Any) -> Any:  # noqa: A002 - the argument's name
        raise AssertionError(PLANNED)

    resolve.__annotations__ = {"id": Annotated[strawberry.ID, ID], "return": kind | None}
    return resolve


def _list(noun: Noun, kind: type[Any]) -> Callable[..., Any]:
    return page_of(noun, Connection[kind])  # type: ignore[valid-type]


def _node(id: Annotated[strawberry.ID, ID]) -> Node | None:  # noqa: A002 - the argument's name
    raise AssertionError(PLANNED)


def _nodes(ids: Annotated[list[strawberry.ID], IDS]) -> list[Node | None]:
    raise AssertionError(PLANNED)


def _tenant() -> Tenant:
    raise AssertionError(PLANNED)


def _plugins(info: Asking) -> list[Plugin]:
    try:
        info.context.asked.actor.must_be_able_to(Action.MANAGE_INTEGRATIONS)
    except Refusal as refusal:
        raise as_graphql_error(refusal) from refusal
    return plugins_of(info.context.asked.host)


PLANNED = "the planner answers this field before graphql-core is asked"
