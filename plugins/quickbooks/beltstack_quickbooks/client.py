"""The only HTTP to QuickBooks: the real python-quickbooks, synchronous, for a child process.

Nothing in the parent imports this module (`calls` says how it is reached), so the vendor's library, its sessions and
its process-wide settings never meet the API or another tenant.
"""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import requests
from quickbooks import QuickBooks
from requests.auth import AuthBase
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from beltstack.plugins import RetryLater
from beltstack_quickbooks.calls import Company
from beltstack_quickbooks.faults import Answer, body_of, not_known
from beltstack_quickbooks.mapping import Entity, exact_json

LONGEST_ANSWER_BYTES = 8 * 1024 * 1024
MOST_RESULTS = 1_000


def create(company: Company, record: str, kind: str, body: Entity, request_id: str) -> Entity:
    """Create under a request id: QuickBooks does it once and answers the same to every repetition."""
    with _Ledger(company, record, is_write=True) as ledger:
        return ledger.only(ledger.create_object(kind, exact_json(body), request_id=request_id), kind)


def update(company: Company, record: str, kind: str, body: Entity) -> Entity:
    """Change what `body` names of the thing with its Id and SyncToken; raises RetryLater 5010 where that is stale."""
    with _Ledger(company, record, is_write=True) as ledger:
        return ledger.only(ledger.update_object(kind, exact_json({**body, "sparse": True})), kind)


def read(company: Company, record: str, kind: str, external_id: str) -> Entity:
    """One thing by its id; Preferences, of which there is one, by an empty one."""
    with _Ledger(company, record, is_write=False) as ledger:
        path = "/".join(part for part in (kind.lower(), external_id) if part)
        return ledger.only(ledger.get(f"{ledger.api_url}/company/{company.realm_id}/{path}", {}), kind)


def find(company: Company, record: str, kind: str, equal: tuple[tuple[str, str], ...]) -> list[Entity]:
    """The active things of a kind whose properties equal these, at most 1,000."""
    conditions = " and ".join(f"{name} = '{_escaped(value)}'" for name, value in equal)
    statement = f"select * from {kind} where {conditions} maxresults {MOST_RESULTS}"  # noqa: S608 - escaped above
    with _Ledger(company, record, is_write=False) as ledger:
        # GET, unlike the library's own `query`: the statement travels percent-encoded, whatever letters a name has.
        url = f"{ledger.api_url}/company/{company.realm_id}/query"
        answer = ledger.get(url, {}, params={"query": statement}).get("QueryResponse")
        if not isinstance(answer, dict):
            raise not_known(record, "QuickBooks answered something else", is_write=False)
    found: list[Entity] = answer.get(kind, [])
    return found


@dataclass(frozen=True, slots=True)
class _Received:
    """As much of a response as the library looks at."""

    status_code: int
    text: str


class _Bearer(AuthBase):
    """Says who calls. Set as the session's auth, for without one a .netrc file would overrule the header."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class _Ledger(QuickBooks):  # type: ignore[misc] # the library has no types
    """One call's client: its own session, timeouts, and our errors before the library reads the answer.

    No `auth_client`: that one fetches a discovery document without a timeout and copies a token answer's every
    field onto its session.
    """

    use_decimal = True

    def __new__(cls, company: Company, record: str, *, is_write: bool) -> "_Ledger":
        ledger: _Ledger = super().__new__(cls, company_id=company.realm_id, minorversion=company.minor_version)
        return ledger

    def __init__(self, company: Company, record: str, *, is_write: bool) -> None:
        self.api_url_v3 = f"{company.base_url.rstrip('/')}/v3"
        self.session = requests.Session()
        self.session.auth = _Bearer(company.access_token)
        # A proxy from the environment is for the world outside, never for this machine.
        self.session.trust_env = urlsplit(company.base_url).hostname not in {"127.0.0.1", "::1", "localhost"}
        self._timeouts = (company.connect_seconds, company.read_seconds)
        self._record, self._is_write = record, is_write

    def __enter__(self) -> "_Ledger":
        return self

    def __exit__(self, *_: object) -> None:
        self.session.close()

    def only(self, answer: Entity, kind: str) -> Entity:
        """The one thing of an answer; without it nobody knows what was done."""
        thing = answer.get(kind)
        if not isinstance(thing, dict) or not isinstance(thing.get("Id"), str):
            raise not_known(self._record, "QuickBooks answered something else", is_write=self._is_write)
        return thing

    def process_request(
        self, request_type: str, url: str, headers: Any = "", params: Any = "", data: Any = ""
    ) -> _Received:
        """The library's one door to the network; raises as `faults.body_of` does."""
        answer = self._exchange(request_type, url, headers=headers, params=params, data=data)
        body_of(answer, record=self._record, is_write=self._is_write)
        return _Received(200, answer.text)

    def _exchange(self, method: str, url: str, **what: Any) -> Answer:
        try:
            with self.session.request(
                method, url, timeout=self._timeouts, allow_redirects=False, stream=True, **what
            ) as response:
                text = b"".join(_bounded(response)).decode("utf-8", "replace")
        except requests.RequestException as error:
            raise self._unanswered(error) from error
        header = response.headers.get
        return Answer(response.status_code, text, header("Retry-After"), header("intuit_tid"))

    def _unanswered(self, error: requests.RequestException) -> RetryLater:
        if _never_left(error):
            return RetryLater(f"QuickBooks could not be reached, so {self._record} waits; it is tried again.")
        return not_known(self._record, "QuickBooks did not answer", is_write=self._is_write)


def _bounded(response: requests.Response) -> list[bytes]:
    """The body, up to the bound; what is longer is cut, does not parse, and counts as broken off."""
    parts, left = [], LONGEST_ANSWER_BYTES
    for part in response.iter_content(65_536):
        parts.append(part[:left])
        left -= len(part)
        if left <= 0:
            break
    return parts


def _never_left(error: requests.RequestException) -> bool:
    """Whether no connection came about: then nothing was sent and nothing can have happened."""
    cause = error.args[0] if error.args else None
    return isinstance(getattr(cause, "reason", None), NewConnectionError | ConnectTimeoutError)


def _escaped(text: str) -> str:
    # The backslash first, or it would escape the quote's own (the library escapes the quote alone).
    return text.replace("\\", "\\\\").replace("'", "\\'")
