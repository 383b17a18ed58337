"""Linking a customer to one in QuickBooks: created, adopted where it plainly is the same, or left to the office."""

from beltstack.plugins import Customer, NeedsAttention, Reference, RetryLater
from beltstack_quickbooks.calls import Books
from beltstack_quickbooks.faults import NAME_TAKEN, STALE
from beltstack_quickbooks.mapping import Entity, content_hash, customer_body, marker, request_id

ENTITY = "customer"
_OTHER_HOLDERS = ("Vendor", "Employee")
_MARK = "beltstack:"


async def ensure_linked(customer: Customer, books: Books) -> Reference:
    """The customer's reference, brought up to date: what we know is theirs too, what only they know stays.

    Raises NeedsAttention where the name belongs to somebody else in QuickBooks.
    """
    body = customer_body(customer)
    linked = await books.connection.references.find(ENTITY, customer.id)
    if linked is None:
        return await _link(await _created_or_adopted(customer, body, books), customer, body, books)
    if linked.content_hash == content_hash(body):
        return linked
    return await _link(await _updated(linked, customer, body, books), customer, body, books)


async def _created_or_adopted(customer: Customer, body: Entity, books: Books) -> Entity:
    if books.attempt > 1 and (found := await _same_name(customer, books)):
        return _adoptable(found, customer)
    try:
        return await books.create(
            "Customer",
            body,
            request_id=request_id(books.connection.tenant.id, ENTITY, customer.id),
            record=_words(customer),
        )
    except NeedsAttention as refusal:
        if refusal.code != NAME_TAKEN:
            raise
    if found := await _same_name(customer, books):
        return _adoptable(found, customer)
    raise _taken(customer, await _holder(customer, books))


async def _updated(linked: Reference, customer: Customer, body: Entity, books: Books) -> Entity:
    """Change what is ours; somebody's newer version is fetched and the change laid over it, once."""
    # The note is written when we create a customer; one that was adopted keeps its own.
    ours = {name: value for name, value in body.items() if name != "Notes"} | {"Id": linked.external_id}
    try:
        return await books.update("Customer", {**ours, "SyncToken": linked.external_version}, record=_words(customer))
    except RetryLater as refusal:
        if refusal.code != STALE:
            raise
    present = await books.read("Customer", linked.external_id, record=_words(customer))
    return await books.update("Customer", {**ours, "SyncToken": present["SyncToken"]}, record=_words(customer))


async def _link(found: Entity, customer: Customer, body: Entity, books: Books) -> Reference:
    reference = Reference(
        ENTITY,
        customer.id,
        found["Id"],
        external_version=found["SyncToken"],
        external_url=f"https://app.qbo.intuit.com/app/customerdetail?nameId={found['Id']}",
        content_hash=content_hash(body),
    )
    try:
        await books.connection.references.link(reference)
    except NeedsAttention as refusal:
        raise _taken(customer, "is linked to another of your customers there") from refusal
    return reference


async def _same_name(customer: Customer, books: Books) -> Entity | None:
    """The customer QuickBooks finds under the name; names are its own key, so there is at most one."""
    found = await books.find("Customer", record=_words(customer), DisplayName=customer.name)
    return found[0] if found else None


def _adoptable(found: Entity, customer: Customer) -> Entity:
    """The customer found, if nothing says it is another one: then nothing is created and nothing overwritten."""
    note = str(found.get("Notes", ""))
    if marker(customer.id) in note:
        return found
    if _MARK in note:
        raise _taken(customer, "belongs to another BeltStack customer there")
    if found.get("Job"):
        raise _taken(customer, "belongs to a sub-customer there")
    if found["DisplayName"] != customer.name:
        raise _taken(customer, f"is written '{found['DisplayName']}' there")
    theirs = found.get("PrimaryEmailAddr", {}).get("Address")
    if theirs and customer.email and theirs.casefold() != customer.email.casefold():
        raise _taken(customer, f"belongs to a customer with the e-mail {theirs} there")
    return found


async def _holder(customer: Customer, books: Books) -> str:
    for kind in _OTHER_HOLDERS:
        if await books.find(kind, record=_words(customer), DisplayName=customer.name):
            return f"belongs to {'an' if kind == 'Employee' else 'a'} {kind.lower()} there"
    return "is taken there by a name BeltStack cannot see"


def _taken(customer: Customer, why: str) -> NeedsAttention:
    return NeedsAttention(
        f"Customer '{customer.name}' is not in QuickBooks yet, and the name {why}. Give one of the two another name,"
        " then replay this delivery.",
        code=NAME_TAKEN,
    )


def _words(customer: Customer) -> str:
    return f"customer '{customer.name}'"
