"""Xero can be installed and looked at, says honestly that it is not there yet, and listens to nothing."""

import subprocess
import sys

from beltstack_xero import Xero

from beltstack.plugins.runtime import PluginHost
from beltstack.plugins.setup import manifest_problems


def test_the_manifest_is_sound_and_not_offered() -> None:
    assert manifest_problems(Xero.manifest) == []
    assert (Xero.manifest.id, Xero.manifest.is_ledger, Xero.manifest.is_offered) == ("xero", True, False)
    assert "accounting release" in Xero.manifest.description


def test_it_listens_to_nothing() -> None:
    host = PluginHost([Xero()])
    assert host.plugins.keys() == {"xero"}
    for event_type in ("invoice.issued", "payment.recorded", "work_order.completed"):
        assert host.listeners(event_type) == ()


def test_loading_it_loads_no_vendor_library() -> None:
    script = "import sys, beltstack_xero; print({'xero_python', 'urllib3'} & set(sys.modules))"
    told = subprocess.run(  # noqa: S603 - our own script
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True
    )
    assert told.stdout.strip() == "set()"
