"""Sites and their equipment: create, update."""

from typing import Any

from beltstack.commands.work import Work
from beltstack.domain.access import Action
from beltstack.domain.changes import expect_version
from beltstack.domain.equipment import Equipment, new_equipment
from beltstack.domain.ids import EquipmentId, SiteId
from beltstack.domain.sites import Site, new_site


async def create(work: Work, *, site: Site) -> SiteId:
    work.must_be_able_to(Action.EDIT_CUSTOMERS)
    await work.customers.get(site.customer_id, path=("customer_id",))
    await _check_tax_code(work, site.tax_code_id)
    change = new_site(site)
    await work.sites.save(change)
    return change.after.id


async def update(work: Work, *, site_id: SiteId, expected_version: int, patch: dict[str, Any]) -> SiteId:
    work.must_be_able_to(Action.EDIT_CUSTOMERS)
    site = await work.sites.get(site_id, lock=True)
    expect_version(site.version, expected_version, "site")
    await _check_tax_code(work, patch.get("tax_code_id"))
    await work.sites.save(site.revise(patch))
    return site_id


async def create_equipment(work: Work, *, equipment: Equipment) -> EquipmentId:
    work.must_be_able_to(Action.EDIT_CUSTOMERS)
    await work.sites.get(equipment.site_id, path=("site_id",))
    change = new_equipment(equipment)
    await work.equipment.save(change)
    return change.after.id


async def update_equipment(
    work: Work, *, equipment_id: EquipmentId, expected_version: int, patch: dict[str, Any]
) -> EquipmentId:
    work.must_be_able_to(Action.EDIT_CUSTOMERS)
    equipment = await work.equipment.get(equipment_id, lock=True)
    expect_version(equipment.version, expected_version, "equipment")
    await work.equipment.save(equipment.revise(patch))
    return equipment_id


async def _check_tax_code(work: Work, tax_code_id: Any) -> None:
    if tax_code_id is not None:
        await work.tax_codes.get(tax_code_id, path=("tax_code_id",))
