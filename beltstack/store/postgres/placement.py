"""Choosing the folder a server lives in: the data folder, or for root one that its account can reach."""

import logging
import os
import secrets
import shutil
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from beltstack.store.postgres import locks
from beltstack.store.postgres.account import Account, server_account
from beltstack.store.postgres.home import Home
from beltstack.store.postgres.unavailable import EmbeddedUnavailable

logger = logging.getLogger(__name__)

POINTER = "postgres-is-in"
OWNER = "belongs-to"
PREFIX = "beltstack-"
# Long enough for a start that has made its folder to point to it.
FORSAKEN_SECONDS = 600.0
STATE_FOLDER = Path("/var/lib/beltstack")


def settle(data_dir: Path) -> tuple[Home, Account]:
    """The home of this data folder's server and the account that runs it; raises EmbeddedUnavailable."""
    data_dir.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, parents=True, exist_ok=True)
    account = server_account(data_dir)
    if account.is_ours:
        return Home(data_dir), account
    if elsewhere := pointed_at(data_dir):
        return Home(elsewhere), account
    if account.can_enter(data_dir):
        return Home(data_dir), account
    if Home(data_dir).cluster.exists():
        raise EmbeddedUnavailable(
            f"The database in {data_dir} runs as {account.name}, and a folder above it keeps {account.name} out now."
            f" Let it pass through (chmod o+x), or move the data folder to a place that it can reach."
        )
    return Home(place_elsewhere(data_dir, account)), account


def pointed_at(data_dir: Path) -> Path | None:
    """Where this data folder's server was placed, if it was placed elsewhere."""
    try:
        elsewhere = Path((data_dir / POINTER).read_text("utf-8"))
    except FileNotFoundError:
        return None
    if not elsewhere.is_dir():
        raise EmbeddedUnavailable(
            f"The database of {data_dir} should be in {elsewhere}, which does not exist. Put it back there,"
            f" or remove {data_dir / POINTER} to begin with an empty database."
        )
    return elsewhere


def place_elsewhere(data_dir: Path, account: Account) -> Path:
    """Make a folder that the account can reach, and point to it; of several at once, the first one's counts."""
    made = new_folder_for(data_dir)
    if not account.can_enter(made):
        shutil.rmtree(made)
        raise EmbeddedUnavailable(
            f"PostgreSQL does not run as root, and {account.name} can reach neither {data_dir} nor {made}."
            " Choose a data folder that every account may pass through, or run BeltStack as an ordinary user."
        )
    draft = data_dir / f"{POINTER}.{secrets.token_hex(4)}"
    draft.write_text(str(made), encoding="utf-8")
    try:
        (data_dir / POINTER).hardlink_to(draft)
    except FileExistsError:
        shutil.rmtree(made)
    finally:
        draft.unlink()
    settled = pointed_at(data_dir)
    assert settled is not None
    logger.warning(
        "PostgreSQL does not run as root, and %s cannot reach %s: the database is kept in %s.",
        account.name, data_dir, settled,
    )  # fmt: skip
    return settled


def new_folder_for(data_dir: Path) -> Path:
    """A new folder that others may pass through but not list; for temporary data among the temporary files."""
    temporary = Path(tempfile.gettempdir()).resolve()
    if data_dir.is_relative_to(temporary):
        parent = temporary
        remove_forsaken(temporary)
    else:
        parent = STATE_FOLDER
        parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
    (made / OWNER).write_text(str(data_dir), encoding="utf-8")
    made.chmod(0o711)
    return made


def remove_forsaken(temporary: Path) -> None:
    """Among the temporary files, remove what we placed for data folders that have been removed since."""
    for owner in temporary.glob(f"{PREFIX}*/{OWNER}"):
        home = Home(owner.parent)
        # Somebody else may be removing it, or its janitor may not have left yet.
        with suppress(OSError, locks.LockBusy), locks.held(home.gate_lock, seconds=0):
            status = owner.lstat()
            is_ours_and_old = status.st_uid == os.geteuid() and time.time() - status.st_mtime > FORSAKEN_SECONDS
            is_forsaken = is_ours_and_old and not (Path(owner.read_text("utf-8")) / POINTER).exists()
            if is_forsaken and locks.is_free(home.users_lock) and locks.is_free(home.server_lock):
                shutil.rmtree(home.path)
