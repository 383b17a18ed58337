"""A company at work, for each test its own."""

import pytest

from tests.api import Company
from tests.schema.shop import Shop, a_shop


@pytest.fixture
async def shop(company: Company) -> Shop:
    return await a_shop(company.owner)
