"""Fields that a plugin adds to the API's types: SQL that joins the query, or Python for all objects of an answer."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement

from beltstack.plugins.context import Review

Columns = Mapping[str, ColumnElement[Any]]
"""The type's own plain fields as SQL, by their names in the API; parts of a value like `total.amount`."""

Rows = Sequence[Mapping[str, Any]]
"""For each object what the field requires, as the API would answer it: decimals and moments are strings."""


class FieldType(StrEnum):
    """What a plugin's field answers; always nullable, for it is null where the tenant has the plugin off."""

    TEXT = "String"
    WHOLE_NUMBER = "Int"
    FLAG = "Boolean"
    DECIMAL = "Decimal"
    MOMENT = "DateTime"
    DAY = "Date"


@dataclass(frozen=True, slots=True)
class SqlField:
    """Answered by the query's own statement: `expression` is handed the columns of `on` and makes one of them.

    The API calls it `<plugin's id>_<name>`. An expression that fails fails the whole query: write `nullif` before
    a division.
    """

    on: str
    name: str
    type: FieldType
    description: str
    expression: Callable[[Columns], ColumnElement[Any]]


@dataclass(frozen=True, slots=True)
class PythonField:
    """Answered once for all objects of an answer, after the SQL: `batch` returns one value, or None, for each row.

    The API calls it `<plugin's id>_<name>`. `batch` has one second and no session; what it raises makes the field
    null, with an error that names the plugin.
    """

    on: str
    name: str
    type: FieldType
    description: str
    requires: tuple[str, ...]
    batch: Callable[[Rows, Review], Awaitable[Sequence[Any]]]


PluginField = SqlField | PythonField
