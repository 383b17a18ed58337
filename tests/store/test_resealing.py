"""Keys change under load: rotate, seal anew, take the old key away, and every secret still opens."""

import asyncio
from dataclasses import replace

import pytest
from sqlalchemy import text

from beltstack.plugins.context import Context
from beltstack.store.database import Database, DatabaseRole
from beltstack.store.integrations import Secrets, Vault
from beltstack.store.resealing import CannotReseal, Resealed, reseal
from beltstack.store.sealing import SealBroken, Sealer, new_key
from tests.delivery.office import Office, a_plugin, an_office

OLD, NEW = new_key(), new_key()


async def silent(_: object, __: Context) -> None:
    """Needs nothing."""


async def offices_of(database: Database, key: str, number: int = 3) -> list[Office]:
    """Tenants with a secret each, the only ones in the database."""
    async with database.transaction(None, role=DatabaseRole.OWNER) as connection:
        await connection.execute(text("update integration set sealed = null"))
    offices = [replace(await an_office(database, a_plugin(silent)), sealer=Sealer.of_key(key)) for _ in range(number)]
    for place, office in enumerate(offices):
        await office.keep(Secrets({"key": f"k-{place}"}, {"token": f"t-{place}"}))
    return offices


async def opened(office: Office, key: str) -> Secrets:
    async with office.session() as session:
        return await Vault(session, Sealer.of_key(key)).open(office.integration_id)


async def test_once_all_is_sealed_anew_the_old_key_can_go(database: Database) -> None:
    offices = await offices_of(database, OLD)
    with pytest.raises(SealBroken):
        await opened(offices[0], NEW)
    done = await reseal(database, Sealer.of_key(f"{NEW},{OLD}"))
    assert done.anew == 3
    for place, office in enumerate(offices):
        assert await opened(office, NEW) == Secrets({"key": f"k-{place}"}, {"token": f"t-{place}"})
        with pytest.raises(SealBroken):
            await opened(office, OLD)
    again = await reseal(database, Sealer.of_key(f"{NEW},{OLD}"))
    assert again == Resealed(0, done.anew + done.as_they_were)


async def test_what_is_renewed_meanwhile_is_not_lost(database: Database) -> None:
    (office,) = await offices_of(database, OLD, 1)
    both = Sealer.of_key(f"{NEW},{OLD}")
    async with office.session() as renewing:
        vault = Vault(renewing, Sealer.of_key(f"{OLD},{NEW}"))
        await vault.lock(office.integration_id)
        resealing = asyncio.create_task(reseal(database, both))
        await asyncio.sleep(0.2)
        assert not resealing.done()
        await vault.keep(office.integration_id, Secrets({}, {"token": "renewed"}))
    assert (await resealing).anew == 1
    assert await opened(office, NEW) == Secrets({}, {"token": "renewed"})


async def test_what_no_key_opens_is_named_and_the_rest_is_done(database: Database) -> None:
    lost, kept = await offices_of(database, OLD, 2)
    await replace(lost, sealer=Sealer.of_key(new_key())).keep(Secrets({}, {"token": "gone"}))
    with pytest.raises(CannotReseal, match=str(lost.integration_id)) as problem:
        await reseal(database, Sealer.of_key(f"{NEW},{OLD}"))
    assert str(kept.integration_id) not in str(problem.value)
    assert (await opened(kept, NEW)).credentials == {"token": "t-1"}
