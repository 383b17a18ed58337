"""How the demo speaks: headings, steps, facts; colours only where a terminal reads them."""

import sys

_BOLD, _DIM, _GREEN, _YELLOW, _RED, _CYAN = "1", "2", "32", "33", "31", "36"


def heading(text: str) -> None:
    print(f"\n{_paint(_BOLD, text)}", flush=True)


def step(who: str, what: str) -> None:
    """Somebody does something."""
    print(f"  {_paint(_CYAN, who.ljust(11))} {what}", flush=True)


def event(type_: str, told: str) -> None:
    """A fact, and who has to hear it."""
    print(f"  {' ' * 11} {_paint(_DIM, f'event {type_}{told}')}", flush=True)


def good(text: str) -> None:
    print(f"  {' ' * 11} {_paint(_GREEN, text)}", flush=True)


def refusal(text: str) -> None:
    print(f"  {' ' * 11} {_paint(_YELLOW, text)}", flush=True)


def blow(text: str) -> None:
    print(f"  {' ' * 11} {_paint(_RED, text)}", flush=True)


def say(text: str = "") -> None:
    print(text, flush=True)


def _paint(code: str, text: str) -> str:
    return f"\x1b[{code}m{text}\x1b[0m" if sys.stdout.isatty() else text
