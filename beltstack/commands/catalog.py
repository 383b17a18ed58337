"""The price list and the tax codes: create, update, archive."""

from typing import Any

from beltstack.commands.work import Work
from beltstack.domain.access import Action
from beltstack.domain.catalog import CatalogItem, new_catalog_item
from beltstack.domain.changes import expect_version
from beltstack.domain.ids import CatalogItemId, TaxCodeId
from beltstack.domain.taxes import TaxCode, new_tax_code


async def create_item(work: Work, *, item: CatalogItem) -> CatalogItemId:
    work.must_be_able_to(Action.EDIT_PRICES)
    change = new_catalog_item(item)
    await work.catalog_items.save(change)
    return change.after.id


async def update_item(
    work: Work, *, item_id: CatalogItemId, expected_version: int, patch: dict[str, Any]
) -> CatalogItemId:
    work.must_be_able_to(Action.EDIT_PRICES)
    item = await work.catalog_items.get(item_id, lock=True)
    expect_version(item.version, expected_version, "item")
    await work.catalog_items.save(item.revise(patch))
    return item_id


async def archive_item(work: Work, *, item_id: CatalogItemId, expected_version: int) -> CatalogItemId:
    work.must_be_able_to(Action.EDIT_PRICES)
    item = await work.catalog_items.get(item_id, lock=True)
    if not item.archived_at:
        expect_version(item.version, expected_version, "item")
    await work.catalog_items.save(item.archive(at=work.now))
    return item_id


async def create_tax_code(work: Work, *, tax_code: TaxCode) -> TaxCodeId:
    work.must_be_able_to(Action.EDIT_PRICES)
    change = new_tax_code(tax_code)
    await work.tax_codes.save(change)
    return change.after.id
