"""The one refusal of the embedded PostgreSQL, and how to word it from what PostgreSQL said."""


class EmbeddedUnavailable(Exception):
    """The embedded PostgreSQL cannot run here; the message says why and what to do."""


def last_lines(text: str) -> str:
    return " / ".join(line.strip() for line in text.strip().splitlines()[-4:])


def advice(said: str) -> str:
    """What to do, for the causes that one can tell from the server's words."""
    if "No space left" in said:
        return " The disk is full: make room and start again."
    if "Permission denied" in said:
        return " The folder's files belong to another user: run as that user, or hand them over with chown."
    return ""
