"""A page of an entity's rows: its filters, its order, its keyset, and the aggregates over it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Integer,
    Lateral,
    Select,
    Subquery,
    Text,
    Uuid,
    cast,
    func,
    literal_column,
    null,
    select,
    tuple_,
)
from sqlalchemy.dialects.postgresql import aggregate_order_by

from beltstack.planner.arguments import TENANT, Leaf, Tree, Variables, constant
from beltstack.planner.collect import Asked
from beltstack.planner.entities import Entity, Order
from beltstack.planner.json_sql import NULL, joined, quoted
from beltstack.planner.paging import PAGE_DEFAULT, VERSION, BadPage, Cursor, checked_size, parse_cursor, tag_of
from beltstack.planner.where import Newest, condition, searched

if TYPE_CHECKING:
    from beltstack.planner.compile import Compiler

Pieces = list[ColumnElement[Any]]
# Ids are UUIDs of version 7: by id is by age.
NEWEST = Order("NEWEST", None, descending=True)


@dataclass(frozen=True, slots=True)
class Listed:
    """One page as a subquery `row` that holds one row more than asked, to know whether more follows."""

    entity: Entity
    row: Subquery | Lateral
    order: Order
    is_backward: bool
    size: ColumnElement[int]
    tag: Callable[[], ColumnElement[str]]
    """What its cursors begin with; see `tag_of`."""
    is_bounded: bool
    """Whether a cursor stands behind the page: then something lies there."""
    all_rows: Callable[[], Select[Any]]

    def texts(self, pieces: Pieces) -> Pieces:
        """The pieces of a JSON array with one text for each row of the page."""
        text = func.string_agg(joined(pieces), aggregate_order_by(quoted(","), self._shown_order()))
        return [quoted("["), text.filter(self._is_shown()), quoted("]")]

    @property
    def cursor(self) -> ColumnElement[str]:
        """The cursor of a row: version, the list's tag, sort value and id, as URL-safe base64."""
        value = func.to_json(self.row.c[self.order.column]) if self.order.column else NULL
        whole = func.concat(
            quoted(f'[{VERSION},"'), self.tag(), quoted('",'), value, quoted(',"'), self.row.c.id, quoted('"]')
        )
        encoded = func.encode(func.convert_to(whole, quoted("UTF8")), quoted("base64"))
        return func.translate(encoded, literal_column(r"E'+/=\n'", Text), quoted("-_"))

    def has_next(self) -> ColumnElement[Any]:
        return self._beyond() if not self.is_backward else self._behind()

    def has_previous(self) -> ColumnElement[Any]:
        return self._beyond() if self.is_backward else self._behind()

    def edge_cursor(self, *, first: bool) -> ColumnElement[Any]:
        """The cursor of the first or last row shown, as JSON; null for an empty page."""
        order = self._shown_order() if first else self._shown_order(reverse=True)
        cursors = func.array_agg(aggregate_order_by(self.cursor, order)).filter(self._is_shown())
        text = quoted('"').op("||")(_first_of(cursors)).op("||")(quoted('"'))
        return func.coalesce(text, NULL)

    def total(self) -> ColumnElement[int]:
        """How many rows the list has, all pages together."""
        return self.all_rows().add_columns(func.count()).scalar_subquery()

    def read(self, text: ColumnElement[str]) -> ColumnElement[Any]:
        # HAVING makes it one group whatever is asked of it: a count alone holds no aggregate over the page.
        return select(text).select_from(self.row).having(literal_column("true")).scalar_subquery()

    def _is_shown(self) -> ColumnElement[bool]:
        return self.row.c["__place"] <= self.size

    def _beyond(self) -> ColumnElement[Any]:
        return cast(func.count() > self.size, Text)

    def _behind(self) -> ColumnElement[Any]:
        return quoted("true" if self.is_bounded else "false")

    def _shown_order(self, *, reverse: bool = False) -> ColumnElement[Any]:
        place: ColumnElement[Any] = self.row.c["__place"]
        return place.desc() if self.is_backward != reverse else place.asc()


def listed(
    compiler: "Compiler",
    entity: Entity,
    row: FromClause,
    statement: Select[Any],
    asked: Asked,
    owner: FromClause | None,
    owner_name: str = "",
) -> Listed:
    """The page that the arguments of a connection ask for. Raises BadPage where both ends are asked for at once."""
    arguments = asked.arguments
    order = _order(entity, arguments.get("orderBy"))
    is_backward = _is_given(arguments.get("last"))
    if is_backward and _is_given(arguments.get("first")):
        raise BadPage("Ask for `first` or for `last`, not for both.")
    name = f"{owner_name}.{asked.name}.{order.name}"
    size = _size(compiler, arguments.get("last" if is_backward else "first"))
    where = arguments.get("where")
    if order.only is not None:
        statement = statement.where(order.only(row))
    if isinstance(where, dict):
        statement = statement.where(condition(compiler, entity, row, where))

    def everything() -> Select[Any]:
        whole = _searched(compiler, entity, row, statement, arguments).select_from(row)
        # Said outright: from inside the page's aggregates the owner's row is out of SQLAlchemy's sight.
        return whole if owner is None else whole.correlate(owner)

    is_newest = order.column is None and order.descending and not is_backward and not _is_given(arguments.get("before"))
    is_whole = owner is None and entity.restrict is None and not isinstance(where, dict)
    newest = None
    if is_newest and is_whole:
        newest = Newest(size + 1, _cursor_id(compiler, row, order, name, arguments.get("after")))
    page = _searched(compiler, entity, row, statement, arguments, newest)
    for end in ("after", "before"):
        if _is_given(arguments.get(end)):
            page = page.where(_keyset(compiler, row, order, name, arguments[end], is_after=end == "after"))
    sort = [row.c[name] for name in ([order.column] if order.column else [])] + [row.c.id]
    is_descending = order.descending != is_backward
    directed = [one.desc() if is_descending else one.asc() for one in sort]
    place = func.row_number().over(order_by=directed).label("__place")
    page = page.add_columns(*row.c, place).select_from(row).order_by(*directed).limit(size + 1)
    number = compiler.count()
    behind = "before" if is_backward else "after"
    return Listed(
        entity=entity,
        row=_subquery(page, f"p{number}", owner),
        order=order,
        is_backward=is_backward,
        size=size,
        tag=lambda: compiler.bind(lambda variables: tag_of(variables[TENANT], name), Text(), name=f"tag{number}"),
        is_bounded=_is_given(arguments.get(behind)),
        all_rows=everything,
    )


def _subquery(page: Select[Any], name: str, owner: FromClause | None) -> Any:
    """A page that belongs to an owner speaks of the owner's row, outside of it."""
    return page.subquery(name) if owner is None else page.correlate(owner).lateral(name)


def _searched(
    compiler: "Compiler",
    entity: Entity,
    row: FromClause,
    statement: Select[Any],
    arguments: dict[str, Tree],
    newest: Newest | None = None,
) -> Select[Any]:
    search = arguments.get("search")
    if isinstance(search, Leaf) and entity.search and search.now is not None and search.now.strip():
        return statement.where(searched(compiler, entity.search, row, search, newest))
    return statement


def _order(entity: Entity, given: Tree | None) -> Order:
    if not isinstance(given, dict):
        return NEWEST
    name, direction = given.get("field"), given.get("direction")
    assert isinstance(name, Leaf)
    order = entity.orders[_enum(name.now)]
    wanted = _enum(direction.now) if isinstance(direction, Leaf) else "ASC"
    return replace(order, name=f"{order.name}:{wanted}", descending=wanted == "DESC")


def _enum(value: Any) -> str:
    return str(getattr(value, "name", value))


def _is_given(tree: Tree | None) -> bool:
    return isinstance(tree, Leaf) and tree.now is not None


def _size(compiler: "Compiler", tree: Tree | None) -> ColumnElement[int]:
    leaf = tree if isinstance(tree, Leaf) and tree.now is not None else constant(PAGE_DEFAULT)
    return compiler.bind(lambda variables: checked_size(leaf.of(variables)), Integer())


def _keyset(
    compiler: "Compiler", row: FromClause, order: Order, name: str, tree: Tree, *, is_after: bool
) -> ColumnElement[bool]:
    """Only rows behind the cursor in the list's own order, or before it."""
    left: Any = row.c.id
    right: Any = _cursor_id(compiler, row, order, name, tree)
    if order.column:
        column = row.c[order.column]
        value = compiler.bind(_cursor_part(row, order, name, tree, lambda cursor: cursor.value), column.type)
        left, right = tuple_(column, row.c.id), tuple_(value, right)
    is_smaller = order.descending == is_after
    bounded: ColumnElement[bool] = left < right if is_smaller else left > right
    return bounded


def _cursor_id(
    compiler: "Compiler", row: FromClause, order: Order, name: str, tree: Tree | None
) -> ColumnElement[UUID]:
    """The id in a cursor; null without one."""
    if not _is_given(tree):
        return cast(null(), Uuid())
    return compiler.bind(_cursor_part(row, order, name, tree, lambda cursor: cursor.id), Uuid())


def _cursor_part(
    row: FromClause, order: Order, name: str, tree: Tree | None, of: Callable[[Cursor], Any]
) -> Callable[[Variables], Any]:
    assert isinstance(tree, Leaf)
    kind = None if order.column is None else row.c[order.column].type
    return lambda variables: of(parse_cursor(tree.of(variables), tag_of(variables[TENANT], name), kind))


def _first_of(array: ColumnElement[Any]) -> ColumnElement[Any]:
    """The first element; SQLAlchemy writes a subscript of an aggregate without the parentheses it needs."""
    return func.split_part(func.array_to_string(array, quoted(",")), quoted(","), literal_column("1", Integer))
