"""What an operator does from the command line: make a tenant, hand out a token."""

from datetime import datetime

from sqlalchemy.exc import IntegrityError
from uuid_utils.compat import uuid7

from beltstack.domain.access import Role
from beltstack.domain.errors import AlreadyExists
from beltstack.domain.ids import TechnicianId, TenantId
from beltstack.domain.tenants import Tenant, new_tenant
from beltstack.store import tokens
from beltstack.store.database import Database


async def create_tenant(database: Database, *, slug: str, name: str, currency: str, timezone: str) -> Tenant:
    tenant = new_tenant(tenant_id=TenantId(uuid7()), slug=slug, name=name, currency=currency, timezone=timezone)
    try:
        await tokens.add_tenant(database, tenant)
    except IntegrityError as error:
        raise AlreadyExists(f"There is a tenant '{slug}' already; choose another slug.", path=("slug",)) from error
    return tenant


async def create_token(
    database: Database,
    *,
    slug: str,
    roles: tuple[Role, ...],
    label: str,
    at: datetime,
    technician_id: TechnicianId | None = None,
) -> str:
    """The token itself; it is shown this once and cannot be read back."""
    tenant = await tokens.find_tenant(database, slug)
    token = tokens.new_token()
    await tokens.add_token(
        database,
        token=token,
        token_id=uuid7(),
        tenant_id=tenant.id,
        roles=roles,
        label=label,
        technician_id=technician_id,
        at=at,
    )
    return token
