"""Every hook there is, in the order of a work order's life. Vendors subclass `Plugin` and override with `@hookimpl`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import pluggy

from beltstack.domain.changes import Change
from beltstack.domain.events import InvoiceIssued, PaymentRecorded, WorkOrderCompleted
from beltstack.domain.work_orders import WorkOrder
from beltstack.plugins.context import Connection, Context, Review
from beltstack.plugins.fields import PluginField
from beltstack.plugins.setup import Manifest

PROJECT = "beltstack"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@dataclass(frozen=True, slots=True)
class Veto:
    """A plugin's no: a sentence for the person, a code for programs, where in the input it lies."""

    message: str
    code: str = "VETO"
    path: tuple[str, ...] = ()


Vetoes = Veto | Sequence[Veto] | None


class Plugin:
    """A vendor's plugin: a manifest and the hooks it overrides."""

    manifest: ClassVar[Manifest]
    fields: ClassVar[tuple[PluginField, ...]] = ()
    """What it adds to the API's types."""

    async def check(self, connection: Connection) -> None:
        """Whether the connection would work; raise NeedsAttention with what is to be mended.

        Nothing asks it yet: enabling will, with the connect flow.
        """

    async def run_job(self, name: str, connection: Connection) -> None:
        """One of the manifest's jobs is due. Raise what a reaction would; it comes round again, later each time."""

    # ── the work ──────────────────────────────────────────────────────────────────────────────────

    @hookspec
    def before_work_order_complete(self, change: Change[WorkOrder], context: Review) -> Vetoes:
        """The field work is about to be closed. `change.after` is the work order as it would be.

        Pure: the same input gives the same answer; no network, no sleep, 50 ms.
        """

    @hookspec
    async def work_order_completed(self, event: WorkOrderCompleted, context: Context) -> None:
        """The work is done and, where policy asks for it, approved."""

    # ── the money ─────────────────────────────────────────────────────────────────────────────────

    @hookspec
    async def invoice_issued(self, event: InvoiceIssued, context: Context) -> None:
        """An invoice got its number and will not change any more. Read it whole with `context.records.invoice`."""

    @hookspec
    async def payment_recorded(self, event: PaymentRecorded, context: Context) -> None:
        """Money was received for an issued invoice; told after the invoice itself."""
