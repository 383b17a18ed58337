"""The price list and the tax codes."""

from typing import Any

from beltstack.domain.catalog import CatalogItem
from beltstack.domain.ids import Noun
from beltstack.domain.taxes import TaxCode
from beltstack.store import searchable, tables
from beltstack.store.records import Repository


class CatalogItems(Repository[CatalogItem]):
    noun, table, kind = Noun.CATALOG_ITEM, tables.catalog_item, CatalogItem
    conflicts = {"catalog_item_tenant_id_sku_key": "Another item of the price list has this SKU."}

    def found_by(self, value: CatalogItem) -> dict[str, Any]:
        return searchable.of_catalog_item(self.session.tenant_id, value)


class TaxCodes(Repository[TaxCode]):
    noun, table, kind = Noun.TAX_CODE, tables.tax_code, TaxCode
    conflicts = {"tax_code_tenant_id_code_key": "Another tax code has this code."}

    def found_by(self, value: TaxCode) -> dict[str, Any]:
        return searchable.of_tax_code(value)
