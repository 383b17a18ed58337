"""The price list and the tax codes."""

from beltstack.domain.catalog import CatalogItem
from beltstack.domain.ids import Noun
from beltstack.domain.taxes import TaxCode
from beltstack.store import tables
from beltstack.store.records import Repository


class CatalogItems(Repository[CatalogItem]):
    noun, table, kind = Noun.CATALOG_ITEM, tables.catalog_item, CatalogItem
    conflicts = {"catalog_item_tenant_id_sku_key": "Another item of the price list has this SKU."}


class TaxCodes(Repository[TaxCode]):
    noun, table, kind = Noun.TAX_CODE, tables.tax_code, TaxCode
    conflicts = {"tax_code_tenant_id_code_key": "Another tax code has this code."}
