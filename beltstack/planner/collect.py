"""What a document asks for below a field: response keys in order, fragments folded in, directives decided."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from graphql import (
    DirectiveNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    SelectionSetNode,
    value_from_ast_untyped,
)

from beltstack.planner.arguments import Tree, Variables, tree_of

Fragments = Mapping[str, FragmentDefinitionNode]


@dataclass(frozen=True, slots=True)
class Document:
    """A valid operation's surroundings, and the variables of the request it is planned for."""

    fragments: Fragments
    variables: Variables


@dataclass(frozen=True, slots=True)
class Asked:
    """One response key: every occurrence of its field, merged."""

    key: str
    name: str
    nodes: tuple[FieldNode, ...]
    document: Document

    @property
    def arguments(self) -> dict[str, Tree]:
        """By name; validation made sure that all occurrences agree."""
        variables = self.document.variables
        return {node.name.value: tree_of(node.value, variables) for node in self.nodes[0].arguments or ()}

    def below(self, *type_names: str) -> list["Asked"]:
        """What is asked of an object that is each of these types."""
        sets = [node.selection_set for node in self.nodes if node.selection_set]
        return collect(sets, self.document, frozenset(type_names))


def collect(selection_sets: Iterable[SelectionSetNode], document: Document, type_names: frozenset[str]) -> list[Asked]:
    """The fields of these selections on an object that is each of these types, in the order of their keys."""
    found: dict[str, list[FieldNode]] = {}
    seen: set[str] = set()
    for selection_set in selection_sets:
        _walk(selection_set, document, type_names, found, seen)
    return [Asked(key, nodes[0].name.value, tuple(nodes), document) for key, nodes in found.items()]


def _walk(
    selection_set: SelectionSetNode,
    document: Document,
    type_names: frozenset[str],
    found: dict[str, list[FieldNode]],
    seen: set[str],
) -> None:
    for node in selection_set.selections:
        if not _is_included(node.directives or (), document.variables):
            continue
        if isinstance(node, FieldNode):
            key = node.alias.value if node.alias else node.name.value
            found.setdefault(key, []).append(node)
        elif isinstance(node, InlineFragmentNode):
            if node.type_condition is None or node.type_condition.name.value in type_names:
                _walk(node.selection_set, document, type_names, found, seen)
        elif isinstance(node, FragmentSpreadNode) and node.name.value not in seen:
            # Each fragment once per object: the second time it can only ask for the same.
            seen.add(node.name.value)
            fragment = document.fragments[node.name.value]
            if fragment.type_condition.name.value in type_names:
                _walk(fragment.selection_set, document, type_names, found, seen)


def _is_included(directives: Sequence[DirectiveNode], variables: Variables) -> bool:
    for directive in directives:
        if directive.name.value in {"skip", "include"}:
            (argument,) = directive.arguments or ()
            decided: Any = value_from_ast_untyped(argument.value, dict(variables))
            if decided is (directive.name.value == "skip"):
                return False
    return True
