"""The price list and the tax codes."""

from datetime import datetime
from decimal import Decimal
from typing import Any

import strawberry
from sqlalchemy import Boolean, Numeric, select

from beltstack.commands import catalog
from beltstack.commands.work import Work
from beltstack.domain.access import Action
from beltstack.domain.catalog import CatalogItem as DomainItem
from beltstack.domain.ids import CatalogItemId, Noun, TaxCodeId
from beltstack.domain.line_items import LineKind
from beltstack.domain.taxes import TaxCode as DomainTaxCode
from beltstack.domain.taxes import TaxComponent as DomainComponent
from beltstack.planner.entities import Expression
from beltstack.schema.inputs import expected_version, idempotency_key, key, new_key
from beltstack.schema.mutations import Mutation
from beltstack.schema.types import Money, Node, bind, column, element, embedded_list, money, says
from beltstack.store import tables


def tenant_currency() -> Expression:
    """The tenant's currency, for rows that have none of their own."""
    return lambda row: select(tables.tenant.c.currency).where(tables.tenant.c.id == row.c.tenant_id).scalar_subquery()


@bind(
    Noun.CATALOG_ITEM,
    tables.catalog_item,
    fields={
        "unit_price": money("unit_price", currency=tenant_currency()),
        "unit_cost": money("unit_cost", currency=tenant_currency(), nullable=True),
    },
    hidden={"unit_cost": Action.SEE_COST},
)
@strawberry.type(description="An entry of the price list.")
class CatalogItem(Node):
    version: int = says("Counts the changes.")
    sku: str | None = says("Stock keeping unit, unique within the tenant.")
    kind: LineKind = says("What it stands for.")
    name: str = says("What the customer reads.")
    unit: str | None = says("What is counted, like 'hour'.")
    unit_price: Money = says("Price of one unit.")
    unit_cost: Money | None = says("Cost of one unit; null without the right to see costs.")
    taxable: bool = says("Whether tax is charged.")
    archived_at: datetime | None = says("When it was put away.")


@strawberry.type(description="A part of a tax, like a state's or a county's.")
class TaxComponent:
    name: str = says("Its name.")
    rate: Decimal = says("0.0825 is 8.25 %.")
    compound: bool = says("Whether it is charged on the parts before it, too.")


@bind(
    Noun.TAX_CODE,
    tables.tax_code,
    fields={
        "components": embedded_list(
            TaxComponent,
            column("components"),
            name=element("name"),
            rate=element("rate", Numeric()),
            compound=element("compound", Boolean()),
        )
    },
)
@strawberry.type(description="A tax that can be charged.")
class TaxCode(Node):
    version: int = says("Counts the changes.")
    code: str = says("What the office picks it by, unique within the tenant.")
    name: str = says("What the customer reads.")
    archived_at: datetime | None = says("When it was put away.")
    components: list[TaxComponent] = says("Its parts, in the order they are charged.")


@strawberry.input(description="A new entry of the price list.")
class CatalogItemCreateInput:
    kind: LineKind = says("What it stands for.")
    name: str = says("What the customer reads.")
    unit_price: Decimal = says("Price of one unit, in the tenant's currency.")
    id: strawberry.ID | None = new_key(Noun.CATALOG_ITEM)
    sku: str | None = strawberry.field(description="Stock keeping unit.", default=None)
    unit: str | None = strawberry.field(description="What is counted, like 'hour'.", default=None)
    unit_cost: Decimal | None = strawberry.field(description="Cost of one unit.", default=None)
    taxable: bool = strawberry.field(description="Whether tax is charged.", default=True)
    idempotency_key: str | None = idempotency_key()


@strawberry.input(description="What changes about an entry; what is absent stays, null empties.")
class CatalogItemPatch:
    sku: strawberry.Maybe[str | None] = says("Stock keeping unit.")
    name: strawberry.Maybe[str] = says("What the customer reads.")
    unit: strawberry.Maybe[str | None] = says("What is counted.")
    unit_price: strawberry.Maybe[Decimal] = says("Price of one unit.")
    unit_cost: strawberry.Maybe[Decimal | None] = says("Cost of one unit.")
    taxable: strawberry.Maybe[bool] = says("Whether tax is charged.")


@strawberry.input(description="Which entry to change, and how.")
class CatalogItemUpdateInput:
    id: strawberry.ID = key(Noun.CATALOG_ITEM, "The entry.")
    expected_version: int = expected_version()
    patch: CatalogItemPatch = says("What changes.")
    idempotency_key: str | None = idempotency_key()


@strawberry.input(description="Which entry to put away.")
class CatalogItemArchiveInput:
    id: strawberry.ID = key(Noun.CATALOG_ITEM, "The entry.")
    expected_version: int = expected_version()
    idempotency_key: str | None = idempotency_key()


@strawberry.input(description="A part of a tax.")
class TaxComponentInput:
    name: str = says("Its name.")
    rate: Decimal = says("0.0825 is 8.25 %.")
    compound: bool = strawberry.field(description="Whether it is charged on the parts before it, too.", default=False)


@strawberry.input(description="A new tax code.")
class TaxCodeCreateInput:
    code: str = says("What the office picks it by.")
    name: str = says("What the customer reads.")
    components: list[TaxComponentInput] = says("Its parts, in the order they are charged.")
    id: strawberry.ID | None = new_key(Noun.TAX_CODE)
    idempotency_key: str | None = idempotency_key()


async def create_item(work: Work, **values: Any) -> CatalogItemId:
    return await catalog.create_item(work, item=DomainItem(**values))


async def create_tax_code(work: Work, *, components: tuple[dict[str, Any], ...], **values: Any) -> TaxCodeId:
    parts = tuple(DomainComponent(**part) for part in components)
    return await catalog.create_tax_code(work, tax_code=DomainTaxCode(components=parts, **values))


async def update_item(work: Work, *, catalog_item_id: CatalogItemId, **values: Any) -> CatalogItemId:
    return await catalog.update_item(work, item_id=catalog_item_id, **values)


async def archive_item(work: Work, *, catalog_item_id: CatalogItemId, expected_version: int) -> CatalogItemId:
    return await catalog.archive_item(work, item_id=catalog_item_id, expected_version=expected_version)


MUTATIONS = (
    Mutation("catalog_item.create", "Add to the price list.", CatalogItemCreateInput, Noun.CATALOG_ITEM, create_item),
    Mutation("catalog_item.update", "Change an entry.", CatalogItemUpdateInput, Noun.CATALOG_ITEM, update_item),
    Mutation("catalog_item.archive", "Put an entry away.", CatalogItemArchiveInput, Noun.CATALOG_ITEM, archive_item),
    Mutation("tax_code.create", "Add a tax code.", TaxCodeCreateInput, Noun.TAX_CODE, create_tax_code),
)
