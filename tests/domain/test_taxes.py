"""The tax of a document: exact to the cent in both modes and both roundings."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beltstack.domain.errors import InvalidInput, Refusals
from beltstack.domain.ids import TaxCodeId
from beltstack.domain.money import InvalidAmount, round_half_up
from beltstack.domain.taxes import (
    DocumentTax,
    InvalidTaxCode,
    TaxableLine,
    TaxCode,
    TaxComponent,
    TaxMode,
    TaxRounding,
    TaxSnapshot,
    new_tax_code,
    tax_document,
)

PLACES = {"JPY": 0, "USD": 2, "KWD": 3}


def a_tax(*rates: str, compound: bool = False) -> TaxSnapshot:
    """A tax with these rates; with `compound`, all but the first tax what comes before them too."""
    components = tuple(
        TaxComponent(f"Part {index}", Decimal(rate), compound and index > 0) for index, rate in enumerate(rates)
    )
    return TaxSnapshot("STD", "Standard", components)


def a_tax_code(**changes: object) -> TaxCode:
    code = TaxCode(TaxCodeId(UUID(int=1)), "CA", "California", (TaxComponent("State", Decimal("0.0725")),))
    return replace(code, **changes)  # type: ignore[arg-type]


def taxed(
    amounts: list[str],
    tax: TaxSnapshot | None,
    mode: TaxMode = TaxMode.EXCLUSIVE,
    rounding: TaxRounding = TaxRounding.PER_LINE,
    currency: str = "USD",
) -> DocumentTax:
    lines = [TaxableLine(Decimal(text), tax) for text in amounts]
    return tax_document(lines, mode=mode, rounding=rounding, currency=currency)


@st.composite
def documents(draw: st.DrawFn, least: int = -1_000_000) -> tuple[list[TaxableLine], str]:
    currency = draw(st.sampled_from(sorted(PLACES)))
    component = st.builds(TaxComponent, st.just("Part"), st.decimals(min_value=0, max_value=1, places=6), st.booleans())
    components = st.lists(component, min_size=1, max_size=4).map(tuple)
    taxes = draw(st.lists(st.builds(TaxSnapshot, st.just("T"), st.just("Tax"), components), min_size=1, max_size=3))
    amounts = st.decimals(min_value=least, max_value=1_000_000, places=PLACES[currency])
    line = st.builds(TaxableLine, amounts, st.one_of(st.none(), st.sampled_from(taxes)))
    return draw(st.lists(line, max_size=12)), currency


MODES = st.sampled_from(list(TaxMode))
ROUNDINGS = st.sampled_from(list(TaxRounding))


def test_xero_s_own_example_comes_to_11_44_per_line() -> None:
    document = taxed(["25.06", "25.61", "25.63"], a_tax("0.15"))
    assert [line.tax for line in document.lines] == [Decimal("3.76"), Decimal("3.84"), Decimal("3.84")]
    assert (document.subtotal, document.tax, document.total) == (Decimal("76.30"), Decimal("11.44"), Decimal("87.74"))


def test_xero_s_own_example_comes_to_11_45_per_document() -> None:
    document = taxed(["25.06", "25.61", "25.63"], a_tax("0.15"), rounding=TaxRounding.PER_DOCUMENT)
    assert (document.subtotal, document.tax, document.total) == (Decimal("76.30"), Decimal("11.45"), Decimal("87.75"))
    # 3.759, 3.8415 and 3.8445: the third loses most by rounding down, after the first.
    assert [line.tax for line in document.lines] == [Decimal("3.76"), Decimal("3.84"), Decimal("3.85")]


def test_an_inclusive_price_holds_its_tax() -> None:
    document = taxed(["115.00", "0.10"], a_tax("0.15"), TaxMode.INCLUSIVE)
    assert [(line.net, line.tax, line.gross) for line in document.lines] == [
        (Decimal("100.00"), Decimal("15.00"), Decimal("115.00")),
        (Decimal("0.09"), Decimal("0.01"), Decimal("0.10")),
    ]


def test_inclusive_tax_per_document_is_what_the_rounded_net_of_all_leaves() -> None:
    lines = ["9.99", "9.99", "9.99"]
    # Each holds 1.3030..., all three together 3.9091.
    assert taxed(lines, a_tax("0.15"), TaxMode.INCLUSIVE).tax == Decimal("3.90")
    together = taxed(lines, a_tax("0.15"), TaxMode.INCLUSIVE, TaxRounding.PER_DOCUMENT)
    assert [line.tax for line in together.lines] == [Decimal("1.31"), Decimal("1.30"), Decimal("1.30")]
    assert together.tax == Decimal("3.91")


def test_a_compound_component_taxes_the_components_before_it() -> None:
    plain = taxed(["100.00"], a_tax("0.05", "0.09975"))
    assert plain.lines[0].components == (Decimal("5.00"), Decimal("9.98"))
    compound = taxed(["100.00"], a_tax("0.05", "0.09975", compound=True))
    # 9.975 % of 105.
    assert compound.lines[0].components == (Decimal("5.00"), Decimal("10.47"))
    inclusive = taxed(["115.47"], a_tax("0.05", "0.09975", compound=True), TaxMode.INCLUSIVE)
    assert inclusive.lines[0].net == Decimal("100.00")
    assert inclusive.lines[0].components == (Decimal("5.00"), Decimal("10.47"))


def test_an_untaxed_line_holds_no_tax_in_either_mode() -> None:
    for mode in TaxMode:
        document = taxed(["10"], None, mode)
        assert (document.subtotal, document.tax, document.total) == (Decimal(10), Decimal(0), Decimal(10))
        assert document.lines[0].components == ()


def test_a_document_without_lines_comes_to_zero() -> None:
    assert str(taxed([], a_tax("0.15")).total) == "0.00"


def test_lines_of_different_taxes_are_never_rounded_together() -> None:
    lines = [TaxableLine(Decimal("0.05"), a_tax("0.10")), TaxableLine(Decimal("0.05"), a_tax("0.100001"))]
    document = tax_document(lines, mode=TaxMode.EXCLUSIVE, rounding=TaxRounding.PER_DOCUMENT, currency="USD")
    # Each is half a cent and rounds up alone; together they would come to one cent.
    assert [line.tax for line in document.lines] == [Decimal("0.01"), Decimal("0.01")]


def test_a_discount_takes_its_part_of_the_tax_away() -> None:
    for rounding in TaxRounding:
        document = taxed(["100.00", "-100.00"], a_tax("0.15"), rounding=rounding)
        assert [line.tax for line in document.lines] == [Decimal("15.00"), Decimal("-15.00")]
        assert document.total == 0


def test_an_amount_finer_than_the_currency_is_refused_with_its_place() -> None:
    with pytest.raises(InvalidAmount) as refusal:
        taxed(["1.00", "1.005"], a_tax("0.15"))
    assert refusal.value.path == ("lines", "1")


@settings(deadline=None)
@given(documents(), MODES, ROUNDINGS)
def test_every_figure_adds_up(drawn: tuple[list[TaxableLine], str], mode: TaxMode, rounding: TaxRounding) -> None:
    lines, currency = drawn
    document = tax_document(lines, mode=mode, rounding=rounding, currency=currency)
    assert document.subtotal + document.tax == document.total
    assert document.subtotal == sum(line.net for line in document.lines)
    assert document.tax == sum(line.tax for line in document.lines)
    for given_line, line in zip(lines, document.lines, strict=True):
        assert line.net + line.tax == line.gross
        assert sum(line.components) == line.tax
        assert len(line.components) == len(given_line.tax.components if given_line.tax else ())
        assert given_line.amount == (line.net if mode is TaxMode.EXCLUSIVE else line.gross)
        assert all(part == round(part, PLACES[currency]) for part in (line.net, line.tax, *line.components))


@settings(deadline=None)
@given(documents(), MODES, ROUNDINGS)
def test_no_component_of_a_line_is_off_its_exact_tax_by_a_whole_unit(
    drawn: tuple[list[TaxableLine], str], mode: TaxMode, rounding: TaxRounding
) -> None:
    lines, currency = drawn
    unit = Fraction(1, 10 ** PLACES[currency])
    document = tax_document(lines, mode=mode, rounding=rounding, currency=currency)
    for given_line, line in zip(lines, document.lines, strict=True):
        for exact, part in zip(exact_components(given_line, mode), line.components, strict=True):
            assert abs(Fraction(part) - exact) < unit


@settings(deadline=None)
@given(documents(), MODES)
def test_per_line_is_the_same_for_a_line_whatever_stands_beside_it(
    drawn: tuple[list[TaxableLine], str], mode: TaxMode
) -> None:
    lines, currency = drawn
    together = tax_document(lines, mode=mode, rounding=TaxRounding.PER_LINE, currency=currency)
    for line, line_tax in zip(lines, together.lines, strict=True):
        alone = tax_document([line], mode=mode, rounding=TaxRounding.PER_LINE, currency=currency)
        assert alone.lines == (line_tax,)


@settings(deadline=None)
@given(documents())
def test_per_document_rounds_each_component_of_a_tax_once(drawn: tuple[list[TaxableLine], str]) -> None:
    lines, currency = drawn
    places = PLACES[currency]
    document = tax_document(lines, mode=TaxMode.EXCLUSIVE, rounding=TaxRounding.PER_DOCUMENT, currency=currency)
    expected = Decimal(0)
    for tax in {line.tax for line in lines if line.tax}:
        base = Fraction(sum((line.amount for line in lines if line.tax == tax), Decimal(0)))
        for exact in exact_components(TaxableLine(Decimal(1), tax), TaxMode.EXCLUSIVE):
            expected += round_half_up(base * exact, places)
    assert document.tax == expected


@settings(deadline=None)
@given(documents(), ROUNDINGS)
def test_inclusive_tax_is_the_price_less_the_rounded_net(
    drawn: tuple[list[TaxableLine], str], rounding: TaxRounding
) -> None:
    lines, currency = drawn
    document = tax_document(lines, mode=TaxMode.INCLUSIVE, rounding=rounding, currency=currency)
    groups: dict[object, list[TaxableLine]] = {}
    for index, line in enumerate(lines):
        groups.setdefault(line.tax if rounding is TaxRounding.PER_DOCUMENT else index, []).append(line)
    expected = Decimal(0)
    for members in groups.values():
        gross = sum((line.amount for line in members), Decimal(0))
        rate = sum(exact_components(TaxableLine(Decimal(1), members[0].tax), TaxMode.EXCLUSIVE))
        expected += gross - round_half_up(Fraction(gross) / (1 + rate), PLACES[currency])
    assert document.tax == expected


@settings(deadline=None)
@given(documents(least=0), MODES, ROUNDINGS)
def test_what_is_not_negative_has_no_negative_tax(
    drawn: tuple[list[TaxableLine], str], mode: TaxMode, rounding: TaxRounding
) -> None:
    lines, currency = drawn
    document = tax_document(lines, mode=mode, rounding=rounding, currency=currency)
    assert all(part >= 0 for line in document.lines for part in (line.net, *line.components))


def test_a_tax_code_is_kept_as_given_and_tells_nobody() -> None:
    change = new_tax_code(a_tax_code(code="  CA ", components=(TaxComponent("State ", Decimal("0.07250000")),)))
    assert change.before is None
    assert change.after == a_tax_code()
    assert change.facts == ()
    assert change.after.snapshot == TaxSnapshot("CA", "California", (TaxComponent("State", Decimal("0.0725")),))


@pytest.mark.parametrize("rate", ["-0.000001", "1.000001", "0.0000001", "NaN", "Infinity", "15"])
def test_a_rate_is_between_0_and_1_with_at_most_6_decimals(rate: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        new_tax_code(a_tax_code(components=(TaxComponent("State", Decimal(rate)),)))
    assert refusal.value.path == ("components", "0", "rate")


@pytest.mark.parametrize("count", [0, 9])
def test_a_tax_code_has_1_to_8_components(count: int) -> None:
    with pytest.raises(InvalidTaxCode) as refusal:
        new_tax_code(a_tax_code(components=(TaxComponent("State", Decimal("0.1")),) * count))
    assert refusal.value.message == "A tax code has 1 to 8 components."
    assert refusal.value.path == ("components",)


def test_all_problems_of_a_tax_code_are_told_together() -> None:
    bad = a_tax_code(code=" ", name="x" * 256, components=(TaxComponent("", Decimal(2)),))
    with pytest.raises(Refusals) as refusals:
        new_tax_code(bad)
    assert [refusal.path for refusal in refusals.value.refusals] == [
        ("code",),
        ("name",),
        ("components", "0", "name"),
        ("components", "0", "rate"),
    ]


def test_revising_a_tax_code_leaves_the_snapshots_taken_before() -> None:
    before = a_tax_code()
    taken = before.snapshot
    change = before.revise({"components": (TaxComponent("State", Decimal("0.08")),)})
    assert change.after.components[0].rate == Decimal("0.08")
    assert taken.components[0].rate == Decimal("0.0725")


def test_archiving_a_tax_code_twice_keeps_the_first_moment() -> None:
    first, second = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC)
    archived = a_tax_code().archive(at=first).after
    assert archived.archived_at == first
    assert archived.archive(at=second).is_nothing


def exact_components(line: TaxableLine, mode: TaxMode) -> list[Fraction]:
    """The unrounded tax by component, reckoned step by step on the net."""
    net = Fraction(1)
    taxes: list[Fraction] = []
    for component in line.tax.components if line.tax else ():
        base = net + sum(taxes) if component.compound else net
        taxes.append(base * Fraction(component.rate))
    scale = Fraction(line.amount) / (1 if mode is TaxMode.EXCLUSIVE else net + sum(taxes))
    return [tax * scale for tax in taxes]
