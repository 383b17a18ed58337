"""Reads as plain set-based statements: one for the rows, one for each relation that the selection names."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, FromClause, Select, bindparam, func, literal, select
from sqlalchemy.ext.asyncio import AsyncConnection

from beltstack.domain.access import Actor
from beltstack.planner.entities import Embedded, Entity, Registry, ToMany, ToOne
from beltstack.planner.paging import Page, Paged, page_of, slot_of
from beltstack.planner.selection import Selected


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads entities for one actor over one connection, whose transaction has the tenant set."""

    connection: AsyncConnection
    actor: Actor
    registry: Registry

    async def by_ids(self, entity: Entity, ids: Sequence[UUID], fields: Iterable[Selected]) -> dict[UUID, Any]:
        """The rows with these ids that the actor's tenant has."""
        if not self.actor.can(entity.action):
            return {}
        return await self._loaded(entity, _by_ids(entity), fields, {"ids": list(ids)})

    async def page(self, entity: Entity, asked: Selected) -> Paged:
        """One page of a root list, newest first."""
        self.actor.must_be_able_to(entity.action)
        page = page_of(dict(asked.arguments))
        row, statement = _rows(entity)
        found = list((await self._loaded(entity, _keyset(statement, row, page), _of_nodes(asked), {})).values())
        total = await self._count(entity) if _wants_total(asked) else None
        return _paged(found, page, total)

    async def _count(self, entity: Entity) -> int:
        statement = select(func.count()).where(entity.table.c[entity.key] == self.actor.tenant_id)
        return int((await self.connection.execute(statement)).scalar_one())

    async def _loaded(
        self, entity: Entity, statement: Select[Any], fields: Iterable[Selected], values: dict[str, Any]
    ) -> dict[UUID, Any]:
        result = await self.connection.execute(statement, {"tenant": self.actor.tenant_id, **values})
        rows = result.mappings().all()
        made = {row["__id"]: self._make(entity, row) for row in rows}
        wanted: dict[tuple[str, str], list[Selected]] = {}
        for field in fields:
            name = _snake(field.name)
            if relation := entity.relations.get(name):
                paged = isinstance(relation, ToMany) and relation.paged
                wanted.setdefault((name, slot_of(name, field.arguments) if paged else name), []).append(field)
        for (name, slot), asked in wanted.items():
            relation = entity.relations[name]
            merged = replace(asked[0], children=tuple(child for one in asked for child in one.children))
            if isinstance(relation, ToOne):
                await self._fill_one(name, relation, made, rows, merged)
            else:
                await self._fill_many(slot, relation, made, merged)
        return made

    async def _fill_one(
        self, name: str, relation: ToOne, made: dict[UUID, Any], rows: Sequence[Any], asked: Selected
    ) -> None:
        links = {row["__id"]: row[f"__{relation.column}"] for row in rows}
        ids = sorted({link for link in links.values() if link is not None})
        target = self.registry.by_name[relation.entity]
        found = await self.by_ids(target, ids, asked.children) if ids else {}
        for identifier, one in made.items():
            one.__dict__[name] = found.get(links[identifier])

    async def _fill_many(self, slot: str, relation: ToMany, made: dict[UUID, Any], asked: Selected) -> None:
        target = self.registry.by_name[relation.entity]
        page = page_of(dict(asked.arguments)) if relation.paged else None
        fields = _of_nodes(asked) if relation.paged else asked.children
        owners = await self._owners(target, relation, list(made), page)
        found = await self.by_ids(target, sorted({child for _, child in owners}), fields) if owners else {}
        lists: dict[UUID, list[Any]] = {identifier: [] for identifier in made}
        for owner, child in owners:
            if child in found:
                lists[owner].append(found[child])
        totals = await self._totals(target, relation, list(made)) if page and _wants_total(asked) else {}
        for identifier, one in made.items():
            children = lists[identifier]
            if page is None:
                one.__dict__[slot] = children
            else:
                total = totals.get(identifier, 0) if _wants_total(asked) else None
                one.__dict__[slot] = _paged(children, page, total)

    async def _owners(
        self, target: Entity, relation: ToMany, ids: list[UUID], page: Page | None
    ) -> Sequence[tuple[UUID, UUID]]:
        """Pairs of owner and child, in the list's order; of a page one more than asked, to know what follows."""
        source = (relation.through if relation.through is not None else target.table).alias()
        child = source.c[relation.through_column or "id"]
        owner = source.c[relation.column]
        mine = (source.c.tenant_id == self.actor.tenant_id, owner == func.any(ids))
        if page is None:
            statement = select(owner, child).where(*mine).order_by(source.c[relation.order_by], child)
            return [(row[0], row[1]) for row in (await self.connection.execute(statement)).all()]
        order = child.asc() if page.backward else child.desc()
        place = func.row_number().over(partition_by=owner, order_by=order).label("place")
        ranked = _bounded(
            select(owner.label("owner"), child.label("child"), place).where(*mine), child, page
        ).subquery()
        statement = (
            select(ranked.c.owner, ranked.c.child).where(ranked.c.place <= page.size + 1).order_by(ranked.c.place)
        )
        return [(row[0], row[1]) for row in (await self.connection.execute(statement)).all()]

    async def _totals(self, target: Entity, relation: ToMany, ids: list[UUID]) -> dict[UUID, int]:
        table = target.table
        owner = table.c[relation.column]
        statement = (
            select(owner, func.count())
            .where(table.c.tenant_id == self.actor.tenant_id, owner == func.any(ids))
            .group_by(owner)
        )
        return {row[0]: row[1] for row in (await self.connection.execute(statement)).all()}

    def _make(self, entity: Entity, row: Any) -> Any:
        """An object of the schema's type with every plain field set."""
        one = object.__new__(entity.kind)
        values = {name: row[name] for name in entity.fields if name != "id"}
        for name, embedded in entity.embedded.items():
            values[name] = _embed(name, embedded, row)
        for name, action in entity.hidden.items():
            if not self.actor.can(action):
                values[name] = None
        one.__dict__.update(values, id=f"{entity.noun.value}_{row['__id']}", _id=row["__id"])
        return one


# Putting such a statement together takes longer than PostgreSQL takes to answer it: once for each entity will do.
@cache
def _rows(entity: Entity) -> tuple[FromClause, Select[Any]]:
    """An entity's rows, all of the tenant `:tenant`, and the alias by which to narrow them down."""
    row = entity.table.alias()
    return row, select(*_columns(entity, row)).where(row.c[entity.key] == bindparam("tenant"))


@cache
def _by_ids(entity: Entity) -> Select[Any]:
    """Those of them whose ids are among `:ids`."""
    row, statement = _rows(entity)
    return statement.where(row.c.id == func.any(bindparam("ids")))


def _columns(entity: Entity, row: FromClause) -> list[ColumnElement[Any]]:
    plain = [entity.expression(name, row).label(name) for name in entity.fields if name != "id"]
    parts = [
        expression(row).label(f"{name}__{part}")
        for name, embedded in entity.embedded.items()
        for part, expression in _all_parts(embedded)
    ]
    links = {one.column for one in entity.relations.values() if isinstance(one, ToOne)}
    return [row.c.id.label("__id"), *plain, *parts, *(row.c[name].label(f"__{name}") for name in sorted(links))]


def _embed(name: str, embedded: Embedded, row: Any) -> Any:
    if embedded.present is not None and row[f"{name}____present"] is None:
        return None
    return embedded.kind(**{part: row[f"{name}__{part}"] for part in embedded.parts})


def _all_parts(embedded: Embedded) -> list[tuple[str, Any]]:
    present = [("__present", embedded.present)] if embedded.present is not None else []
    return [*embedded.parts.items(), *present]


def _of_nodes(asked: Selected) -> tuple[Selected, ...]:
    return (*asked.below("nodes"), *asked.below("edges", "node"))


def _wants_total(asked: Selected) -> bool:
    return any(child.name == "totalCount" for child in asked.children)


def _keyset(statement: Select[Any], row: FromClause, page: Page) -> Select[Any]:
    order = row.c.id.asc() if page.backward else row.c.id.desc()
    return _bounded(statement, row.c.id, page).order_by(order).limit(literal(page.size + 1))


def _bounded(statement: Select[Any], identifier: ColumnElement[Any], page: Page) -> Select[Any]:
    # Newest first: what comes after a row has a smaller id.
    if page.after is not None:
        statement = statement.where(identifier < page.after)
    if page.before is not None:
        statement = statement.where(identifier > page.before)
    return statement


def _paged(found: list[Any], page: Page, total: int | None) -> Paged:
    beyond = len(found) > page.size
    rows = found[: page.size]
    if page.backward:
        return Paged(tuple(reversed(rows)), page.before is not None, beyond, total)
    return Paged(tuple(rows), beyond, page.after is not None, total)


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)
