"""The one refusal of the embedded PostgreSQL."""


class EmbeddedUnavailable(Exception):
    """The embedded PostgreSQL cannot run here; the message says why and what to do."""
