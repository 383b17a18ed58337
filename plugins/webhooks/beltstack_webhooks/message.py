"""What is sent: the envelope and the headers of Standard Webhooks 1.0. Pure."""

import json
from dataclasses import asdict
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from beltstack.plugins import Envelope, sign


def body_of(event: Any, envelope: Envelope, tenant_id: UUID) -> bytes:
    """`data` is the event as `Event.data` in the API shows it; amounts are strings. The same for every attempt."""
    message = {
        "type": envelope.type,
        "timestamp": envelope.occurred_at.isoformat(),
        "id": str(envelope.id),
        "tenant_id": str(tenant_id),
        "stream": str(envelope.stream),
        "seq": envelope.seq,
        "data": asdict(event),
    }
    return json.dumps(message, default=_plain, ensure_ascii=False, separators=(",", ":")).encode()


def headers_of(secrets: tuple[str, ...], id_: str, at: datetime, body: bytes) -> dict[str, str]:
    """One signature for each secret. Raises ValueError where one of them is none."""
    return {
        "content-type": "application/json",
        "user-agent": "BeltStack-Webhooks/1",
        "webhook-id": id_,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(sign(secret, id_, at, body) for secret in secrets),
    }


def _plain(value: object) -> str:
    match value:
        case Decimal():
            return format(value, "f")
        case UUID():
            return str(value)
        case date():
            return value.isoformat()
    raise TypeError(f"{type(value).__name__} is no part of an event.")
