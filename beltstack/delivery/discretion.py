"""A delivery's log: it says which plugin, integration and delivery speaks, and blacks out their secrets."""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

SHORTEST_SECRET = 6
BLACKED_OUT = "[secret]"


class Discretion:
    """Knows the secrets that were opened for one delivery, and keeps them out of texts."""

    def __init__(self) -> None:
        self._secrets: set[str] = set()

    def learn(self, secret: Any) -> None:
        """Every text in a value, a mapping or a dataclass; texts that are too short to be a secret are left alone."""
        self._secrets.update(text for text in _texts(secret) if len(text) >= SHORTEST_SECRET)

    def about(self, text: str) -> str:
        for secret in sorted(self._secrets, key=len, reverse=True):
            text = text.replace(secret, BLACKED_OUT)
        return text


class DeliveryLog(logging.Logger):
    """A logger of one delivery; its records carry `plugin_id`, `integration_id` and `delivery_id`."""

    def __init__(self, plugin_id: str, discretion: Discretion, ids: Mapping[str, str]) -> None:
        name = f"beltstack.plugin.{plugin_id}"
        super().__init__(name)
        self.parent = logging.getLogger(name)
        self._discretion = discretion
        self._ids = {"plugin_id": plugin_id, **ids}

    def makeRecord(self, *args: Any, **kwargs: Any) -> logging.LogRecord:  # noqa: N802 - logging's name
        record = super().makeRecord(*args, **kwargs)
        record.__dict__.update(self._ids)
        record.msg, record.args = self._discretion.about(record.getMessage()), ()
        if record.exc_info:
            record.exc_text = self._discretion.about(logging.Formatter().formatException(record.exc_info))
            record.exc_info = None
        return record


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from _texts(part)
    elif isinstance(value, (list, tuple, set, frozenset)):
        for part in value:
            yield from _texts(part)
    elif is_dataclass(value):
        for field in fields(value):
            yield from _texts(getattr(value, field.name))
