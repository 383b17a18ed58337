"""Xero: its manifest. The ledger itself comes with the accounting release, so it listens to nothing yet."""

from beltstack.plugins import FailMode, Limits, Manifest, Plugin

__all__ = ["Xero"]


class Xero(Plugin):
    """Shown among the plugins, and not offered for enabling."""

    manifest = Manifest(
        id="xero",
        name="Xero",
        version="0.1.0",
        description="Xero as the ledger of record comes with the accounting release; until then it cannot be enabled.",
        # Xero counts 60 calls a minute and five at once per organisation.
        limits=Limits(calls=60, window_seconds=60, at_once=5),
        fail_mode=FailMode.OPEN,
        is_ledger=True,
        is_offered=False,
    )
