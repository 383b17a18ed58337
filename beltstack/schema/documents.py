"""Documents parsed, measured and validated once: bounded caches by their text."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    GraphQLSyntaxError,
    OperationDefinitionNode,
    get_variable_values,
    parse,
    validate,
)

from beltstack.planner.cache import BoundedCache
from beltstack.schema.limits import TOKENS_MOST, Cost, measured
from beltstack.schema.masking import shown
from beltstack.schema.values import LimitExceeded

DOCUMENTS_MOST = 512
# Of text; a parsed document takes forty times as much. One of more than a sixteenth is parsed anew each time.
DOCUMENTS_BYTES = 256 * 1024
REFUSED_MOST = 128
REFUSED_BYTES = 128 * 1024
ERRORS_MOST = 10
# The parser takes a quarter of a microsecond for each character of a string: this many take 16 ms.
CHARACTERS_MOST = 64 * 1024
# How graphql-core's parser says that it stopped.
_PARSER_LIMITS = {"tokens. Parsing aborted": "TOKEN_LIMIT", "nested too deeply": "DEPTH_LIMIT"}


@dataclass(frozen=True, slots=True)
class Operation:
    """A valid document, the operation chosen, what it costs, and its text, which names its plans."""

    text: str
    document: DocumentNode
    operation: OperationDefinitionNode
    cost: Cost


class Reason(StrEnum):
    """Why a well-formed request is not executed."""

    SYNTAX = "the document is misspelt"
    SCHEMA = "the document does not fit the schema"
    OPERATION = "the operation is not in the document"
    VARIABLES = "the variables do not fit the document"
    LIMIT = "it asks for too much"


class Unprocessable(Exception):
    """The request cannot be executed; its errors are as the answer holds them. `requested` is its cost, if known."""

    def __init__(self, errors: Sequence[Mapping[str, Any]], reason: Reason, *, requested: int | None = None) -> None:
        super().__init__("; ".join(error["message"] for error in errors))
        self.errors = tuple(errors)
        self.reason = reason
        self.requested = requested

    @classmethod
    def of_limit(cls, limit: LimitExceeded) -> "Unprocessable":
        error = {"message": limit.message, "extensions": {"code": limit.code}}
        return cls([error], Reason.LIMIT, requested=limit.requested)


@dataclass(frozen=True, slots=True)
class _Valid:
    document: DocumentNode
    costs: tuple[tuple[OperationDefinitionNode, Cost], ...]


def _valid_cache() -> BoundedCache[str, _Valid]:
    return BoundedCache(most=DOCUMENTS_MOST, weight_most=DOCUMENTS_BYTES)


def _refused_cache() -> BoundedCache[str, Unprocessable]:
    return BoundedCache(most=REFUSED_MOST, weight_most=REFUSED_BYTES)


@dataclass(slots=True)
class Documents:
    """The documents used last, and beside them, never in their place, what was said of those refused."""

    schema: GraphQLSchema
    valid: BoundedCache[str, _Valid] = field(default_factory=_valid_cache)
    refused: BoundedCache[str, Unprocessable] = field(default_factory=_refused_cache)

    def operation(self, text: str, name: str | None) -> Operation:
        """The operation a request names. Raises Unprocessable."""
        found = self._document(text)
        chosen = [pair for pair in found.costs if not name or _is_called(pair[0], name)]
        if len(chosen) != 1:
            wanted = f"no operation called '{name}'" if name else f"{len(found.costs)} operations; name one"
            raise Unprocessable(
                [shown(GraphQLError(f"The document has {wanted}, in operationName."))], Reason.OPERATION
            )
        operation, cost = chosen[0]
        return Operation(text, found.document, operation, cost)

    def fits_variables(self, text: str, name: str | None, given: Mapping[str, Any]) -> bool:
        """Whether the variables are those that a document declares, be it valid or not."""
        document = parse(text, no_location=True, max_tokens=TOKENS_MOST)
        chosen = [one for one in _operations(document) if not name or _is_called(one, name)]
        declared = [one.variable_definitions or () for one in chosen]
        return not any(isinstance(get_variable_values(self.schema, one, dict(given)), list) for one in declared)

    def _document(self, text: str) -> _Valid:
        found = self.valid.get(text)
        if found is not None:
            return found
        refused = self.refused.get(text)
        if refused is None:
            made = self._made(text)
            if isinstance(made, _Valid):
                self.valid.put(text, made, weight=len(text))
                return made
            refused = made
            self.refused.put(text, refused, weight=len(text) + len(str(refused)))
        # A traceback that is kept would hold the requests that met it.
        raise refused.with_traceback(None)

    def _made(self, text: str) -> _Valid | Unprocessable:
        try:
            _check_length(text)
            document = parse(text, max_tokens=TOKENS_MOST)
            costs = measured(self.schema, document)
        except GraphQLSyntaxError as error:
            return _misspelt(error)
        except LimitExceeded as limit:
            return Unprocessable.of_limit(limit)
        errors = validate(self.schema, document, max_errors=ERRORS_MOST)
        if errors:
            return Unprocessable([shown(error) for error in errors], Reason.SCHEMA)
        # Where its words stood is for errors; without, what is kept takes half the memory.
        kept = parse(text, no_location=True)
        return _Valid(kept, tuple(zip(_operations(kept), (cost for _, cost in costs), strict=True)))


def _check_length(text: str) -> None:
    if len(text) > CHARACTERS_MOST:
        message = f"A document holds at most {CHARACTERS_MOST:,} characters; send longer texts in its variables."
        raise LimitExceeded("DOCUMENT_LIMIT", message)


def _operations(document: DocumentNode) -> list[OperationDefinitionNode]:
    return [one for one in document.definitions if isinstance(one, OperationDefinitionNode)]


def _is_called(operation: OperationDefinitionNode, name: str) -> bool:
    return operation.name is not None and operation.name.value == name


def _misspelt(error: GraphQLSyntaxError) -> Unprocessable:
    code = next((code for words, code in _PARSER_LIMITS.items() if words in error.message), None)
    if code is None:
        return Unprocessable([shown(error)], Reason.SYNTAX)
    return Unprocessable.of_limit(LimitExceeded(code, error.message.removeprefix("Syntax Error: ")))
