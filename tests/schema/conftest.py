"""One company for each module of claims that do not disturb each other."""

import pytest

from beltstack.plugins.runtime import PluginHost
from beltstack.store.database import Database
from beltstack.store.sealing import Sealer
from tests.api import Company
from tests.conftest import a_company
from tests.schema.rules import Listener
from tests.schema.shop import Shop, a_shop


@pytest.fixture(scope="module")
async def shared_company(database: Database, sealer: Sealer) -> Company:
    """Its only plugin is one that listens to completed work."""
    return await a_company(database, PluginHost([Listener()]), sealer)


@pytest.fixture(scope="module")
async def shared_shop(shared_company: Company) -> Shop:
    return await a_shop(shared_company.owner)


@pytest.fixture
async def shop(company: Company) -> Shop:
    """A company of the test's own, at work."""
    return await a_shop(company.owner)
