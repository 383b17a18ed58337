"""Signed webhooks, as Standard Webhooks 1.0 says: for what a plugin sends and for what it receives.

A message carries `webhook-id`, `webhook-timestamp` (seconds) and `webhook-signature`; a secret is `whsec_` and base64.
"""

import base64
import binascii
import hmac
import secrets as randomness
from collections.abc import Mapping, Sequence
from datetime import datetime
from hashlib import sha256

ID_HEADER = "webhook-id"
TIMESTAMP_HEADER = "webhook-timestamp"
SIGNATURE_HEADER = "webhook-signature"
TOLERANCE_SECONDS = 300

_PREFIX = "whsec_"
_NEW_SECRET_BYTES = 32
_SHORTEST_SECRET_BYTES = 24
_LONGEST_SECRET_BYTES = 64


class BadSignature(ValueError):
    """The message is not to be believed; the text says why, and holds no secret."""


def new_secret() -> str:
    """A fresh secret for one sender and one receiver."""
    return _PREFIX + base64.b64encode(randomness.token_bytes(_NEW_SECRET_BYTES)).decode("ascii")


def sign(secret: str, id: str, at: datetime, body: bytes) -> str:  # noqa: A002 - the standard's name
    """`v1,` and base64, for `webhook-signature`; `at` has a zone. Raises ValueError where the secret is none."""
    if at.tzinfo is None:
        raise ValueError("The time of a message needs a zone.")
    return f"v1,{_digest(_key(secret), id, str(int(at.timestamp())), body)}"


def signed_headers(secret: str, id: str, at: datetime, body: bytes) -> dict[str, str]:  # noqa: A002 - the standard's
    """The three headers of a message."""
    return {
        ID_HEADER: id,
        TIMESTAMP_HEADER: str(int(at.timestamp())),
        SIGNATURE_HEADER: sign(secret, id, at, body),
    }


def verify(
    secrets: Sequence[str],
    headers: Mapping[str, str],
    body: bytes,
    now: datetime,
    tolerance_seconds: int = TOLERANCE_SECONDS,
) -> None:
    """Raises BadSignature. Several secrets, and several signatures, are how a sender changes its secret."""
    given = {name.lower(): value for name, value in headers.items()}
    missing = [name for name in (ID_HEADER, TIMESTAMP_HEADER, SIGNATURE_HEADER) if not given.get(name)]
    if missing:
        raise BadSignature(f"The message has no {' and no '.join(missing)}.")
    timestamp = given[TIMESTAMP_HEADER]
    if not (timestamp.isascii() and timestamp.isdecimal() and len(timestamp) <= 12):
        raise BadSignature(f"Its {TIMESTAMP_HEADER} is not a number of seconds.")
    if abs(now.timestamp() - int(timestamp)) > tolerance_seconds:
        raise BadSignature("The message is too old, or from the future.")
    if not _is_signed(secrets, given, body):
        raise BadSignature("The signature is not one of this message and this secret.")


def _is_signed(secrets: Sequence[str], given: Mapping[str, str], body: bytes) -> bool:
    """Every secret is tried against every signature, whichever fits, so that the time taken tells nothing."""
    wanted = [_digest(_key(secret), given[ID_HEADER], given[TIMESTAMP_HEADER], body) for secret in secrets]
    offered = [part[3:] for part in given[SIGNATURE_HEADER].split(" ") if part.startswith("v1,")]
    fits = [hmac.compare_digest(one.encode(), other.encode()) for one in wanted for other in offered]
    return any(fits)


def _digest(key: bytes, id: str, timestamp: str, body: bytes) -> str:  # noqa: A002 - the standard's name
    content = f"{id}.{timestamp}.".encode() + body
    return base64.b64encode(hmac.digest(key, content, sha256)).decode("ascii")


def _key(secret: str) -> bytes:
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not _SHORTEST_SECRET_BYTES <= len(key) <= _LONGEST_SECRET_BYTES:
        raise ValueError(
            f"A signing secret is '{_PREFIX}' and base64 of {_SHORTEST_SECRET_BYTES} to {_LONGEST_SECRET_BYTES} bytes."
        )
    return key
