"""Taxes: codes with their components, and the tax of a document, rounded per line or once per document."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import Any

from beltstack.domain import checks
from beltstack.domain.changes import Change
from beltstack.domain.errors import InvalidInput, Problems
from beltstack.domain.ids import TaxCodeId
from beltstack.domain.money import AMOUNT_MOST, amount, minor_units, round_half_up, settle

COMPONENTS_MOST = 8
RATE_PLACES = 6
CODE_CHARACTERS = 40


class TaxMode(StrEnum):
    """Whether prices are before tax (EXCLUSIVE) or contain it (INCLUSIVE)."""

    EXCLUSIVE = "EXCLUSIVE"
    INCLUSIVE = "INCLUSIVE"


class TaxRounding(StrEnum):
    PER_LINE = "PER_LINE"
    PER_DOCUMENT = "PER_DOCUMENT"


class InvalidTaxCode(InvalidInput):
    code = "INVALID_TAX_CODE"


@dataclass(frozen=True, slots=True)
class TaxComponent:
    """One authority's part. A rate of 0.15 is 15 %; a compound component also taxes the components before it."""

    name: str
    rate: Decimal
    compound: bool = False


@dataclass(frozen=True, slots=True)
class TaxSnapshot:
    """What a document keeps of a tax code, so that a later change of rates never reaches it."""

    code: str
    name: str
    components: tuple[TaxComponent, ...]

    @property
    def shares(self) -> tuple[Fraction, ...]:
        """Each component's tax as an exact share of the amount before tax."""
        shares: list[Fraction] = []
        for component in self.components:
            taxed = 1 + sum(shares) if component.compound else Fraction(1)
            shares.append(Fraction(component.rate) * taxed)
        return tuple(shares)


@dataclass(frozen=True, slots=True)
class TaxCode:
    """`code` is what the office picks from a list, unique within the tenant."""

    id: TaxCodeId
    code: str
    name: str
    components: tuple[TaxComponent, ...]
    archived_at: datetime | None = None
    version: int = 1

    @property
    def snapshot(self) -> TaxSnapshot:
        return TaxSnapshot(self.code, self.name, self.components)

    def revise(self, changes: dict[str, Any]) -> Change["TaxCode"]:
        """The tax code with some fields changed; documents keep the snapshot they have."""
        return Change(self, checked_tax_code(replace(self, **changes)))

    def archive(self, *, at: datetime) -> Change["TaxCode"]:
        """Put away; repeating it changes nothing."""
        return Change(self, replace(self, archived_at=self.archived_at or at))


@dataclass(frozen=True, slots=True)
class TaxableLine:
    """`amount` is net of discount: before tax when the document is EXCLUSIVE, with tax when INCLUSIVE."""

    amount: Decimal
    tax: TaxSnapshot | None


@dataclass(frozen=True, slots=True)
class LineTax:
    """net + tax = gross; `components` are the tax by component of the line's snapshot, in its order."""

    net: Decimal
    tax: Decimal
    gross: Decimal
    components: tuple[Decimal, ...]


@dataclass(frozen=True, slots=True)
class DocumentTax:
    """The sums of the lines: `subtotal` before tax, `total` with it."""

    lines: tuple[LineTax, ...]
    subtotal: Decimal
    tax: Decimal
    total: Decimal


def new_tax_code(tax_code: TaxCode) -> Change[TaxCode]:
    """Check a tax code from outside."""
    return Change(None, checked_tax_code(tax_code))


def checked_tax_code(tax_code: TaxCode) -> TaxCode:
    problems = Problems()
    clean = replace(
        tax_code,
        code=problems.of(checks.line, tax_code.code, path=("code",), longest=CODE_CHARACTERS),
        name=problems.of(checks.line, tax_code.name, path=("name",)),
        components=problems.of(_checked_components, tax_code.components),
    )
    problems.refuse_if_any()
    return clean


def tax_document(lines: Sequence[TaxableLine], *, mode: TaxMode, rounding: TaxRounding, currency: str) -> DocumentTax:
    """The tax of every line and their sums, each figure at the currency's smallest unit, halves rounded up.

    PER_LINE rounds each component of each line. PER_DOCUMENT rounds each component once over all lines of one tax
    and gives the lines their parts by largest remainder. INCLUSIVE takes the tax as what is left of the price
    when the rounded net is taken away.
    """
    places = minor_units(currency)
    for index, line in enumerate(lines):
        amount(line.amount, currency=currency, path=("lines", str(index)), least=-AMOUNT_MOST)
    taxed: list[LineTax] = [_untaxed(line.amount, places) for line in lines]
    for tax, members in _groups(lines, rounding):
        amounts = [lines[index].amount for index in members]
        for index, line_tax in zip(members, _tax_group(amounts, tax, mode, places), strict=True):
            taxed[index] = line_tax
    return DocumentTax(
        lines=tuple(taxed),
        subtotal=_total((line.net for line in taxed), places),
        tax=_total((line.tax for line in taxed), places),
        total=_total((line.gross for line in taxed), places),
    )


def _groups(lines: Sequence[TaxableLine], rounding: TaxRounding) -> list[tuple[TaxSnapshot, list[int]]]:
    """The taxed lines that are rounded together, by their index: all of one tax, or each alone."""
    groups: dict[tuple[TaxSnapshot, int], list[int]] = {}
    for index, line in enumerate(lines):
        if line.tax is not None:
            alone = index if rounding is TaxRounding.PER_LINE else 0
            groups.setdefault((line.tax, alone), []).append(index)
    return [(tax, members) for (tax, _), members in groups.items()]


def _tax_group(amounts: Sequence[Decimal], tax: TaxSnapshot, mode: TaxMode, places: int) -> list[LineTax]:
    shares = tax.shares
    if mode is TaxMode.INCLUSIVE:
        shares = tuple(share / (1 + sum(shares)) for share in shares)
    sums = _component_sums(sum(amounts, Decimal()), shares, mode, places)
    by_component = [
        settle(component_sum, [Fraction(line) * share for line in amounts], places)
        for component_sum, share in zip(sums, shares, strict=True)
    ]
    by_line = zip(*by_component, strict=True) if by_component else [()] * len(amounts)
    return [_line_tax(line, components, mode, places) for line, components in zip(amounts, by_line, strict=True)]


def _component_sums(taxed: Decimal, shares: Sequence[Fraction], mode: TaxMode, places: int) -> tuple[Decimal, ...]:
    """The tax of each component on what is rounded together; `shares` are of the amount as it stands."""
    ideals = [Fraction(taxed) * share for share in shares]
    if mode is TaxMode.EXCLUSIVE:
        return tuple(round_half_up(ideal, places) for ideal in ideals)
    net = round_half_up(Fraction(taxed) - sum(ideals), places)
    return settle(taxed - net, ideals, places)


def _line_tax(line: Decimal, components: tuple[Decimal, ...], mode: TaxMode, places: int) -> LineTax:
    tax = _total(components, places)
    net = round_half_up(line if mode is TaxMode.EXCLUSIVE else line - tax, places)
    return LineTax(net=net, tax=tax, gross=net + tax, components=components)


def _untaxed(line: Decimal, places: int) -> LineTax:
    return _line_tax(line, (), TaxMode.EXCLUSIVE, places)


def _total(parts: Iterable[Decimal], places: int) -> Decimal:
    return round_half_up(sum(parts, Decimal()), places)


def _checked_components(components: tuple[TaxComponent, ...]) -> tuple[TaxComponent, ...]:
    if not 1 <= len(components) <= COMPONENTS_MOST:
        raise InvalidTaxCode(f"A tax code has 1 to {COMPONENTS_MOST} components.", path=("components",))
    problems = Problems()
    clean = tuple(
        replace(
            component,
            name=problems.of(checks.line, component.name, path=("components", str(index), "name")),
            rate=problems.of(_checked_rate, component.rate, index=index),
        )
        for index, component in enumerate(components)
    )
    problems.refuse_if_any()
    return clean


def _checked_rate(rate: Decimal, *, index: int) -> Decimal:
    return checks.decimal(rate, path=("components", str(index), "rate"), least=0, most=1, places=RATE_PLACES)
