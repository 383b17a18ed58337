"""Customers and their contacts."""

from typing import Any

from beltstack.domain.customers import Contact, Customer
from beltstack.domain.ids import Noun
from beltstack.store import searchable, tables
from beltstack.store.records import Repository


class Customers(Repository[Customer]):
    noun, table, kind = Noun.CUSTOMER, tables.customer, Customer

    def found_by(self, value: Customer) -> dict[str, Any]:
        return searchable.of_customer(self.session.tenant_id, value)


class Contacts(Repository[Contact]):
    noun, table, kind = Noun.CONTACT, tables.contact, Contact
