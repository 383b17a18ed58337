"""The contract for plugins finds each thing that it is there to find, and nothing else."""

from beltstack.plugins import Plugin
from beltstack.plugins.proving import Outcome, check_plugins
from tests.plugins.saboteurs import SABOTEURS, Honest


def broken_by(outcomes: list[Outcome], name: str) -> dict[str, str]:
    """The letters of the clauses a plugin broke, and what was said."""
    own = [outcome for outcome in outcomes if outcome.contract == f"Test{name}"]
    assert len(own) == len(SABOTEURS)
    return {outcome.words[0]: outcome.problem for outcome in own if outcome.problem is not None}


def test_a_plugin_that_keeps_its_contract_passes_and_each_saboteur_fails_exactly_the_clause_it_breaks() -> None:
    kinds: list[type[Plugin]] = [Honest, *SABOTEURS.values()]
    outcomes = check_plugins(*(f"{kind.__module__}:{kind.__name__}" for kind in kinds))
    assert broken_by(outcomes, "Honest") == {}
    broken = {clause: broken_by(outcomes, kind.__name__) for clause, kind in SABOTEURS.items()}
    assert {clause: list(found) for clause, found in broken.items()} == {clause: [clause] for clause in SABOTEURS}
    assert [words for clause, words in SAID.items() if words not in broken[clause][clause]] == [], broken


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
"""What each is told, in part."""
