"""From a selection to SQL: an object is text, a to-one is a scalar subquery, a to-many is an aggregate of texts."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, FromClause, Select, Text, Uuid, bindparam, case, cast, func, select
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.types import TypeEngine

from beltstack.domain.access import Actor
from beltstack.domain.errors import NotFound, Refusal
from beltstack.domain.ids import Noun, parse_id
from beltstack.planner.arguments import TENANT, Variables
from beltstack.planner.collect import Asked
from beltstack.planner.entities import (
    Batched,
    Embedded,
    EmbeddedList,
    Entity,
    Leaf,
    Registry,
    ToMany,
    ToOne,
)
from beltstack.planner.json_sql import NULL, joined, json_object, json_value, quoted
from beltstack.planner.lists import Listed, listed
from beltstack.planner.plans import Bind, PythonField

Pieces = list[ColumnElement[Any]]
NODE = "Node"


class ForbiddenField(Refusal):
    """A field the actor's role may not see; it is null."""

    code = "FORBIDDEN_FIELD"


@dataclass(slots=True)
class Compiler:
    """Compiles for one actor's roles. Collects the binds, the Python fields and what stays hidden on the way."""

    registry: Registry
    actor: Actor
    tenant: ColumnElement[Any] = field(init=False)
    binds: dict[str, Bind] = field(default_factory=dict)
    python_fields: list[PythonField] = field(default_factory=list)
    hidden: dict[str, Refusal] = field(default_factory=dict)
    _rows: int = 0

    def __post_init__(self) -> None:
        # Plans are shared by tenants: theirs is a bind like any other, under a name no document can use.
        self.tenant = self.bind(lambda variables: variables[TENANT], Uuid(), name="tenant")

    def bind(self, of: Bind, kind: TypeEngine[Any], *, name: str | None = None) -> ColumnElement[Any]:
        """A parameter whose value `of` reads from each request's variables."""
        name = name or f"p{len(self.binds)}"
        self.binds[name] = of
        return bindparam(name, type_=kind)

    def count(self) -> int:
        """A number for a name that no other part of the statement has."""
        self._rows += 1
        return self._rows

    def row(self, entity: Entity) -> FromClause:
        return entity.table.alias(f"t{self.count()}")

    def mine(self, entity: Entity, row: FromClause) -> Select[Any]:
        """The entity's rows that the actor may see, as far as every read has to say so."""
        statement = select().where(row.c[entity.key] == self.tenant)
        return entity.restrict(statement, row) if entity.restrict else statement

    # ── roots ─────────────────────────────────────────────────────────────────────────────────────

    def one(self, entity: Entity, of: Bind, asked: Asked) -> ColumnElement[Any]:
        """One object by id, or null."""
        if not self.actor.can(entity.action):
            return NULL
        row = self.row(entity)
        statement = self.mine(entity, row).where(row.c.id == self.bind(of, Uuid()))
        return func.coalesce(self._object_of(entity, row, asked, statement), NULL)

    def root_list(self, entity: Entity, asked: Asked) -> ColumnElement[Any]:
        """A connection over all rows of an entity. Raises Forbidden."""
        self.actor.must_be_able_to(entity.action)
        row = self.row(entity)
        return self._connection(entity, row, self.mine(entity, row), asked)

    def nodes(self, nouns: Sequence[Noun], of: Callable[[Variables], list[str]], asked: Asked) -> ColumnElement[Any]:
        """A list of anything by ids, in their order, null where missing."""
        texts = self.bind(of, ARRAY(Text))
        given = (
            func.unnest(texts)
            .table_valued("id", with_ordinality="place", joins_implicitly=True)
            .alias("given")
            .render_derived()
        )
        found = case(
            *(
                (
                    func.starts_with(given.c.id, f"{noun.value}_"),
                    self._node(self.registry.by_noun[noun], given, asked),
                )
                for noun in nouns
            ),
            else_=NULL,
        ) if nouns else NULL  # fmt: skip
        one_by_one = func.string_agg(found, _ordered(quoted(","), given.c.place))
        inner = select(func.concat(quoted("["), one_by_one, quoted("]"))).select_from(given)
        return inner.scalar_subquery()

    def _node(self, entity: Entity, given: Any, asked: Asked) -> ColumnElement[Any]:
        if not self.actor.can(entity.action):
            return NULL
        row = self.row(entity)
        length = len(entity.noun.value) + 2
        identifier = cast(func.substr(cast(given.c.id, Text), length), Uuid())
        statement = self.mine(entity, row).where(row.c.id == identifier)
        return func.coalesce(self._object_of(entity, row, asked, statement), NULL)

    def existing(self, entity: Entity, of: Bind, asked: Asked) -> ColumnElement[Any]:
        """Those of a list of ids that exist, oldest first."""
        row = self.row(entity)
        statement = self.mine(entity, row).where(row.c.id == func.any(self.bind(of, ARRAY(Uuid()))))
        return self._plain_list(entity, row, statement, asked, [row.c.id])

    # ── objects ───────────────────────────────────────────────────────────────────────────────────

    def object_pieces(self, entity: Entity, row: FromClause, asked: Sequence[Asked]) -> Pieces:
        """The pieces of an object's text; `asked` has been collected for the entity's type."""
        members = []
        for one in asked:
            if one.name == "__typename":
                members.append((one.key, [quoted(f'"{entity.name}"')]))
            elif one.name == "id":
                members.append((one.key, [quoted(f'"{entity.noun.value}_'), row.c.id, quoted('"')]))
            else:
                members.append((one.key, self._field(entity, row, one)))
        return json_object(members)

    def _object_of(self, entity: Entity, row: FromClause, asked: Asked, statement: Select[Any]) -> ColumnElement[Any]:
        pieces = self.object_pieces(entity, row, asked.below(entity.name, NODE))
        return statement.add_columns(joined(pieces)).select_from(row).scalar_subquery()

    def _field(self, entity: Entity, row: FromClause, asked: Asked) -> Pieces:
        bound = entity.fields[asked.name]
        action = getattr(bound, "action", None)
        if action is not None and not self.actor.can(action):
            name = f"{entity.name}.{asked.name}"
            self.hidden.setdefault(name, ForbiddenField(f"Your role may not see {name}."))
            return [NULL]
        if isinstance(bound, Leaf):
            return json_value(self._value(bound, row), nullable=bound.nullable, plain=bound.plain)
        if isinstance(bound, Embedded):
            return self._embedded(bound, row, asked)
        if isinstance(bound, EmbeddedList):
            return self._embedded_list(bound, row, asked)
        if isinstance(bound, ToOne):
            return [self._to_one(bound, row, asked)]
        if isinstance(bound, ToMany):
            return [self._to_many(bound, row, asked)]
        return self._batched(bound, row, asked)

    def _value(self, bound: Leaf, row: FromClause) -> ColumnElement[Any]:
        value = bound.expression(row)
        return value if bound.while_on is None else case((bound.while_on(self.tenant), value))

    def _embedded(self, bound: Embedded, row: FromClause, asked: Asked) -> Pieces:
        pieces = _parts(bound.type_name, bound.parts, row, asked)
        if bound.present is None:
            return pieces
        return [case((bound.present(row).is_(None), NULL), else_=joined(pieces))]

    def _embedded_list(self, bound: EmbeddedList, row: FromClause, asked: Asked) -> Pieces:
        elements = func.jsonb_array_elements(bound.elements(row)).table_valued("value", with_ordinality="place")
        element = elements.alias(f"e{self.count()}").render_derived()
        pieces = _parts(bound.type_name, bound.parts, element, asked)
        texts = func.string_agg(joined(pieces), _ordered(quoted(","), element.c.place))
        whole = func.concat(quoted("["), texts, quoted("]"))
        return [func.coalesce(select(whole).select_from(element).scalar_subquery(), quoted("[]"))]

    def _to_one(self, bound: ToOne, row: FromClause, asked: Asked) -> ColumnElement[Any]:
        target = self.registry.by_name[bound.entity]
        if not self.actor.can(target.action):
            return NULL
        other = self.row(target)
        statement = self.mine(target, other).where(other.c.id == row.c[bound.column])
        return func.coalesce(self._object_of(target, other, asked, statement), NULL)

    def _to_many(self, bound: ToMany, row: FromClause, asked: Asked) -> ColumnElement[Any]:
        target = self.registry.by_name[bound.entity]
        other = self.row(target)
        statement = self.mine(target, other)
        if bound.through is not None and bound.paged:
            link = bound.through.alias(f"l{self.count()}")
            owned = select(link.c[bound.through_column or "id"]).where(
                link.c.tenant_id == self.tenant, link.c[bound.column] == row.c.id
            )
            statement = statement.where(other.c.id.in_(owned.correlate(row)))
            return self._connection(target, other, statement, asked, owner=row, owner_name=bound.column)
        if bound.through is not None:
            link = bound.through.alias(f"l{self.count()}")
            statement = statement.where(
                link.c.tenant_id == self.tenant,
                link.c[bound.column] == row.c.id,
                other.c.id == link.c[bound.through_column or "id"],
            )
            return self._plain_list(target, other, statement, asked, [link.c[bound.order_by], other.c.id])
        statement = statement.where(other.c[bound.column] == row.c.id)
        if bound.paged:
            return self._connection(target, other, statement, asked, owner=row, owner_name=bound.column)
        return self._plain_list(target, other, statement, asked, [other.c[bound.order_by], other.c.id])

    def _plain_list(
        self, entity: Entity, row: FromClause, statement: Select[Any], asked: Asked, order: Sequence[Any]
    ) -> ColumnElement[Any]:
        if not self.actor.can(entity.action):
            return quoted("[]")
        text = joined(self.object_pieces(entity, row, asked.below(entity.name, NODE)))
        texts = func.string_agg(text, _ordered(quoted(","), *order))
        whole = func.concat(quoted("["), texts, quoted("]"))
        return statement.add_columns(whole).scalar_subquery()

    def _connection(
        self,
        entity: Entity,
        row: FromClause,
        statement: Select[Any],
        asked: Asked,
        owner: FromClause | None = None,
        owner_name: str = "",
    ) -> ColumnElement[Any]:
        return connection(self, listed(self, entity, row, statement, asked, owner, owner_name), asked)

    def _batched(self, bound: Batched, row: FromClause, asked: Asked) -> Pieces:
        self.python_fields.append(PythonField(bound, asked))
        required = [(name, json_value(expression(row), nullable=True)) for name, expression in bound.requires.items()]
        return json_object([(f"\\u0001{len(self.python_fields) - 1}", json_object(required))])


def connection(compiler: Compiler, rows: Listed, asked: Asked) -> ColumnElement[Any]:
    """The text of one page: edges, nodes, pageInfo and, if asked, the count."""
    entity = rows.entity
    name = f"{entity.name}Connection"
    members: list[tuple[str, Pieces]] = []
    for one in asked.below(name):
        if one.name == "__typename":
            members.append((one.key, [quoted(f'"{name}"')]))
        elif one.name == "nodes":
            members.append(
                (one.key, rows.texts(compiler.object_pieces(entity, rows.row, one.below(entity.name, NODE))))
            )
        elif one.name == "edges":
            members.append((one.key, rows.texts(_edge(compiler, rows, one))))
        elif one.name == "pageInfo":
            members.append((one.key, _page_info(rows, one)))
        elif one.name == "totalCount":
            members.append((one.key, [cast(rows.total(), Text)]))
    return rows.read(joined(json_object(members)))


def _edge(compiler: Compiler, rows: Listed, asked: Asked) -> Pieces:
    name = f"{rows.entity.name}Edge"
    members: list[tuple[str, Pieces]] = []
    for one in asked.below(name):
        if one.name == "__typename":
            members.append((one.key, [quoted(f'"{name}"')]))
        elif one.name == "cursor":
            members.append((one.key, [quoted('"'), rows.cursor, quoted('"')]))
        else:
            pieces = compiler.object_pieces(rows.entity, rows.row, one.below(rows.entity.name, NODE))
            members.append((one.key, pieces))
    return json_object(members)


def _page_info(rows: Listed, asked: Asked) -> Pieces:
    values: dict[str, Callable[[], Pieces]] = {
        "__typename": lambda: [quoted('"PageInfo"')],
        "hasNextPage": lambda: [rows.has_next()],
        "hasPreviousPage": lambda: [rows.has_previous()],
        "startCursor": lambda: [rows.edge_cursor(first=True)],
        "endCursor": lambda: [rows.edge_cursor(first=False)],
    }
    return json_object([(one.key, values[one.name]()) for one in asked.below("PageInfo")])


def _parts(type_name: str, parts: Any, row: FromClause, asked: Asked) -> Pieces:
    members: list[tuple[str, Pieces]] = []
    for one in asked.below(type_name):
        if one.name == "__typename":
            members.append((one.key, [quoted(f'"{type_name}"')]))
        else:
            leaf = parts[one.name]
            members.append((one.key, json_value(leaf.expression(row), nullable=leaf.nullable, plain=leaf.plain)))
    return json_object(members)


def id_of(noun: Noun, of: Callable[[Variables], Any]) -> Bind:
    """The UUID of a public id in an argument; None, which is no row's, where it is malformed or another noun's."""

    def read(variables: Variables) -> UUID | None:
        try:
            return parse_id(noun, str(of(variables)))
        except NotFound:
            return None

    return read


def _ordered(separator: ColumnElement[Any], *order: Any) -> Any:
    return aggregate_order_by(separator, *order)
