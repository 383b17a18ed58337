"""A stored payload of every type and version of event: what the hooks of a plugin have to be able to take."""

import json
from collections.abc import Iterator
from importlib.resources import files
from typing import Any


def payloads() -> Iterator[tuple[str, int, dict[str, Any]]]:
    """Type, version and payload as it is stored, in the order of their names."""
    for file in sorted(files(__name__).iterdir(), key=lambda file: file.name):
        if file.name.endswith(".json"):
            type_, _, v = file.name.removesuffix(".json").rpartition(".v")
            yield type_, int(v), json.loads(file.read_text("utf-8"))
