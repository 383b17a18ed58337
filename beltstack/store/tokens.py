"""API tokens: shown once, kept as a hash, recognisable in a leak by their prefix and checksum."""

import hashlib
import secrets
import string
import zlib
from datetime import datetime
from uuid import UUID

from sqlalchemy import insert, select

from beltstack.domain.access import ActorKind, Role
from beltstack.domain.errors import NotFound
from beltstack.domain.ids import TechnicianId, TenantId
from beltstack.domain.tenants import Tenant
from beltstack.store import tables
from beltstack.store.database import Database, DatabaseRole
from beltstack.store.records import from_row, to_row

PREFIX = "bst_app_"
_ALPHABET = string.digits + string.ascii_letters
_SECRET_CHARACTERS = 30
_CHECK_CHARACTERS = 6


def new_token() -> str:
    """`bst_app_`, 178 bits of chance, and a checksum that scanners can verify."""
    secret = "".join(secrets.choice(_ALPHABET) for _ in range(_SECRET_CHARACTERS))
    return PREFIX + secret + _checksum(secret)


def token_hash(token: str) -> bytes:
    """A fast hash will do: nobody guesses 178 bits."""
    return hashlib.sha256(token.encode()).digest()


def looks_like_token(token: str) -> bool:
    """Whether the shape and the checksum are right, so that rubbish costs no query."""
    secret, check = token[len(PREFIX) : -_CHECK_CHARACTERS], token[-_CHECK_CHARACTERS:]
    return token.startswith(PREFIX) and len(secret) == _SECRET_CHARACTERS and check == _checksum(secret)


async def add_tenant(database: Database, tenant: Tenant) -> None:
    """As the owner: the app role may not make tenants. Raises sqlalchemy's IntegrityError for a taken slug."""
    async with database.transaction(None, role=DatabaseRole.OWNER) as connection:
        await connection.execute(insert(tables.tenant).values(to_row(tenant, tables.tenant)))


async def find_tenant(database: Database, slug: str) -> Tenant:
    async with database.transaction(None, role=DatabaseRole.OWNER) as connection:
        row = (await connection.execute(select(tables.tenant).where(tables.tenant.c.slug == slug))).first()
    if row is None:
        raise NotFound(f"There is no tenant '{slug}'; `beltstack tenant create {slug}` makes one.")
    return from_row(Tenant, row)


async def add_token(
    database: Database,
    *,
    token: str,
    token_id: UUID,
    tenant_id: TenantId,
    roles: tuple[Role, ...],
    label: str,
    technician_id: TechnicianId | None,
    at: datetime,
) -> None:
    """Keep a token's hash; what it may do is what its roles may."""
    async with database.transaction(None, role=DatabaseRole.OWNER) as connection:
        if technician_id is not None:
            table = tables.technician
            known = select(table.c.id).where(table.c.tenant_id == tenant_id, table.c.id == technician_id)
            if (await connection.execute(known)).first() is None:
                raise NotFound("There is no technician with this id.")
        await connection.execute(
            insert(tables.api_token).values(
                tenant_id=tenant_id,
                id=token_id,
                hash=token_hash(token),
                label=label,
                kind=ActorKind.APP.value,
                roles=[role.value for role in roles],
                technician_id=technician_id,
                created_at=at,
            )
        )


def _checksum(secret: str) -> str:
    number = zlib.crc32(secret.encode())
    digits = []
    for _ in range(_CHECK_CHARACTERS):
        number, digit = divmod(number, len(_ALPHABET))
        digits.append(_ALPHABET[digit])
    return "".join(reversed(digits))
