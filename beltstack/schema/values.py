"""Values a request may hold, in its document and its variables: no endless numbers, lists or nesting, no NUL."""

from collections.abc import Collection
from typing import Any

from graphql import FloatValueNode, IntValueNode, ListValueNode, ObjectValueNode, StringValueNode, ValueNode

LIST_MOST = 250
DEPTH_MOST = 20
# Of all variables together; a hundred records with fifty fields each are half of it.
VALUES_MOST = 10_000
# More than any number of ours has; Python itself refuses from 4,300.
DIGITS_MOST = 1000


class LimitExceeded(Exception):
    """A request asks for too much; the code says of what. `requested` is its cost, where that is known."""

    def __init__(self, code: str, message: str, *, requested: int | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.requested = requested


def check_value(node: ValueNode) -> None:
    """Raises LimitExceeded for a value of the document that no request should hold."""
    waiting: list[tuple[ValueNode, int]] = [(node, 0)]
    while waiting:
        one, depth = waiting.pop()
        if isinstance(one, ListValueNode):
            _check_size(len(one.values), depth)
            waiting.extend((part, depth + 1) for part in one.values)
        elif isinstance(one, ObjectValueNode):
            _check_size(0, depth)
            waiting.extend((part.value, depth + 1) for part in one.fields)
        elif isinstance(one, (IntValueNode, FloatValueNode)):
            if len(one.value) > DIGITS_MOST:
                raise LimitExceeded("NUMBER_LIMIT", f"A number has at most {DIGITS_MOST:,} digits.")
        elif isinstance(one, StringValueNode):
            _check_text(one.value)


def check_variables(variables: dict[str, Any]) -> None:
    """Raises LimitExceeded for a value that no request should hold."""
    waiting: list[tuple[Collection[Any], int]] = [(variables.values(), 0)]
    count = 0
    while waiting:
        values, depth = waiting.pop()
        count += len(values)
        if count > VALUES_MOST:
            raise LimitExceeded("SIZE_LIMIT", f"The variables hold at most {VALUES_MOST:,} values together.")
        for value in values:
            if isinstance(value, list):
                _check_size(len(value), depth)
                waiting.append((value, depth + 1))
            elif isinstance(value, dict):
                _check_size(0, depth)
                waiting.append((value.values(), depth + 1))
            elif isinstance(value, str):
                _check_text(value)


def _check_size(length: int, depth: int) -> None:
    if length > LIST_MOST:
        raise LimitExceeded("LIST_LIMIT", f"A list in the input holds at most {LIST_MOST} values; this one {length:,}.")
    if depth >= DEPTH_MOST:
        raise LimitExceeded("DEPTH_LIMIT", f"Input nests at most {DEPTH_MOST} levels deep.")


def _check_text(text: str) -> None:
    if "\0" in text:
        raise LimitExceeded("NUL_CHARACTER", "No text may hold the NUL character.")
