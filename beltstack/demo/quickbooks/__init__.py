"""A stateful QuickBooks Online on loopback: the vendor's rules for what BeltStack uses, and a switch for its faults.

Not played: answers in XML (but for a throttled one), batch, change data capture, attachments, credit memos, webhooks,
tax worked out from an address. Where no source says how QuickBooks behaves, the stricter or more awkward way was taken:
a minorversion below 75 is refused, a payment moves its invoice's SyncToken, only an answer of success is kept for a
request id, and names and queries compare without regard to letter case.
"""

from beltstack.demo.quickbooks.books import Books
from beltstack.demo.quickbooks.faults import Fault, FaultKind, Faults
from beltstack.demo.quickbooks.request_log import Request
from beltstack.demo.quickbooks.server import LoopbackQuickBooks

__all__ = ["Books", "Fault", "FaultKind", "Faults", "LoopbackQuickBooks", "Request"]
