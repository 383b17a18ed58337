"""Sites."""

from typing import Any

from beltstack.domain.ids import Noun
from beltstack.domain.sites import Site
from beltstack.store import searchable, tables
from beltstack.store.records import Repository


class Sites(Repository[Site]):
    noun, table, kind = Noun.SITE, tables.site, Site

    def found_by(self, value: Site) -> dict[str, Any]:
        return searchable.of_site(self.session.tenant_id, value)
