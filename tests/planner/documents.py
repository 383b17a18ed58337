"""Valid documents by chance: aliases, fragments, directives, variables, pages and ids, as deep as told."""

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    get_named_type,
    is_leaf_type,
    parse,
    validate,
)

from tests.planner.reference import snake

# What the rows alone do not decide: rights, states and the plugins' vetoes.
LEFT_OUT = frozenset({"availableTransitions", "plugins", "__schema", "__type"})
# What an integration's admin sees beside the records has tests of its own: it is counted, gathered or made by the core.
LEFT_OUT |= {"jobs", "problems", "health", "references", "attemptList", "webhookUrl"}
FILTERED = {
    f"{kind[0].lower()}{kind[1:]}Id": kind
    for kind in ("Customer", "Site", "Equipment", "Technician", "WorkOrder", "Invoice", "Integration", "Event")
}
JUNK = ("", "x", "bnVsbA", "WzFd", "é")
TRIES = 50
DEPTH = 4


@dataclass(frozen=True)
class Request:
    document: str
    variables: Mapping[str, Any]
    operation: str | None
    other_variables: Mapping[str, Any]
    """Of the same types: the document can be asked once more with them."""

    def __str__(self) -> str:
        return f"{self.document}\n{json.dumps(self.variables)}\noperation: {self.operation}"


@dataclass(frozen=True)
class Name:
    """An enum's value: in a document a name, in variables a text."""

    name: str
    others: tuple[str, ...]
    """The values of its enum."""


def written(value: Any) -> str:
    """A value as a document writes it."""
    if isinstance(value, Name):
        return value.name
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {written(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(written, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def plain(value: Any) -> Any:
    """The same value as variables hold it."""
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items()}
    if isinstance(value, list):
        return [plain(one) for one in value]
    return value.name if isinstance(value, Name) else value


@dataclass(frozen=True)
class Stock:
    """Ids and cursors that a document may name."""

    ids: Mapping[str, Sequence[str]]
    """By the type they are of."""
    cursors: Mapping[str, Sequence[str]]
    """By the list they are of, whose name ends with its field's, and its order."""
    texts: Sequence[str]
    instants: Sequence[str]
    days: Sequence[str]
    """What filters compare with."""


def a_request(schema: GraphQLSchema, stock: Stock, *, seed: int) -> Request:
    """The same request for the same seed. Fields that cannot be merged make another try."""
    chance = random.Random(seed)
    for _ in range(TRIES):
        request = _Writer(schema, stock, chance).request(depth=chance.randint(1, DEPTH))
        if not validate(schema, parse(request.document)):
            return request
    raise AssertionError(f"{TRIES} documents of seed {seed} were none of the schema; the generator is at fault.")


@dataclass
class _Writer:
    schema: GraphQLSchema
    stock: Stock
    chance: random.Random
    declared: list[str] = field(default_factory=list)
    given: dict[str, Any] = field(default_factory=dict)
    fragments: dict[str, tuple[str, str]] = field(default_factory=dict)
    counted: int = 0

    def request(self, depth: int) -> Request:
        query = self.schema.query_type
        assert query is not None
        body = " ".join(self._field(query, self._root(query, depth), depth) for _ in range(self.chance.randint(1, 2)))
        if self._is(0.2):
            body += " __typename"
        name = "Wanted" if self._is(0.3) else None
        declared = f"({', '.join(self.declared)})" if self.declared else ""
        parts = [f"query {name or ''}{declared} {{ {body} }}"]
        parts += [f"fragment {name} on {kind} {{ {text} }}" for name, (kind, text) in self.fragments.items()]
        if name and self._is(0.3):
            parts.append("query Other { tenant { id } }")
        self.chance.shuffle(parts)
        given = {name: plain(value) for name, value in self.given.items()}
        others = {name: plain(self._other(value)) for name, value in self.given.items()}
        return Request("\n".join(parts), given, name, others)

    def _root(self, query: GraphQLObjectType, depth: int) -> str:
        """Lists that can be narrowed and sorted, often: most of what can go wrong is theirs."""
        lists = [name for name, one in query.fields.items() if "where" in one.args]
        return self.chance.choice(lists) if self._is(0.4) else self._pick(query, depth)

    # ── selections ────────────────────────────────────────────────────────────────────────────────

    def _selection(self, kind: Any, depth: int) -> str:
        """What is asked of an object of this kind, at least one thing."""
        parts = [self._part(kind, depth) for _ in range(self.chance.randint(1, 4))]
        return " ".join(parts)

    def _part(self, kind: Any, depth: int) -> str:
        dice = self.chance.random()
        if isinstance(kind, GraphQLInterfaceType) and dice < 0.8 and depth > 0:
            return self._on_some_type(depth)
        if dice < 0.1:
            condition = self.chance.choice((f" on {kind.name}", "", *(f" on {one.name}" for one in kind.interfaces)))
            inner = self._node_part() if condition == " on Node" else self._selection(kind, depth)
            return f"...{condition}{self._directive()} {{ {inner} }}"
        if dice < 0.17:
            return f"...{self._fragment(kind, depth)}{self._directive()}"
        if dice < 0.25:
            return f"{self._alias()}__typename{self._directive()}"
        return self._field(kind, self._pick(kind, depth), depth)

    def _on_some_type(self, depth: int) -> str:
        kinds = [one for one in self.schema.type_map.values() if isinstance(one, GraphQLObjectType) and one.interfaces]
        kind = self.chance.choice(kinds)
        return f"... on {kind.name}{self._directive()} {{ {self._selection(kind, depth - 1)} }}"

    def _node_part(self) -> str:
        return self.chance.choice(("id", "__typename", f"{self._alias()}id"))

    def _fragment(self, kind: Any, depth: int) -> str:
        known = [name for name, (of, _) in self.fragments.items() if of == kind.name]
        if known and self._is(0.6):
            return self.chance.choice(known)
        text = self._selection(kind, depth - 1)
        name = f"F{len(self.fragments)}"
        self.fragments[name] = (kind.name, text)
        return name

    def _pick(self, kind: Any, depth: int) -> str:
        names: list[str] = [
            name
            for name, one in kind.fields.items()
            if name not in LEFT_OUT and (depth > 0 or is_leaf_type(get_named_type(one.type)))
        ]
        composite: list[str] = [name for name in names if not is_leaf_type(get_named_type(kind.fields[name].type))]
        return self.chance.choice(composite if composite and self._is(0.4) else names or ["__typename"])

    def _field(self, kind: Any, name: str, depth: int) -> str:
        if name == "__typename":
            return name
        asked = kind.fields[name]
        returned = get_named_type(asked.type)
        arguments = self._arguments(kind, name, asked)
        # Two pages of one list need two keys.
        alias = self._alias(always=bool(asked.args))
        text = f"{alias}{name}{arguments}{self._directive()}"
        if is_leaf_type(returned):
            return text
        return f"{text} {{ {self._selection(returned, self._depth_below(returned, depth))} }}"

    def _depth_below(self, returned: Any, depth: int) -> int:
        """A connection and its edges are no depth of their own."""
        is_wrapping = returned.name.endswith(("Connection", "Edge"))
        return max(depth, 1) if is_wrapping else depth - 1

    def _alias(self, *, always: bool = False) -> str:
        if not always and self._is(0.85):
            return ""
        self.counted += 1
        return f"{self.chance.choice('abxyz')}{self.counted}: "

    def _directive(self) -> str:
        if self._is(0.9):
            return ""
        decided = self._is(0.5)
        text = json.dumps(decided) if self._is(0.5) else self._variable("Boolean!", decided)
        more = " @include(if: true)" if self._is(0.1) else ""
        return f" @{self.chance.choice(('skip', 'include'))}(if: {text}){more if 'include' not in text else ''}"

    # ── arguments ─────────────────────────────────────────────────────────────────────────────────

    def _arguments(self, kind: Any, name: str, asked: Any) -> str:
        if "ids" in asked.args:
            return f"(ids: {self._ids()})"
        if "id" in asked.args:
            return f"(id: {self._literal_or_variable('ID!', self._id(get_named_type(asked.type).name))})"
        return self._page(kind, name, asked) if "first" in asked.args else ""

    def _page(self, kind: Any, name: str, asked: Any) -> str:
        given: dict[str, tuple[str, Any]] = {}
        is_root = kind is self.schema.query_type
        end = self.chance.choice(("after", "before")) if self._is(0.3) else None
        order = self._order(asked) if "orderBy" in asked.args and self._is(0.4) else None
        if order:
            # A cursor is of this order alone.
            kept = {name: Name(one.name, ()) for name, one in order.items()} if end else order
            given["orderBy"] = (str(asked.args["orderBy"].type), kept)
        if "where" in asked.args and self._is(0.5):
            where = asked.args["where"].type
            given["where"] = (str(where), self._where(where, depth=2))
        if "search" in asked.args and self._is(0.25):
            given["search"] = ("String", self._searched())
        if self._is(0.8):
            given[self.chance.choice(("first", "first", "last"))] = ("Int", self.chance.choice((1, 2, 3, 7)))
        if end:
            given[end] = ("String", self.chance.choice(self._cursors(kind, name, order)))
        if is_root and self._is(0.02):
            given["after"] = ("String", self.chance.choice((*JUNK, self._cursors(kind, name, None)[0])))
        if is_root and self._is(0.02):
            given["first"] = ("Int", self.chance.choice((0, -1, 101)))
        if self._is(0.1):
            given.setdefault("last" if "first" in given else "first", ("Int", None))
        if is_root and self._is(0.02):
            given |= {"first": ("Int", 1), "last": ("Int", 1)}
        texts = [f"{name}: {self._literal_or_variable(kind, value)}" for name, (kind, value) in given.items()]
        return f"({', '.join(texts)})" if texts else ""

    def _order(self, asked: Any) -> dict[str, Any]:
        fields = asked.args["orderBy"].type.fields
        return {name: self._name(get_named_type(one.type)) for name, one in fields.items()}

    def _name(self, kind: Any) -> Name:
        return Name(self.chance.choice([*kind.values]), tuple(kind.values))

    def _where(self, kind: Any, depth: int) -> dict[str, Any]:
        """Some of its fields, each with one operator; joined as deep as told."""
        names = [name for name in kind.fields if depth > 0 or name not in {"and", "or", "not"}]
        picked = self.chance.sample(names, min(len(names), self.chance.choice((1, 1, 2))))
        return {name: self._condition(kind, name, depth) for name in picked}

    def _condition(self, kind: Any, name: str, depth: int) -> Any:
        if self._is(0.05):
            return None
        if name == "not":
            return self._where(kind, depth - 1)
        if name in {"and", "or"}:
            parts = [self._where(kind, depth - 1) for _ in range(self.chance.randrange(4))]
            # A list of one may be written without its brackets.
            return parts[0] if len(parts) == 1 and self._is(0.3) else parts
        operators = kind.fields[name].type
        operator = self.chance.choice([*operators.fields])
        return {operator: self._operand(operators.fields[operator].type, name)}

    def _operand(self, kind: Any, name: str) -> Any:
        if str(kind).startswith("["):
            return [self._operand(get_named_type(kind), name) for _ in range(self.chance.randrange(4))]
        named = get_named_type(kind)
        if isinstance(named, GraphQLInputObjectType):
            return {end: self._operand(one.type, name) for end, one in named.fields.items()}
        if isinstance(named, GraphQLEnumType):
            return self._name(named)
        if named.name == "ID":
            return self._id(FILTERED.get(name, ""))
        values: dict[str, Sequence[Any]] = {
            "Boolean": (True, False), "DateTime": self.stock.instants, "Date": self.stock.days,
            "String": self.stock.texts,
        }  # fmt: skip
        value = self.chance.choice(values[named.name])
        return value[: self.chance.choice((2, 5, 300))] if named.name == "String" else value

    def _searched(self) -> str:
        terms = ("boiler", "BOIL", '"boiler room"', "-room", "OR", "łódź", "obrien", "12-b", "-", '"', "x", "plain",
                 "say no", "WO-1", "' | !&:*", "ñ", "  ", "-\"boiler room\"", '"boiler roo"',
                 self.chance.choice(self.stock.texts)[:20])  # fmt: skip
        return " ".join(self.chance.choice(terms) for _ in range(self.chance.randint(1, 3)))

    def _cursors(self, kind: Any, name: str, order: Mapping[str, Any] | None) -> Sequence[str]:
        owner = "" if kind is self.schema.query_type else f"{snake(kind.name)}_id"
        sort = f"{order['field'].name}:{order['direction'].name}" if order else "NEWEST"
        return self.stock.cursors[f"{owner}.{name}.{sort}"]

    def _ids(self) -> str:
        ids = [self._id() for _ in range(self.chance.randrange(7))]
        dice = self.chance.random()
        if dice < 0.4:
            return self._variable("[ID!]!", ids)
        if dice < 0.5:
            # A list of one may be written without its brackets.
            return json.dumps(self._id())
        return f"[{', '.join(self._literal_or_variable('ID!', one) for one in ids)}]"

    def _id(self, kind: str = "") -> str:
        """Of this type, mostly."""
        junk = ("", "x", "wo_", "wo_1", "wo_0190ABCD-0000-7000-8000-000000000000", "token_0190", "é🔧\"\\", "_", "7",
                "wo_01900000-0000-7000-8000-00000000ffff")  # fmt: skip
        return self.chance.choice(junk if self._is(0.1) else self._ids_of(kind))

    def _ids_of(self, kind: str) -> Sequence[str]:
        is_kept = kind in self.stock.ids and self._is(0.9)
        return self.stock.ids[kind if is_kept else self.chance.choice([*self.stock.ids])]

    def _literal_or_variable(self, kind: str, value: Any) -> str:
        return written(value) if self._is(0.5) else self._variable(kind, value)

    def _variable(self, kind: str, value: Any) -> str:
        """Given, or left to its default, which then is the value."""
        name = f"v{len(self.declared)}"
        if self._is(0.3) and not isinstance(value, list):
            self.declared.append(f"${name}: {kind} = {written(value)}")
        elif value is None and self._is(0.5):
            self.declared.append(f"${name}: {kind}")
        else:
            self.declared.append(f"${name}: {kind}")
            self.given[name] = value
        return f"${name}"

    def _other(self, value: Any) -> Any:
        """Another value of the same type and use, as far as there is one."""
        if isinstance(value, dict):
            return {key: self._other(one) for key, one in value.items()}
        if isinstance(value, list):
            return [self._other(one) for one in value if self._is(0.8)]
        if isinstance(value, Name):
            return Name(self.chance.choice(value.others or (value.name,)), value.others)
        if value is None:
            return None
        if isinstance(value, bool):
            return self._is(0.5)
        if isinstance(value, int):
            return self.chance.choice((1, 2, 3, 7))
        known = (*self.stock.ids.values(), *self.stock.cursors.values(), self.stock.instants, self.stock.days)
        alike = next((one for one in known if value in one), None)
        return self.chance.choice(alike or self.stock.texts)

    def _is(self, likelihood: float) -> bool:
        return self.chance.random() < likelihood
