"""Documents that were parsed and found valid, kept for the next time: a frontend sends the same few again and again."""

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field

from graphql import DocumentNode
from strawberry.extensions import SchemaExtension

# Parsed, a document takes 80 to 300 bytes for each character of its text: what is kept is counted in characters.
LONGEST_CHARACTERS = 16_000
KEPT_CHARACTERS = 128_000


@dataclass(slots=True)
class ValidDocuments:
    """One schema's valid documents by their text; the one used longest ago goes first."""

    _kept: OrderedDict[str, DocumentNode] = field(default_factory=OrderedDict)
    _characters: int = 0

    def find(self, text: str) -> DocumentNode | None:
        document = self._kept.get(text)
        if document is not None:
            self._kept.move_to_end(text)
        return document

    def keep(self, text: str, document: DocumentNode) -> None:
        """Unless it is too long to be one that a frontend sends again and again."""
        if len(text) > LONGEST_CHARACTERS or text in self._kept:
            return
        self._kept[text] = document
        self._characters += len(text)
        while self._characters > KEPT_CHARACTERS:
            oldest, _ = self._kept.popitem(last=False)
            self._characters -= len(oldest)


class RememberDocuments(SchemaExtension):
    """Spares a known document the parsing and the validation. Validity depends on the schema and the text alone."""

    def __init__(self, known: ValidDocuments) -> None:
        super().__init__()
        self._known = known
        self._is_known = False

    def on_parse(self) -> Iterator[None]:
        """Hand over the known document; strawberry then parses nothing."""
        context = self.execution_context
        document = self._known.find(context.query) if context.query else None
        if document is not None:
            context.graphql_document = document
            self._is_known = True
        yield

    def on_validate(self) -> Iterator[None]:
        """No errors, said beforehand, spare the validation; after it, none found makes the document known."""
        context = self.execution_context
        if self._is_known:
            context.pre_execution_errors = []
        yield
        is_valid = context.pre_execution_errors == []
        if is_valid and not self._is_known and context.query and context.graphql_document is not None:
            self._known.keep(context.query, context.graphql_document)
