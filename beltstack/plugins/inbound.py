"""What comes in: the core keeps the raw message, the plugin says whether to believe it and what it means."""

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from beltstack.domain.intake import Intake
from beltstack.plugins.context import Connection
from beltstack.plugins.errors import Rejected


@dataclass(frozen=True, slots=True)
class Inbound:
    """One message to an integration's address. The headers' names are in lower case; the body is as it was sent."""

    headers: Mapping[str, str]
    body: bytes
    received_at: datetime

    def json(self) -> Any:
        """The body as JSON; raises Rejected where it is none."""
        try:
            value = json.loads(self.body)
            # Half of a surrogate pair, which comes by an escape only, fits no column.
            json.dumps(value, ensure_ascii=False).encode()
        except (ValueError, RecursionError) as error:
            raise Rejected("The message is not JSON in UTF-8.", code="NOT_JSON") from error
        return value


class ReceivesWebhooks(ABC):
    """A second parent for plugins that are told things by post."""

    keeps: ClassVar[tuple[str, ...]] = ("content-type", "webhook-id", "webhook-timestamp")
    """The headers that `receive` will need, in lower case: no others are stored."""

    @abstractmethod
    def verify(self, inbound: Inbound, settings: Any) -> str:
        """The sender's id of this message, or else its signature: what has come once with it is not read again.

        Raises BadSignature where it is not to be believed. Pure, with every header at hand; one second.
        """

    @abstractmethod
    async def receive(self, inbound: Inbound, connection: Connection) -> Sequence[Intake]:
        """What the message means, for the core to do in one transaction; nothing where it means nothing.

        In a worker, 30 s. Raises Rejected or NeedsAttention to set it aside with the reason for the tenant's admin,
        RetryLater to read it again. It may be called again for a message whose facts were not done.
        """
