"""`beltstack demo`: the main job by itself, and nothing left running however it ends."""

import re
import signal
import time
from pathlib import Path

from beltstack.store.tokens import looks_like_token
from tests.stories.programs import TEMPORARY, Program, running_in, until

LONGEST_SECONDS = 90.0
STEP_3 = "3. A technician goes"


def test_the_demo_tells_its_story_and_ends_by_itself_without_a_terminal(place: Path) -> None:
    started = time.monotonic()
    demo = Program(place, "demo", "--port", "0")
    status = demo.status(seconds=LONGEST_SECONDS)
    took_seconds = time.monotonic() - started
    said = "\n".join(demo.said)
    assert (status, demo.complained) == (0, []), said
    assert took_seconds < LONGEST_SECONDS
    _check_veto(said)
    _check_crash(said)
    _check_books(said)
    (port, token) = _found(r"address  http://127\.0\.0\.1:(\d+)/graphql\n  token    (\S+)\n", said)
    assert int(port) > 0
    assert looks_like_token(token)
    assert until(lambda: not running_in(place)), running_in(place)
    assert left_lying_in(place) == []


def _check_veto(said: str) -> None:
    """The plugin's no stands between the two tries, and the second one is done."""
    refused = said.index("VETOED by findings_rule: Add a note that starts with 'Findings:'")
    tries = [match.start() for match in re.finditer("workOrderComplete", said)]
    assert len(tries) == 2
    assert tries[0] < refused < tries[1] < said.index("is COMPLETED")


def _check_crash(said: str) -> None:
    """Killed after the commit; the next worker comes with the same request id, and it was committed once."""
    (killed,) = _found(r"SIGKILL: worker (\d+) is gone", said)
    (next_one,) = _found(r"restarted as (\d+)", said)
    assert killed != next_one
    order = ("has committed the invoice and not answered yet", "SIGKILL", "restarted as", "may have arrived before")
    places = [said.index(words) for words in order]
    assert places == sorted(places)
    (first,) = _found(r"sending requestid (\S+)", said)
    (second,) = _found(r"requestid (\S+) may have arrived before; looking first", said)
    assert first == second
    assert re.findall(r"request \d+: requestid (\S+), committed", said) == [first]


def _check_books(said: str) -> None:
    """One invoice, with the number and the total that BeltStack gave it, and then it is paid."""
    number, total = _found(r"(INV-\d+) stands: (\d+\.\d\d) USD", said)
    held = re.findall(r"invoice \d+: DocNumber (\S+), TotalAmt (\S+)", said)
    assert held == [(number, total)]
    assert "the invoice's balance is 0.00" in said


def test_an_interrupt_in_the_middle_ends_everything(place: Path) -> None:
    demo = Program(place, "demo", "--port", "0")
    demo.line_with(STEP_3)
    assert_works_in(place)
    demo.send(signal.SIGINT)
    assert (demo.status(), demo.complained) == (130, [])
    assert until(lambda: not running_in(place)), running_in(place)
    assert left_lying_in(place) == []


def test_a_killed_demo_leaves_nobody_running(place: Path) -> None:
    demo = Program(place, "demo", "--port", "0")
    demo.line_with(STEP_3)
    assert_works_in(place)
    demo.send(signal.SIGKILL)
    assert demo.status() == -signal.SIGKILL
    assert until(lambda: not running_in(place)), running_in(place)


def assert_works_in(place: Path) -> None:
    """The demo's worker and its PostgreSQL are seen now; else nobody would notice what is left of them."""
    commands = running_in(place).values()
    for program in ("beltstack.demo.worker_process", "bin/postgres -D", "postgres: checkpointer", "janitor"):
        assert any(program in command for command in commands), (program, list(commands))


def left_lying_in(place: Path) -> list[Path]:
    """Files, and folders but that for temporary files."""
    return [path for path in place.rglob("*") if path != place / TEMPORARY]


def _found(pattern: str, said: str) -> tuple[str, ...]:
    found = re.search(pattern, said)
    assert found is not None, (pattern, said)
    return found.groups()
