"""The price list: what a company sells, with its usual price; a line item copies it and keeps its own."""

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from beltstack.domain import checks
from beltstack.domain.changes import Change
from beltstack.domain.errors import InvalidInput, Problems
from beltstack.domain.ids import CatalogItemId
from beltstack.domain.line_items import LineKind, checked_cost, checked_price, checked_unit

SKU_CHARACTERS = 100


class InvalidCatalogItem(InvalidInput):
    code = "INVALID_CATALOG_ITEM"


@dataclass(frozen=True, slots=True)
class CatalogItem:
    """Price and cost are of one unit, in the tenant's currency; a `sku`, where there is one, names no other item."""

    id: CatalogItemId
    sku: str | None
    kind: LineKind
    name: str
    unit: str | None
    unit_price: Decimal
    unit_cost: Decimal | None = None
    taxable: bool = True
    archived_at: datetime | None = None
    version: int = 1

    def revise(self, changes: dict[str, Any]) -> Change["CatalogItem"]:
        """The item with some fields changed; lines made from it keep what they copied."""
        return Change(self, checked_catalog_item(replace(self, **changes)))

    def archive(self, *, at: datetime) -> Change["CatalogItem"]:
        """Put away; repeating it changes nothing."""
        return Change(self, replace(self, archived_at=self.archived_at or at))


def new_catalog_item(item: CatalogItem) -> Change[CatalogItem]:
    """Check an item from outside, field by field."""
    return Change(None, checked_catalog_item(item))


def checked_catalog_item(item: CatalogItem) -> CatalogItem:
    problems = Problems()
    if item.kind is LineKind.TEXT:
        problems.note(InvalidCatalogItem("A text has no price, so it is not kept in the price list.", path=("kind",)))
    clean = replace(
        item,
        sku=problems.of(checks.optional_line, item.sku, path=("sku",), longest=SKU_CHARACTERS),
        name=problems.of(checks.line, item.name, path=("name",)),
        unit=problems.of(checked_unit, item.unit, path=("unit",)),
        unit_price=problems.of(checked_price, item.unit_price, kind=item.kind, path=("unit_price",)),
        unit_cost=problems.of(checked_cost, item.unit_cost, kind=item.kind, path=("unit_cost",)),
    )
    problems.refuse_if_any()
    return clean
