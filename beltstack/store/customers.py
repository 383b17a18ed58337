"""Customers and their contacts."""

from typing import Any

from sqlalchemy import text

from beltstack.domain.customers import Contact, Customer
from beltstack.domain.ids import Noun
from beltstack.domain.words import digits, tenant_mark
from beltstack.store import searchable, tables
from beltstack.store.records import Repository


class Customers(Repository[Customer]):
    noun, table, kind = Noun.CUSTOMER, tables.customer, Customer

    def found_by(self, value: Customer) -> dict[str, Any]:
        return searchable.of_customer(self.session.tenant_id, value)

    async def reached_by(self, *, email: str | None, phone: str | None) -> Customer | None:
        """The customer with this e-mail address, or else with this telephone number, who is not put away."""
        tenant_id = self.session.tenant_id
        row = None
        if email:
            row = await self.session.first(_BY_EMAIL, {"tenant": tenant_id, "email": searchable.key(email)})
        if row is None and phone and (numbers := _as_written_elsewhere(digits(phone))):
            words = " | ".join(f"'{tenant_mark(tenant_id)}{number}'" for number in numbers)
            row = await self.session.first(_BY_PHONE, {"tenant": tenant_id, "words": words, "numbers": numbers})
        return None if row is None else self.value(row)


class Contacts(Repository[Contact]):
    noun, table, kind = Noun.CONTACT, tables.contact, Contact


_BY_EMAIL = text(
    """select * from customer where tenant_id = :tenant and email_key = :email and archived_at is null
       order by id limit 1"""
)
# The number's digits are a word of the row, however it was written.
_BY_PHONE = text(
    """select * from customer
       where tenant_id = :tenant and archived_at is null
         and id in (select found_in_customer(cast(:words as tsquery), cast('{}' as tsquery[]), null, null))
         and regexp_replace(phone, '[^0-9]', '', 'g') = any(cast(:numbers as text[]))
       order by id limit 1"""
)


def _as_written_elsewhere(number: str) -> list[str]:
    """A number of North America with and without its country's 1; any other as it is."""
    if len(number) == 11 and number.startswith("1"):
        return [number, number[1:]]
    return [number, f"1{number}"] if len(number) == 10 else [number] if number else []
