"""Sites."""

from typing import Any

from sqlalchemy import select

from beltstack.domain.ids import CustomerId, Noun
from beltstack.domain.sites import Site
from beltstack.store import searchable, tables
from beltstack.store.records import Repository


class Sites(Repository[Site]):
    noun, table, kind = Noun.SITE, tables.site, Site

    def found_by(self, value: Site) -> dict[str, Any]:
        return searchable.of_site(self.session.tenant_id, value)

    async def of_customer(self, customer_id: CustomerId, *, most: int) -> tuple[Site, ...]:
        """The customer's first sites."""
        rows = await self.session.all(
            select(self.table)
            .where(self.table.c.tenant_id == self.session.tenant_id, self.table.c.customer_id == customer_id)
            .order_by(self.table.c.id)
            .limit(most)
        )
        return tuple(self.value(row) for row in rows)
