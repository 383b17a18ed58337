"""How much validation would compare: every two fields by one key in one place, and all that is below them."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from graphql import (
    ExecutableDefinitionNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    SelectionSetNode,
)

from beltstack.schema.values import LimitExceeded

# A pair takes some 5 µs. Twenty fragments that all ask for the same ten fields make 1,900 pairs.
PAIRS_MOST = 3000
# What is met with its fragments spread out has passed the limit on fields; only a cycle of fragments goes beyond.
VISITS_MOST = 10_000


@dataclass(frozen=True, slots=True)
class _Place:
    """The selections that make up one object of the answer, and the fragments spread on the way to it."""

    selections: tuple[SelectionSetNode, ...]
    spread: frozenset[str]


def check_merging(
    definitions: Iterable[ExecutableDefinitionNode], fragments: Mapping[str, FragmentDefinitionNode]
) -> None:
    """Raises LimitExceeded where graphql-core's OverlappingFieldsCanBeMerged would take too long."""
    pairs = visits = 0
    waiting = [_Place((one.selection_set,), frozenset()) for one in definitions]
    while waiting:
        place = waiting.pop()
        by_key: dict[str, list[FieldNode]] = defaultdict(list)
        seen = set(place.spread)
        for node in _fields(place.selections, fragments, seen):
            by_key[node.alias.value if node.alias else node.name.value].append(node)
            visits += 1
        for nodes in by_key.values():
            pairs += len(nodes) * (len(nodes) - 1) // 2
            below = tuple(node.selection_set for node in nodes if node.selection_set)
            if below:
                waiting.append(_Place(below, frozenset(seen)))
        if pairs > PAIRS_MOST or visits > VISITS_MOST:
            message = (
                f"A document repeats fields in one place at most {PAIRS_MOST:,} times, each beside each other one."
            )
            raise LimitExceeded("REPEAT_LIMIT", message)


def _fields(
    selections: Iterable[SelectionSetNode], fragments: Mapping[str, FragmentDefinitionNode], seen: set[str]
) -> Iterator[FieldNode]:
    """The fields of one place; a fragment is compared with itself never, so it counts once."""
    waiting = list(selections)
    while waiting:
        for node in waiting.pop().selections:
            if isinstance(node, FieldNode):
                yield node
            elif isinstance(node, InlineFragmentNode):
                waiting.append(node.selection_set)
            elif isinstance(node, FragmentSpreadNode) and node.name.value not in seen:
                seen.add(node.name.value)
                if node.name.value in fragments:
                    waiting.append(fragments[node.name.value].selection_set)
