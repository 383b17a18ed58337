"""What a client sees of an error: refusals and bad documents as they are, everything else by a reference only."""

import logging
from typing import Any
from uuid import uuid4

from graphql import GraphQLError

from beltstack.domain.errors import Refusal
from beltstack.store.database import DatabaseUnavailable

log = logging.getLogger(__name__)


def shown(error: GraphQLError) -> dict[str, Any]:
    """An error as the answer holds it."""
    cause = error.original_error
    if cause is None or isinstance(cause, GraphQLError):
        formatted: dict[str, Any] = dict(error.formatted)
        formatted.setdefault("extensions", {}).setdefault("code", "BAD_REQUEST")
        return formatted
    if isinstance(cause, DatabaseUnavailable):
        return masked(error, "The database does not answer just now; try again in a moment.", "DATABASE_UNAVAILABLE")
    if isinstance(cause, Refusal):
        return masked(error, cause.message, cause.code)
    reference = uuid4().hex[:12]
    log.error("unexpected error %s", reference, exc_info=cause)
    found = masked(error, f"Something went wrong on our side (reference {reference}).", "INTERNAL_ERROR")
    found["extensions"]["reference"] = reference
    return found


def masked(error: GraphQLError, message: str, code: str) -> dict[str, Any]:
    return {"message": message, "path": error.path, "extensions": {"code": code}}
