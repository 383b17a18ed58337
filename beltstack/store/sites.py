"""Sites."""

from beltstack.domain.ids import Noun
from beltstack.domain.sites import Site
from beltstack.store import tables
from beltstack.store.records import Repository


class Sites(Repository[Site]):
    noun, table, kind = Noun.SITE, tables.site, Site
