"""What a document asks for below a field: names, response keys and arguments, fragments folded in."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    SelectionSetNode,
    Undefined,
    value_from_ast_untyped,
)


@dataclass(frozen=True, slots=True)
class Selected:
    """One field of a selection; fields with the same name and key may stand there several times."""

    name: str
    key: str
    arguments: Mapping[str, Any]
    children: tuple["Selected", ...]

    def below(self, *names: str) -> tuple["Selected", ...]:
        """What is selected under a path of fields, all their occurrences together."""
        found: tuple[Selected, ...] = (self,)
        for name in names:
            found = tuple(child for one in found for child in one.children if child.name == name)
        return tuple(child for one in found for child in one.children)


def selected(
    nodes: Sequence[FieldNode],
    fragments: Mapping[str, FragmentDefinitionNode],
    variables: Mapping[str, Any],
) -> Selected:
    """The field that these nodes of a document are, with all below it."""
    visited: set[str] = set()
    children = tuple(child for node in nodes for child in _children(node.selection_set, fragments, variables, visited))
    first = nodes[0]
    key = first.alias.value if first.alias else first.name.value
    return Selected(first.name.value, key, _arguments(first, variables), children)


def _children(
    selection_set: SelectionSetNode | None,
    fragments: Mapping[str, FragmentDefinitionNode],
    variables: Mapping[str, Any],
    visited: set[str],
) -> Iterator[Selected]:
    for node in selection_set.selections if selection_set else ():
        if isinstance(node, FieldNode):
            yield selected([node], fragments, variables)
        elif isinstance(node, InlineFragmentNode):
            yield from _children(node.selection_set, fragments, variables, visited)
        elif isinstance(node, FragmentSpreadNode) and node.name.value not in visited:
            # Once is enough, and fragments that double each other would take for ever.
            visited.add(node.name.value)
            yield from _children(fragments[node.name.value].selection_set, fragments, variables, visited)


def _arguments(node: FieldNode, variables: Mapping[str, Any]) -> dict[str, Any]:
    given = {
        argument.name.value: value_from_ast_untyped(argument.value, dict(variables))
        for argument in node.arguments or ()
    }
    # A variable that was not sent is as if its argument were not there.
    return {name: value for name, value in given.items() if value is not Undefined}
