"""Plugins are found where distributions offer them; what is ambiguous or not true is set aside with the reason."""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from importlib import invalidate_caches
from pathlib import Path
from typing import Any

import pytest

from beltstack.plugins import Job, Limits, Manifest, Plugin
from beltstack.plugins.runtime import PluginHost
from tests.schema.rules import Listener, a_manifest

Install = Callable[..., None]
SOURCE = """
from beltstack.plugins import Manifest, Plugin

class Acme(Plugin):
    manifest = Manifest(id="{id}", name="Acme", version="{version}", description="Does nothing.")
"""


@pytest.fixture
def install(tmp_path: Path) -> Iterator[Install]:
    """Lay distributions down as pip does, each in a folder of its own on the path."""
    folders: list[str] = []

    def lay_down(
        distribution: str = "beltstack-acme", *, version: str = "0.1.0", point: str = "acme", id: str = "acme",  # noqa: A002
        says: str | None = None, source: str = SOURCE,
    ) -> None:  # fmt: skip
        folder = tmp_path / str(len(folders))
        module = distribution.replace("-", "_") + "_found"
        info = folder / f"{distribution.replace('-', '_')}-{version}.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n")
        (info / "entry_points.txt").write_text(f"[beltstack.plugins]\n{point} = {module}:Acme\n")
        (folder / f"{module}.py").write_text(source.format(id=id, version=says or version))
        folders.append(str(folder))
        sys.path.insert(0, str(folder))
        invalidate_caches()

    yield lay_down
    sys.path[:] = [place for place in sys.path if place not in folders]
    for name in [name for name in sys.modules if name.endswith("_found")]:
        del sys.modules[name]
    invalidate_caches()


def found() -> PluginHost:
    """Every process has those of the repository, too; none of them is hurt by what was laid down."""
    host = PluginHost.discover()
    assert {"quickbooks", "xero"} <= set(host.plugins)
    return host


def test_an_installed_plugin_is_there(install: Install) -> None:
    install()
    assert found().plugins["acme"].manifest.version == "0.1.0"


def test_two_versions_of_one_distribution_are_set_aside(install: Install) -> None:
    install(version="0.1.0")
    install(version="0.2.0")
    host = found()
    assert "acme" not in host.plugins
    assert host.broken["acme"] == "beltstack-acme is installed in versions 0.1.0 and 0.2.0: uninstall all but one."


def test_of_two_plugins_with_one_id_neither_gets_the_tenants_credentials(install: Install) -> None:
    install("beltstack-acme")
    install("beltstack-evil")
    host = found()
    assert "acme" not in host.plugins
    assert host.broken["acme"] == (
        "beltstack_acme_found:Acme and beltstack_evil_found:Acme have one id, 'acme': uninstall all but one."
    )


def test_a_plugin_installed_and_named_by_hand_is_one_plugin(install: Install) -> None:
    install()
    assert "acme" in PluginHost.discover(extra=["beltstack_acme_found:Acme"]).plugins


def test_a_plugin_cannot_take_anothers_id(install: Install) -> None:
    install("beltstack-evil", point="evil", id="acme")
    host = found()
    assert "acme" not in host.plugins
    assert host.broken["evil"] == "Its entry point is 'evil' and its manifest's id 'acme': write the same."


def test_a_manifest_that_lies_about_its_version_is_set_aside(install: Install) -> None:
    install(version="0.2.0", says="0.1.0")
    assert found().broken["acme"] == (
        "Its manifest says version 0.1.0, its distribution 0.2.0: write the same, install anew."
    )


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("raise RuntimeError('no such luck')", "RuntimeError: no such luck"),
        ("raise SystemExit('goodbye')", "SystemExit: goodbye"),
        ("import there_is_no_such_module", "ModuleNotFoundError: No module named 'there_is_no_such_module'"),
        ("class Other: ...", "AttributeError: module 'beltstack_acme_found' has no attribute 'Acme'"),
        ("class Acme: ...", "TypeError: beltstack_acme_found:Acme is not a subclass of beltstack.plugins.Plugin"),
        (
            "from beltstack.plugins import Plugin\nclass Acme(Plugin): ...",
            "TypeError: beltstack_acme_found:Acme has no manifest: give the class one, `manifest = Manifest(...)`",
        ),
    ],
    ids=["raises", "exits", "imports badly", "is not there", "is no plugin", "has no manifest"],
)
def test_a_plugin_that_cannot_be_loaded_is_set_aside(install: Install, source: str, reason: str) -> None:
    install(source=source)
    assert found().broken["acme"] == reason


@dataclass
class Melting:
    note: str = ""


@dataclass(frozen=True)
class Odd:
    what: complex = 0j


LIES: list[tuple[dict[str, Any], str]] = [
    ({"jobs": (Job("pull", 60),)}, "It has jobs and nothing that runs them: override run_job."),
    ({"is_ledger": True}, "It says it is a ledger and does not hear of issued invoices"),
    ({"limits": Limits(calls=0)}, "Its limits let no call through"),
    ({"limits": Limits(calls_a_day=0)}, "Its limits let no call through"),
    ({"limits": Limits(timeout_seconds=0)}, "Its timeout is 0 s"),
    ({"version": "newest"}, "Its version 'newest' is none"),
    ({"settings": Melting}, "Melting has to be a dataclass with frozen=True."),
    ({"credentials": dict}, "dict has to be a dataclass with frozen=True."),
    ({"settings": Odd}, "Odd cannot be shown as a form. Settings cannot hold <class 'complex'>"),
    ({"name": None}, "Its manifest cannot be read (AttributeError"),
    ({"limits": None}, "Its manifest cannot be read (AttributeError"),
    ({"id": 7}, "Its manifest cannot be read (TypeError"),
]


@pytest.mark.parametrize(("lie", "reason"), LIES)
def test_a_manifest_that_is_not_true_is_set_aside_and_the_others_are_there(lie: dict[str, Any], reason: str) -> None:
    manifest: Manifest = replace(a_manifest("odd"), **lie)
    host = PluginHost([type("OddPlugin", (Plugin,), {"manifest": manifest})(), Listener()])
    assert set(host.plugins) == {"listener"}
    (said,) = host.broken.values()
    assert said.startswith(reason)
    assert all(isinstance(name, str) for name in host.broken)
