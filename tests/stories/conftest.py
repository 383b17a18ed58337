"""A home for programs under test."""

import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from beltstack.plugins.runtime import PluginHost
from tests.stories.programs import TEMPORARY, end_all_in, running_in, until
from tests.stories.world import World, a_world


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder of this test's; nothing of it lives or lies about afterwards."""
    with a_place() as folder:
        yield folder


@pytest.fixture(scope="module")
def shared_place() -> Iterator[Path]:
    """The same for all tests of a module."""
    with a_place() as folder:
        yield folder


@contextmanager
def a_place() -> Iterator[Path]:
    """A home and a folder for temporary files that every account may pass through."""
    if not Path("/proc/self/environ").exists():
        pytest.skip("what programs leave running is looked up in /proc, which is not here")
    folder = Path(tempfile.mkdtemp(prefix="stories-"))
    (folder / TEMPORARY).mkdir()
    for one in (folder, folder / TEMPORARY):
        one.chmod(0o711)
    yield folder
    end_all_in(folder)
    until(lambda: not running_in(folder))
    shutil.rmtree(folder)


@pytest.fixture
async def world(host: PluginHost) -> AsyncIterator[World]:
    """A database that may be killed."""
    async with a_world(host) as made:
        yield made
