"""What a document may ask for: measured in one pass before validation, each fragment once."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    ListValueNode,
    NullValueNode,
    OperationDefinitionNode,
    OperationType,
    SchemaMetaFieldDef,
    SelectionSetNode,
    TypeMetaFieldDef,
    ValueNode,
    VariableNode,
    get_named_type,
    get_nullable_type,
    is_leaf_type,
    is_list_type,
)

from beltstack.planner.paging import PAGE_DEFAULT, PAGE_MOST
from beltstack.planner.roots import NODES_MOST
from beltstack.schema.merging import check_merging
from beltstack.schema.values import LimitExceeded, check_value

TOKENS_MOST = 2000
OPERATIONS_MOST = 10
FRAGMENTS_MOST = 50
DEPTH_MOST = 12
ALIASES_MOST = 15
DIRECTIVES_MOST = 50
FIELDS_MOST = 5000
MUTATIONS_MOST = 5
INTROSPECTION_LISTS_MOST = 3
COST_MOST = 5000

# Costs, in objects read. A list without pages has few rows: an order's lines, a visit's technicians.
LIST_ROWS = 4
TOTAL_COST = 10
MUTATION_COST = 10
INTROSPECTION_COST = {"__schema": 1000, "__type": 100}
# Doubling fragments count to beyond any limit; nobody needs to know how far.
_ENDLESS = 10**9
_INTROSPECTION = {"__schema": SchemaMetaFieldDef, "__type": TypeMetaFieldDef}

Fields = Mapping[str, GraphQLField]


@dataclass(frozen=True, slots=True)
class Size:
    """How many rows a variable of the request asks for."""

    variable: str

    def of(self, variables: Mapping[str, Any]) -> int:
        value = variables.get(self.variable)
        if isinstance(value, (list, tuple)):
            return _ids(len(value))
        return _page(value)


@dataclass(frozen=True, slots=True, eq=False)
class Cost:
    """`known` whatever the variables are, and parts that are to be multiplied first."""

    known: int = 0
    parts: tuple[tuple[int | Size, "Cost"], ...] = ()

    def of(self, variables: Mapping[str, Any], memo: dict[int, int] | None = None) -> int:
        """The cost in one request; every part is reckoned once."""
        if not self.parts:
            return self.known
        memo = {} if memo is None else memo
        if id(self) not in memo:
            total = self.known
            for size, part in self.parts:
                total += (size.of(variables) if isinstance(size, Size) else size) * part.of(variables, memo)
            memo[id(self)] = min(total, _ENDLESS)
        return memo[id(self)]


@dataclass(frozen=True, slots=True)
class Measure:
    """Of a selection with everything below it: `roots` fields at its top, `fields` all together.

    `totals` are costs of a connection itself, not of each of its rows.
    """

    depth: int = 0
    aliases: int = 0
    directives: int = 0
    roots: int = 0
    fields: int = 0
    lists: int = 0
    totals: int = 0
    cost: Cost = field(default_factory=Cost)


def measured(schema: GraphQLSchema, document: DocumentNode) -> tuple[tuple[OperationDefinitionNode, Cost], ...]:
    """Each operation with its cost. Raises LimitExceeded for whatever validation or execution should never see."""
    operations = [one for one in document.definitions if isinstance(one, OperationDefinitionNode)]
    fragments = [one for one in document.definitions if isinstance(one, FragmentDefinitionNode)]
    _check("OPERATION_LIMIT", "operations", len(operations), OPERATIONS_MOST)
    _check("FRAGMENT_LIMIT", "fragments", len(fragments), FRAGMENTS_MOST)
    ruler = _Ruler(schema, {one.name.value: one for one in fragments})
    costs = tuple((one, ruler.operation(one).cost) for one in operations)
    for fragment in fragments:
        is_introspection = fragment.type_condition.name.value.startswith("__")
        _check_measure(ruler.fragment(fragment.name.value), is_introspection=is_introspection)
    check_merging([*operations, *fragments], ruler.fragments)
    return costs


def check_cost(cost: Cost, variables: Mapping[str, Any]) -> int:
    """The cost of one request. Raises LimitExceeded where it is too high."""
    requested = cost.of(variables)
    if requested > COST_MOST:
        message = f"This request costs {requested:,} points, and {COST_MOST:,} is the most: ask for smaller pages."
        raise LimitExceeded("COST_LIMIT", message, requested=requested)
    return requested


@dataclass(slots=True)
class _Ruler:
    schema: GraphQLSchema
    fragments: Mapping[str, FragmentDefinitionNode]
    _known: dict[str, Measure] = field(default_factory=dict)

    def operation(self, operation: OperationDefinitionNode) -> Measure:
        root = self.schema.get_root_type(operation.operation)
        for variable in operation.variable_definitions or ():
            if variable.default_value:
                check_value(variable.default_value)
        measure = self.selection(operation.selection_set, root.fields if root else {}, root is not None)
        directives = _directives(operation) + sum(map(_directives, operation.variable_definitions or ()))
        measure = replace(measure, directives=measure.directives + directives)
        _check_measure(measure)
        if operation.operation is OperationType.MUTATION:
            _check("MUTATION_LIMIT", "mutations in one request", measure.roots, MUTATIONS_MOST)
            measure = replace(measure, cost=Cost(measure.roots * MUTATION_COST, ((1, measure.cost),)))
        return measure

    def fragment(self, name: str) -> Measure:
        known = self._known.get(name)
        if known is None:
            # A cycle meets itself here, and validation says so.
            self._known[name] = Measure()
            fragment = self.fragments[name]
            below = self.selection(fragment.selection_set, self._fields(fragment.type_condition.name.value))
            known = self._known[name] = replace(below, directives=below.directives + _directives(fragment))
        return known

    def selection(self, selection_set: SelectionSetNode, parent: Fields, is_root: bool = False) -> Measure:
        """Everything selected of one object, whose type has these fields."""
        parts = []
        for node in selection_set.selections:
            if isinstance(node, FieldNode):
                below = self._field(node, parent, is_root)
            elif isinstance(node, FragmentSpreadNode):
                below = self.fragment(node.name.value) if node.name.value in self.fragments else Measure()
            else:
                assert isinstance(node, InlineFragmentNode)
                fields = self._fields(node.type_condition.name.value) if node.type_condition else parent
                below = self.selection(node.selection_set, fields, is_root)
            parts.append((below, _directives(node)))
        return _together(parts)

    def _field(self, node: FieldNode, parent: Fields, is_root: bool) -> Measure:
        for argument in node.arguments or ():
            check_value(argument.value)
        name = node.name.value
        definition = (_INTROSPECTION.get(name) if is_root else None) or parent.get(name)
        below = Measure()
        if node.selection_set:
            kind = get_named_type(definition.type).name if definition else ""
            below = self.selection(node.selection_set, self._fields(kind))
        is_introspection = name in INTROSPECTION_COST and is_root
        if is_introspection:
            _check("DEPTH_LIMIT", "lists inside of each other in introspection", below.lists, INTROSPECTION_LISTS_MOST)
        return Measure(
            # Introspection nests deeper by its nature, and its own limit is above.
            depth=1 if is_introspection else below.depth + 1,
            aliases=min(below.aliases + (node.alias is not None), _ENDLESS),
            directives=below.directives,
            roots=1,
            fields=min(below.fields + 1, _ENDLESS),
            lists=below.lists + bool(definition and is_list_type(get_nullable_type(definition.type))),
            totals=TOTAL_COST if name == "totalCount" else 0,
            cost=Cost(INTROSPECTION_COST[name]) if is_introspection else _cost(node, definition, below),
        )

    def _fields(self, type_name: str) -> Fields:
        kind = self.schema.get_type(type_name)
        return kind.fields if isinstance(kind, (GraphQLObjectType, GraphQLInterfaceType)) else {}


def _cost(node: FieldNode, definition: GraphQLField | None, below: Measure) -> Cost:
    """An object is one point; a list is its rows times what each of them costs."""
    if definition is None:
        return Cost()
    kind = get_named_type(definition.type)
    if is_leaf_type(kind) or kind.name.startswith("__"):
        return Cost()
    name = node.name.value
    if kind.name.endswith("Connection"):
        return _times(_rows(node, "first", "last"), below.cost, 1 + below.totals)
    if name == "edges" or kind.name == "PageInfo":
        return below.cost
    each = Cost(1 + below.cost.known, below.cost.parts)
    if name == "nodes" and "ids" in definition.args:
        return _times(_rows(node, "ids"), each, 0)
    # The rows of a connection are counted where it stands.
    is_list = is_list_type(get_nullable_type(definition.type)) and name != "nodes"
    return _times(LIST_ROWS, each, 0) if is_list else each


def _times(size: int | Size, each: Cost, beside: int) -> Cost:
    if isinstance(size, int) and not each.parts:
        return Cost(min(size * each.known + beside, _ENDLESS))
    return Cost(beside, ((size, each),))


def _rows(node: FieldNode, *names: str) -> int | Size:
    """The size that one of these arguments asks for."""
    for argument in node.arguments or ():
        value: ValueNode = argument.value
        if argument.name.value not in names or isinstance(value, NullValueNode):
            continue
        if isinstance(value, VariableNode):
            return Size(value.name.value)
        if isinstance(value, IntValueNode):
            return _page(int(value.value))
        return _ids(len(value.values)) if isinstance(value, ListValueNode) else 1
    return PAGE_DEFAULT


def _ids(length: int) -> int:
    if length > NODES_MOST:
        raise LimitExceeded("LIST_LIMIT", f"Ask for at most {NODES_MOST} ids at once; these are {length:,}.")
    return length


def _page(value: Any) -> int:
    """A page of another size is refused where it is read."""
    return max(0, min(value, PAGE_MOST)) if isinstance(value, int) else PAGE_DEFAULT


def _together(parts: list[tuple[Measure, int]]) -> Measure:
    known = sum(one.cost.known for one, _ in parts if not one.cost.parts)
    return Measure(
        depth=max((one.depth for one, _ in parts), default=0),
        aliases=min(sum(one.aliases for one, _ in parts), _ENDLESS),
        directives=min(sum(one.directives + own for one, own in parts), _ENDLESS),
        roots=min(sum(one.roots for one, _ in parts), _ENDLESS),
        fields=min(sum(one.fields for one, _ in parts), _ENDLESS),
        lists=max((one.lists for one, _ in parts), default=0),
        totals=min(sum(one.totals for one, _ in parts), _ENDLESS),
        cost=Cost(min(known, _ENDLESS), tuple((1, one.cost) for one, _ in parts if one.cost.parts)),
    )


def _directives(node: Any) -> int:
    return len(node.directives or ())


def _check_measure(measure: Measure, *, is_introspection: bool = False) -> None:
    if not is_introspection:
        _check("DEPTH_LIMIT", "levels", measure.depth, DEPTH_MOST)
    _check("ALIAS_LIMIT", "aliases, those in fragments counted each time", measure.aliases, ALIASES_MOST)
    _check("DIRECTIVE_LIMIT", "directives, those in fragments counted each time", measure.directives, DIRECTIVES_MOST)
    _check("FIELD_LIMIT", "fields, those in fragments counted each time", measure.fields, FIELDS_MOST)


def _check(code: str, what: str, found: int, most: int) -> None:
    if found > most:
        raise LimitExceeded(code, f"A document holds at most {most} {what}; this one asks for {_written(found)}.")


def _written(found: int) -> str:
    return "no end of them" if found >= _ENDLESS else f"{found:,}"
