"""The kit has a golden event for every reaction and a sample for every veto, and both speak of the same records."""

from typing import Any, get_args, get_type_hints

import pytest

from beltstack.domain.events import Fact, facts_by_type
from beltstack.plugins import Change, InvoiceIssued, Plugin, VisitChange
from beltstack.plugins.testing import Samples, golden_events
from tools.golden import example_of

KINDS = sorted(facts_by_type().values(), key=lambda kind: kind.type)
VETOES = [name for name in vars(Plugin) if name.startswith("before_")]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.type)
def test_every_event_is_told_whole_and_bare(kind: type[Fact]) -> None:
    whole, bare = golden_events(kind.type)
    assert whole.fact == example_of(kind)
    assert type(bare.fact) is kind
    assert "without what may be absent" in bare.words


@pytest.mark.parametrize("veto", VETOES)
def test_every_veto_is_asked_about_what_its_hint_says(veto: str) -> None:
    change = Samples().change_for(veto)
    kind: Any = get_type_hints(getattr(Plugin, veto))["change"]
    if kind is VisitChange:
        assert isinstance(change, VisitChange)
    else:
        assert isinstance(change, Change)
        assert isinstance(change.after, get_args(kind))


def test_records_are_those_that_the_golden_events_speak_of() -> None:
    samples = Samples("south")
    issued = golden_events("invoice.issued", namespace=samples.namespace)[0].fact
    assert isinstance(issued, InvoiceIssued)
    invoice = samples.invoice
    assert (issued.invoice_id, issued.customer_id, issued.site_id, issued.work_order_id) == (
        invoice.id, samples.customer.id, samples.site.id, samples.work_order.id,
    )  # fmt: skip
    assert (issued.number, issued.subtotal, issued.tax, issued.total) == (
        invoice.number, invoice.subtotal, invoice.tax, invoice.total,
    )  # fmt: skip
    assert [line.amount for line in issued.lines] == [line.amount for line in invoice.lines]
    assert [line.tax for line in issued.lines] == [line.tax for line in invoice.lines]


def test_two_tenants_records_have_nothing_in_common() -> None:
    north, south = Samples("north"), Samples("south")
    assert not {north.tenant.id, north.customer.id, north.visit.id} & {
        south.tenant.id, south.customer.id, south.visit.id,
    }  # fmt: skip
