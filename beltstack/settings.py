"""Settings from the environment; the command line overrides them."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

DEFAULT_KEPT = timedelta(days=90)
LEAST_DAYS = 7
MOST_DAYS = 36_500


class UnusableSetting(Exception):
    """A variable of the environment says what cannot be done."""


@dataclass(frozen=True, slots=True)
class Settings:
    """`database_url` None means the embedded PostgreSQL in the data folder."""

    data_dir: Path
    database_url: str | None = None
    secret_key: str | None = None
    plugins: tuple[str, ...] = ()
    """More plugins than those installed, as `module:Class`."""
    graphiql: bool | None = None
    """Whether browsers get GraphiQL at /graphql; None, nothing said, means yes in the demo and no elsewhere."""
    public_url: str | None = None
    """Where browsers and remotes reach the API, without a slash at its end."""
    kept: timedelta | None = DEFAULT_KEPT
    """How long settled deliveries and their events are kept; None for ever."""
    allow_private_addresses: bool = False
    """Whether plugins that take a URL from a tenant may call private addresses, and by http: for development."""

    @classmethod
    def from_environment(
        cls,
        environment: Mapping[str, str] = os.environ,
        *,
        data_dir: Path | None = None,
        database_url: str | None = None,
    ) -> "Settings":
        """What docs/reference/configuration.md names, each from its variable."""
        named = environment.get("BELTSTACK_DATA_DIR")
        return cls(
            data_dir=data_dir or (Path(named) if named else default_data_dir(environment)),
            database_url=database_url or environment.get("BELTSTACK_DATABASE_URL") or None,
            secret_key=environment.get("BELTSTACK_SECRET_KEY") or None,
            plugins=tuple(filter(None, environment.get("BELTSTACK_PLUGINS", "").split(","))),
            public_url=environment.get("BELTSTACK_PUBLIC_URL", "").strip().rstrip("/") or None,
            kept=_days(environment.get("BELTSTACK_RETENTION_DAYS", "").strip()),
            graphiql=_SWITCH.get(environment.get("BELTSTACK_GRAPHIQL", "").strip().lower(), False),
            allow_private_addresses=bool(
                _SWITCH.get(environment.get("BELTSTACK_ALLOW_PRIVATE_ADDRESSES", "").strip().lower())
            ),
        )


def _days(given: str) -> timedelta | None:
    if given.lower() == "forever":
        return None
    if not given:
        return DEFAULT_KEPT
    if not (given.isascii() and given.isdigit() and LEAST_DAYS <= int(given) <= MOST_DAYS):
        raise UnusableSetting(
            f"BELTSTACK_RETENTION_DAYS is {given!r}; write a number of days from {LEAST_DAYS} to {MOST_DAYS},"
            ' or "forever".'
        )
    return timedelta(days=int(given))


# Only a plain yes switches something on.
_SWITCH = {"": None, "1": True, "true": True, "yes": True, "on": True}


def default_data_dir(environment: Mapping[str, str]) -> Path:
    home = environment.get("XDG_DATA_HOME")
    return (Path(home) if home else Path.home() / ".local" / "share") / "beltstack"
