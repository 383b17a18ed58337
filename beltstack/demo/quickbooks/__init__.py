"""A stateful QuickBooks Online on loopback: the vendor's rules for what BeltStack uses, and a switch for its faults."""

from beltstack.demo.quickbooks.books import Books
from beltstack.demo.quickbooks.faults import Fault, FaultKind, Faults
from beltstack.demo.quickbooks.request_log import Request
from beltstack.demo.quickbooks.server import LoopbackQuickBooks

__all__ = ["Books", "Fault", "FaultKind", "Faults", "LoopbackQuickBooks", "Request"]
