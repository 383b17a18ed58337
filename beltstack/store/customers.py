"""Customers and their contacts."""

from beltstack.domain.customers import Contact, Customer
from beltstack.domain.ids import Noun
from beltstack.store import tables
from beltstack.store.records import Repository


class Customers(Repository[Customer]):
    noun, table, kind = Noun.CUSTOMER, tables.customer, Customer


class Contacts(Repository[Contact]):
    noun, table, kind = Noun.CONTACT, tables.contact, Contact
