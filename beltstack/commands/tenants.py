"""The tenant's own settings."""

from dataclasses import replace
from typing import Any

from beltstack.commands.work import Work
from beltstack.domain.access import Action
from beltstack.domain.changes import Change, expect_version
from beltstack.domain.ids import TenantId
from beltstack.domain.tenants import checked_tenant


async def update(work: Work, *, expected_version: int, patch: dict[str, Any]) -> TenantId:
    """Change policies; what is running already keeps the policy it began with."""
    work.must_be_able_to(Action.CHANGE_SETTINGS)
    tenant = await work.tenants.get()
    work.about = tenant.id
    expect_version(tenant.version, expected_version, "tenant")
    if patch.get("default_tax_code_id") is not None:
        await work.tax_codes.get(patch["default_tax_code_id"], path=("default_tax_code_id",))
    await work.tenants.save(Change(tenant, checked_tenant(replace(tenant, **patch))))
    return tenant.id
