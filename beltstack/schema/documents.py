"""Documents parsed and validated once: a bounded cache by their text."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field

from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    GraphQLSyntaxError,
    OperationDefinitionNode,
    parse,
    validate,
)

DOCUMENTS_MOST = 512
TOKENS_MOST = 2000


@dataclass(frozen=True, slots=True)
class Operation:
    """A valid document, the operation chosen, and its text, which names its plans."""

    text: str
    document: DocumentNode
    operation: OperationDefinitionNode


class Unprocessable(Exception):
    """The document cannot be executed; `is_syntax` tells a misspelt one from one that does not fit the schema."""

    def __init__(self, errors: Sequence[GraphQLError], *, is_syntax: bool = False) -> None:
        super().__init__("; ".join(error.message for error in errors))
        self.errors = tuple(errors)
        self.is_syntax = is_syntax


@dataclass(slots=True)
class Documents:
    """The documents used last, each with what validation said of it."""

    schema: GraphQLSchema
    most: int = DOCUMENTS_MOST
    _known: OrderedDict[str, DocumentNode | Unprocessable] = field(default_factory=OrderedDict)

    def operation(self, text: str, name: str | None) -> Operation:
        """The operation a request names. Raises Unprocessable."""
        document = self._document(text)
        operations = [one for one in document.definitions if isinstance(one, OperationDefinitionNode)]
        chosen = [one for one in operations if name is None or (one.name and one.name.value == name)]
        if len(chosen) != 1:
            wanted = (
                f"no operation called '{name}'" if name else f"{len(chosen)} operations; say which by operationName"
            )
            raise Unprocessable([GraphQLError(f"The document has {wanted}.")])
        return Operation(text, document, chosen[0])

    def _document(self, text: str) -> DocumentNode:
        known = self._known.get(text)
        if known is None:
            known = self._known[text] = self._made(text)
            if len(self._known) > self.most:
                self._known.popitem(last=False)
        else:
            self._known.move_to_end(text)
        if isinstance(known, Unprocessable):
            raise known
        return known

    def _made(self, text: str) -> DocumentNode | Unprocessable:
        try:
            document = parse(text, max_tokens=TOKENS_MOST)
        except GraphQLSyntaxError as error:
            return Unprocessable([error], is_syntax=True)
        errors = validate(self.schema, document, max_errors=10)
        return Unprocessable(errors) if errors else document
