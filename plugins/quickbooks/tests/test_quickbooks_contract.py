"""QuickBooks keeps the contract that every plugin keeps, against the loopback company."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from beltstack_quickbooks import QuickBooks, QuickBooksCredentials, QuickBooksSettings

from beltstack.demo.quickbooks import LoopbackQuickBooks
from beltstack.plugins.testing import WAIT_SECONDS, Contract, Remote, Trouble

ALWAYS = 1_000_000
FAULTS: dict[Trouble, dict[str, Any]] = {
    Trouble.THROTTLED: {"kind": "throttled_json", "retry_after_seconds": WAIT_SECONDS},
    Trouble.UNAVAILABLE: {"kind": "unavailable", "retry_after_seconds": WAIT_SECONDS},
    Trouble.REFUSED: {"kind": "fault_in_200", "code": "6000"},
    Trouble.FAILED: {"kind": "server_error"},
    Trouble.DROPPED: {"kind": "drop_after_commit", "method": "POST"},
}


class Company:
    """The loopback company as the contract looks at it."""

    def __init__(self, company: LoopbackQuickBooks) -> None:
        self.company = company
        self.url = company.url

    def count(self) -> int:
        books = self.company.books
        return len(books.customers()) + len(books.invoices()) + len(books.payments())

    def texts(self) -> list[str]:
        return [str(request) for request in self.company.books.request_log]

    def arm(self, trouble: Trouble) -> bool:
        if trouble is Trouble.UNAUTHORIZED:
            self.company.revoke()
        else:
            self.company.faults.arm(**FAULTS[trouble], times=ALWAYS)
        return True

    def mend(self) -> None:
        self.company.faults.clear()


@contextmanager
def a_company() -> Iterator[Company]:
    with LoopbackQuickBooks() as company:
        yield Company(company)


class TestContract(Contract):
    plugin = QuickBooks

    def remote(self) -> AbstractContextManager[Remote]:
        return a_company()

    def settings(self, remote: Remote, mark: str) -> QuickBooksSettings:
        assert isinstance(remote, Company)
        return QuickBooksSettings(
            item_id="1",
            client_id=remote.company.client_id,
            base_url=remote.url,
            token_url=f"{remote.url}/oauth2/v1/tokens/bearer",
        )

    def credentials(self, remote: Remote, mark: str) -> QuickBooksCredentials:
        assert isinstance(remote, Company)
        return QuickBooksCredentials(**remote.company.connect(), client_secret=remote.company.client_secret)
