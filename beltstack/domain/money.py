"""Money: currencies and their smallest units, amounts kept exactly, and sums divided without losing a cent."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Context, Decimal
from fractions import Fraction
from math import floor

from beltstack.domain.errors import InvalidInput, Path, Refusal

AMOUNT_MOST = Decimal("99999999999.9999")
"""The largest amount of one line or document; NUMERIC(18,4) leaves room above it for sums."""

# ISO 4217 as published on 1 January 2026, by the decimal places of the smallest unit. What nobody is paid in
# is left out: funds and units of account (CLF, UYW, XDR ...), metals and the codes for tests.
_BY_PLACES = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF",
    2: """
        AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY COP CRC
        CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR
        JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD
        NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN
        SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG
    """,
    3: "BHD IQD JOD KWD LYD OMR TND",
}
_MINOR_UNITS = {code: places for places, codes in _BY_PLACES.items() for code in codes.split()}

CURRENCIES: frozenset[str] = frozenset(_MINOR_UNITS)

# Wide enough that only the rounding asked for takes place, whatever the thread's own context says.
_WIDE = Context(prec=100, rounding=ROUND_HALF_UP)


class InvalidCurrency(InvalidInput):
    code = "INVALID_CURRENCY"


class InvalidAmount(InvalidInput):
    code = "INVALID_AMOUNT"


class CurrencyMismatch(Refusal):
    code = "CURRENCY_MISMATCH"


@dataclass(frozen=True, slots=True)
class Money:
    """An amount of one currency, at that currency's decimal places; sums of two currencies are refused."""

    amount: Decimal
    currency: str

    def __post_init__(self) -> None:
        # Every amount of one value looks the same: 5 USD is kept as 5.00.
        clean = amount(self.amount, currency=self.currency, path=("amount",), least=-AMOUNT_MOST)
        object.__setattr__(self, "amount", clean)

    def __add__(self, other: "Money") -> "Money":
        self._must_share_currency(other)
        return Money(self.amount + other.amount, self.currency)

    def __sub__(self, other: "Money") -> "Money":
        self._must_share_currency(other)
        return Money(self.amount - other.amount, self.currency)

    def _must_share_currency(self, other: "Money") -> None:
        if self.currency != other.currency:
            raise CurrencyMismatch(f"{self.currency} and {other.currency} cannot be reckoned together.")


def currency(value: str, *, path: Path) -> str:
    """An active ISO 4217 code, in capitals."""
    if value not in CURRENCIES:
        raise InvalidCurrency(
            f"'{value[:80]}' is no currency in use: write its ISO 4217 code in capitals, like USD or EUR.", path=path
        )
    return value


def minor_units(currency: str) -> int:
    """Decimal places of the currency's smallest unit: 2 for USD, 0 for JPY, 3 for KWD."""
    if currency not in _MINOR_UNITS:
        raise InvalidCurrency(f"'{currency[:80]}' is no currency in use.", path=("currency",))
    return _MINOR_UNITS[currency]


def amount(value: Decimal, *, currency: str, path: Path, least: Decimal | int = 0) -> Decimal:
    """An amount of at least `least` and at most AMOUNT_MOST, with no more decimals than the currency has."""
    places = minor_units(currency)
    if not isinstance(value, Decimal) or not value.is_finite():
        raise InvalidAmount("An amount is a decimal number.", path=path)
    if not least <= value <= AMOUNT_MOST:
        raise InvalidAmount(f"This amount must lie between {least:,} and {AMOUNT_MOST:,}.", path=path)
    clean = round_half_up(value, places)
    if clean != value:
        raise InvalidAmount(f"An amount in {currency} has {_decimals(places)}.", path=path)
    return clean


def round_half_up(value: Decimal | Fraction, places: int) -> Decimal:
    """Rounded to `places` decimals, halves away from zero; never a negative zero."""
    unit = Decimal((0, (1,), -places))
    if isinstance(value, Fraction):
        # Twice the value in units, so that halves are whole numbers and nothing is lost before they are judged.
        units = (floor(abs(value) * 2 * 10**places) + 1) // 2
        value = _WIDE.multiply(unit, units if value > 0 else -units)
    return _WIDE.plus(value.quantize(unit, context=_WIDE))


def split(total: Decimal, weights: Sequence[Decimal], places: int) -> tuple[Decimal, ...]:
    """The total divided in proportion to the weights; the parts sum to it exactly (largest remainder).

    A weight of zero gets nothing, unless all are zero: then all count alike. `total` has at most `places` decimals.
    """
    if any(weight < 0 for weight in weights):
        raise InvalidAmount("A weight is never below zero.")
    if total < 0:
        return tuple(-part for part in split(-total, weights, places))
    shares = [Fraction(weight) for weight in weights]
    if not any(shares):
        shares = [Fraction(1)] * len(weights)
    whole = sum(shares)
    return settle(total, [Fraction(total) * share / whole for share in shares], places)


def settle(total: Decimal, ideals: Sequence[Fraction], places: int) -> tuple[Decimal, ...]:
    """The exact ideals, rounded so that they sum to the total: each to the unit below or above itself.

    The units left over go where rounding down took most, earlier places first. Refuses a total that no such
    rounding reaches.
    """
    units = 10**places
    parts = [floor(ideal * units) for ideal in ideals]
    missing = Fraction(total) * units - sum(parts)
    if missing.denominator != 1 or not 0 <= missing <= len(parts):
        raise InvalidAmount(f"{total} cannot be divided into {len(parts)} parts of {places} decimals that fit.")
    by_remainder = sorted(range(len(parts)), key=lambda index: parts[index] - ideals[index] * units)
    for index in by_remainder[: int(missing)]:
        parts[index] += 1
    return tuple(round_half_up(Fraction(part, units), places) for part in parts)


def _decimals(places: int) -> str:
    return f"at most {places} decimal places" if places else "no decimal places"
