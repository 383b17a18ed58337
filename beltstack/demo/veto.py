"""The demo's small plugin: a company that wants every finished job to say what was done."""

from dataclasses import dataclass

from beltstack.plugins import Change, FailMode, LineKind, Manifest, Plugin, Review, Veto, Vetoes, WorkOrder, hookimpl


@dataclass(frozen=True, slots=True)
class Settings:
    """`word` has to stand in a TEXT line of the work order."""

    word: str = "Findings:"


class FindingsRule(Plugin):
    """Vetoes completion until somebody wrote down what was found."""

    manifest = Manifest(
        id="findings_rule",
        name="Findings rule",
        version="0.1.0",
        description="Refuses to complete a work order until a note on it says what was found.",
        settings=Settings,
        fail_mode=FailMode.CLOSED,
    )

    @hookimpl
    def before_work_order_complete(self, change: Change[WorkOrder], context: Review) -> Vetoes:
        """Look for a TEXT line with the word."""
        word = context.settings_as(Settings).word
        notes = (line.description for line in change.after.line_items if line.kind is LineKind.TEXT)
        if any(word in note for note in notes):
            return None
        return Veto(
            f"Add a note that starts with '{word}' and says what was found.", "FINDINGS_MISSING", ("line_items",)
        )
