"""The contract for plugins finds each thing that it is there to find, and nothing else."""

from pathlib import Path

import pytest

from beltstack.plugins import Plugin
from beltstack.plugins.testing.running import Outcome, check_plugins
from tests.plugins.saboteurs import SABOTEURS, Honest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def outcomes() -> list[Outcome]:
    """What came of every plugin's contract, from one run."""
    kinds: list[type[Plugin]] = [Honest, *SABOTEURS.values()]
    return check_plugins(*(f"{kind.__module__}:{kind.__name__}" for kind in kinds))


def broken_by(outcomes: list[Outcome], name: str) -> dict[str, str]:
    """The letters of the clauses a plugin broke, and what was said."""
    own = [outcome for outcome in outcomes if outcome.contract == f"Test{name}"]
    assert len(own) == len(SABOTEURS)
    return {outcome.words[0]: outcome.problem for outcome in own if outcome.problem is not None}


def test_a_plugin_that_keeps_its_contract_passes(outcomes: list[Outcome]) -> None:
    assert broken_by(outcomes, "Honest") == {}


SAID = {
    "a": "Its limits let no call through",
    "b": "invoice_issued crashed on invoice.issued v1 without what may be absent",
    "c": "payment.recorded told again made 1 more",
    "d": "the remote asked it to wait 17 s (429, Retry-After)",
    "e": "before_work_order_complete: it slept",
    "f": "One stands in its logs",
    "g": "It sent one tenant's data for another",
    "h": "There is no hook invoice_isued",
    "i": "The remote answered 401 and it raised KeyError",
    "j": "invoice.issued held it up for",
}


@pytest.mark.parametrize("clause", SABOTEURS)
def test_a_saboteur_fails_exactly_the_clause_it_breaks(outcomes: list[Outcome], clause: str) -> None:
    broken = broken_by(outcomes, SABOTEURS[clause].__name__)
    assert list(broken) == [clause], broken
    assert SAID[clause] in broken[clause]
