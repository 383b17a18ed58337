"""What plugins add to the schema's types: checked when the process starts, null where a tenant has the plugin off."""

import asyncio
import logging
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import strawberry
from graphql import GraphQLField, GraphQLObjectType, GraphQLOutputType
from sqlalchemy import (
    Boolean,
    ColumnElement,
    Date,
    DateTime,
    FromClause,
    Integer,
    Numeric,
    Text,
    cast,
    exists,
    literal,
    select,
)
from sqlalchemy.types import TypeEngine

from beltstack.commands.asking import Asked, ask
from beltstack.planner.entities import Batched, Condition, Embedded, Entity, Expression, Field, Leaf, Registry
from beltstack.planner.json_sql import json_value
from beltstack.plugins.fields import Columns, FieldType, PluginField, PythonField, SqlField
from beltstack.plugins.hookspecs import Plugin
from beltstack.plugins.runtime import PluginHost, PluginUnavailable
from beltstack.schema.scalars import instant
from beltstack.schema.types import REGISTRY
from beltstack.store import tables

BATCH_SECONDS = 1.0
NAME = re.compile(r"[a-z][A-Za-z0-9]{0,39}")

log = logging.getLogger(__name__)


class UnfitField(Exception):
    """A plugin's field cannot be added to the schema; the message is a sentence for its vendor."""


def with_plugin_fields(schema: strawberry.Schema, host: PluginHost) -> Registry:
    """What the planner then knows; the schema is given the fields. A plugin with an unfit one is set aside."""
    added: dict[str, dict[str, Field]] = {}
    for plugin in list(host.plugins.values()):
        try:
            mine = [(field, _checked(plugin, field)) for field in plugin.fields]
            _check_names(plugin)
        except UnfitField as unfit:
            host.set_aside(plugin.manifest.id, str(unfit))
            continue
        for field, bound in mine:
            added.setdefault(field.on, {})[_name(plugin, field)] = bound
            _declare(schema, plugin, field)
    return REGISTRY.with_fields(added)


def _declare(schema: strawberry.Schema, plugin: Plugin, field: PluginField) -> None:
    kinds = schema._schema.type_map
    on, kind = kinds[field.on], kinds[field.type.value]
    assert isinstance(on, GraphQLObjectType) and isinstance(kind, GraphQLOutputType)  # noqa: PT018 - one question
    description = f"{field.description} From the plugin {plugin.manifest.name}; null where it is off."
    on.fields[_name(plugin, field)] = GraphQLField(kind, description=description)


def _name(plugin: Plugin, field: PluginField) -> str:
    # A name has no underscore of its own, so the last one ends the plugin's id: two plugins never meet.
    return f"{plugin.manifest.id}_{field.name}"


# ── what is fit ───────────────────────────────────────────────────────────────────────────────────


def _check_names(plugin: Plugin) -> None:
    names = [(field.on, field.name) for field in plugin.fields]
    twice = {f"{on}.{name}" for on, name in names if names.count((on, name)) > 1}
    if twice:
        raise UnfitField(f"It adds {', '.join(sorted(twice))} twice.")


def _checked(plugin: Plugin, field: PluginField) -> Field:
    """The field as the planner knows it. Raises UnfitField."""
    entity = REGISTRY.by_name.get(field.on)
    if entity is None:
        raise UnfitField(f"It adds '{field.name}' to '{field.on}', and no such type takes fields.")
    if not NAME.fullmatch(field.name):
        raise UnfitField(f"Its field '{field.name}' is not named like 'openItems', in at most 40 letters and digits.")
    if not field.description.strip():
        raise UnfitField(f"Its field {field.on}.{field.name} has no description.")
    if isinstance(field, SqlField):
        return _sql(plugin, field, entity)
    return _python(plugin, field, entity)


def _sql(plugin: Plugin, field: SqlField, entity: Entity) -> Leaf:
    kind = SQL_TYPES[field.type]

    def expression(row: FromClause) -> ColumnElement[Any]:
        made = field.expression(_columns(entity, row))
        if not isinstance(made, ColumnElement):
            raise UnfitField(f"The SQL of its field {field.on}.{field.name} is {made!r}, which is no column.")
        return cast(made, kind)

    try:
        row = entity.table.alias("t")
        str(select(*json_value(expression(row), nullable=True)))
    except UnfitField:
        raise
    except Exception as error:
        raise UnfitField(f"The SQL of its field {field.on}.{field.name} cannot be made: {error!r}.") from error
    return Leaf(expression, nullable=True, while_on=_is_on(plugin.manifest.id))


def _python(plugin: Plugin, field: PythonField, entity: Entity) -> Batched:
    offered = _offered(entity)
    if missing := [name for name in field.requires if name not in offered]:
        raise UnfitField(f"Its field {field.on}.{field.name} requires {', '.join(missing)}, which {field.on} lacks.")
    return Batched({name: offered[name] for name in field.requires}, _fill(plugin, field), nullable=True)


def _columns(entity: Entity, row: FromClause) -> Columns:
    return {name: expression(row) for name, expression in _offered(entity).items()}


def _offered(entity: Entity) -> dict[str, Expression]:
    """The plain fields of a type that everybody may see, and the parts of its values."""
    found: dict[str, Expression] = {"id": lambda row: literal(f"{entity.noun.value}_", Text).concat(row.c.id)}
    for name, bound in entity.fields.items():
        if isinstance(bound, Leaf) and bound.action is None:
            found[name] = bound.expression
        elif isinstance(bound, Embedded) and bound.action is None:
            found |= {f"{name}.{part}": leaf.expression for part, leaf in bound.parts.items()}
    return found


def _is_on(plugin_id: str) -> Condition:
    table = tables.integration
    return lambda tenant: exists().where(
        table.c.tenant_id == tenant, table.c.plugin_id == plugin_id, table.c.status == "ENABLED"
    )


# ── what is answered ──────────────────────────────────────────────────────────────────────────────


def _fill(plugin: Plugin, field: PythonField) -> Callable[[Asked, Sequence[Mapping[str, Any]], Any], Any]:
    """Asks the plugin, where it is on. Raises PluginUnavailable, which makes the field null."""

    async def fill(asked: Asked, rows: Sequence[Mapping[str, Any]], _: Any) -> Sequence[Any]:
        context = await ask(asked, lambda work: work.in_use(plugin.manifest.id))
        if context is None:
            return [None] * len(rows)
        try:
            async with asyncio.timeout(BATCH_SECONDS):
                values = await field.batch(rows, context)
            return _fitting(field, values, len(rows))
        except Exception as error:
            log.exception("plugin %s could not answer %s.%s", plugin.manifest.id, field.on, field.name)
            message = f"{plugin.manifest.name} could not answer {_name(plugin, field)}; the rest is complete."
            refusal = PluginUnavailable(message)
            refusal.plugin_id = plugin.manifest.id
            raise refusal from error

    return fill


def _fitting(field: PythonField, values: Sequence[Any], number: int) -> list[Any]:
    if len(values) != number:
        raise TypeError(f"{len(values)} values for {number} rows")
    kind, written = PYTHON_TYPES[field.type]
    for value in values:
        # A bool is an int to Python, and a datetime a date.
        if value is not None and type(value) is not kind:
            raise TypeError(f"{value!r} is no {field.type.value}")
    return [None if value is None else written(value) for value in values]


SQL_TYPES: dict[FieldType, TypeEngine[Any]] = {
    FieldType.TEXT: Text(),
    FieldType.WHOLE_NUMBER: Integer(),
    FieldType.FLAG: Boolean(),
    FieldType.DECIMAL: Numeric(),
    FieldType.MOMENT: DateTime(timezone=True),
    FieldType.DAY: Date(),
}
PYTHON_TYPES: dict[FieldType, tuple[type[Any], Callable[[Any], Any]]] = {
    FieldType.TEXT: (str, str),
    FieldType.WHOLE_NUMBER: (int, int),
    FieldType.FLAG: (bool, bool),
    FieldType.DECIMAL: (Decimal, lambda value: format(value, "f")),
    FieldType.MOMENT: (datetime, instant),
    FieldType.DAY: (date, date.isoformat),
}
