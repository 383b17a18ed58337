"""Arguments of a document as trees whose leaves know where their value comes from in each request."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from graphql import ListValueNode, ObjectValueNode, ValueNode, VariableNode, value_from_ast_untyped

from beltstack.domain.ids import noun_of

Variables = Mapping[str, Any]
TENANT = "\0tenant"
"""Where the variables of a request hold its tenant."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """One value. `now` is what it is in the request the plan is made for; `of` reads it in any request of the shape."""

    now: Any
    of: Callable[[Variables], Any]


Tree = Leaf | dict[str, Any] | list[Any]
"""A leaf, or an object or a list of trees; a list of plain values is one leaf."""


def constant(value: Any) -> Leaf:
    return Leaf(value, lambda _: value)


def tree_of(node: ValueNode, variables: Variables) -> Tree:
    """The tree of an argument as the document has it, variables followed into their values."""
    if isinstance(node, VariableNode):
        name = node.name.value
        return _of_value(variables.get(name), lambda given: given.get(name))
    if isinstance(node, ObjectValueNode):
        return {field.name.value: tree_of(field.value, variables) for field in node.fields}
    if isinstance(node, ListValueNode) and any(isinstance(one, (ObjectValueNode, VariableNode)) for one in node.values):
        return [tree_of(one, variables) for one in node.values]
    return constant(value_from_ast_untyped(node))


def as_list(tree: Tree) -> list[Tree]:
    """The trees of a list; one value alone is a list of one, as GraphQL coerces it."""
    if isinstance(tree, list):
        return tree
    return [] if isinstance(tree, Leaf) and not tree.now else [tree]


def values_of(tree: Tree) -> Callable[[Variables], list[Any]]:
    """Reads a list of plain values, whether the list or each of its values is the document's or a variable."""
    if isinstance(tree, list):
        leaves = [part for part in tree if isinstance(part, Leaf)]
        return lambda given: [leaf.of(given) for leaf in leaves]
    assert isinstance(tree, Leaf)
    leaf = tree

    def read(given: Variables) -> list[Any]:
        value = leaf.of(given)
        return value if isinstance(value, list) else [value]

    return read


def _of_value(value: Any, of: Callable[[Variables], Any]) -> Tree:
    if isinstance(value, Mapping):
        return {key: _of_value(part, _step(of, key)) for key, part in value.items()}
    if isinstance(value, list) and any(isinstance(part, Mapping) for part in value):
        return [_of_value(part, _step(of, place)) for place, part in enumerate(value)]
    return Leaf(value, of)


def _step(of: Callable[[Variables], Any], key: Any) -> Callable[[Variables], Any]:
    return lambda given: of(given)[key]


def shape(value: Any) -> Any:
    """What of a request's variables decides the plan: which are null, the keys of objects, flags, the nouns of ids."""
    if value is None or isinstance(value, (bool, Enum)):
        return value
    if isinstance(value, Mapping):
        return tuple((key, shape(part)) for key, part in sorted(value.items()))
    if isinstance(value, list):
        parts = {shape(part) if isinstance(part, (Mapping, type(None))) else "" for part in value}
        is_objects = any(isinstance(part, Mapping) for part in value)
        return ("list", tuple(shape(part) for part in value) if is_objects else frozenset(parts))
    if isinstance(value, str):
        # A blank search is none.
        return noun_of(value) or ("text" if value.strip() else "blank")
    return type(value).__name__
