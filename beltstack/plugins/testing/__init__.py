"""The conformance kit for vendors: fixtures, and the contract that every plugin keeps.

It is a pytest plugin that is loaded only where it is named, in the `conftest.py` beside your `pyproject.toml`::

    pytest_plugins = ["beltstack.plugins.testing"]

The contract itself needs no fixture::

    class TestContract(Contract):
        plugin = AcmeBooks
"""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest

from beltstack.plugins.context import TenantInfo
from beltstack.plugins.hookspecs import Plugin
from beltstack.plugins.testing.contract import Contract, contract_for
from beltstack.plugins.testing.desk import Desk, open_desk
from beltstack.plugins.testing.filling import filled
from beltstack.plugins.testing.payloads import Told, golden_events
from beltstack.plugins.testing.remote import WAIT_SECONDS, Call, LoopbackRemote, Remote, Trouble
from beltstack.plugins.testing.samples import Samples
from beltstack.plugins.testing.watching import Said, listening, no_network_and_no_sleep

__all__ = [
    "WAIT_SECONDS", "Call", "Contract", "Desk", "DeskFor", "LoopbackRemote", "Remote", "Said", "Samples", "Told",
    "Trouble", "contract_for", "desk_for", "filled", "golden_events", "listening", "no_network_and_no_sleep",
    "open_desk", "remote", "said", "samples", "tenant",
]  # fmt: skip

DeskFor = Callable[..., AbstractAsyncContextManager[Desk]]


@pytest.fixture
def samples() -> Samples:
    """One tenant's records and changes, valid by default."""
    return Samples()


@pytest.fixture
def tenant(samples: Samples) -> TenantInfo:
    """The tenant as a plugin is told of it."""
    return samples.tenant


@pytest.fixture
def remote() -> Iterator[LoopbackRemote]:
    """A loopback server that makes objects and plays troubles."""
    with LoopbackRemote() as running:
        yield running


@pytest.fixture
def said() -> Iterator[Said]:
    """Everything that is logged and printed."""
    with listening() as heard:
        yield heard


@pytest.fixture
def desk_for(remote: LoopbackRemote) -> DeskFor:
    """A desk for a plugin: `async with desk_for(AcmeBooks()) as desk: await desk.deliver(event)`."""

    @asynccontextmanager
    async def opened(plugin: Plugin, *, settings: Any = None, credentials: Any = None) -> AsyncIterator[Desk]:
        manifest = plugin.manifest
        async with open_desk(
            plugin,
            settings=settings or filled(manifest.settings, url=remote.url, mark="north"),
            credentials=credentials or filled(manifest.credentials, url=remote.url, mark="north"),
        ) as desk:
            yield desk

    return opened
