"""Starting a cluster, whatever a crash left behind, and waiting until it is ready."""

import logging
import os

from beltstack.store.postgres import locks, process
from beltstack.store.postgres.account import Account, name_of
from beltstack.store.postgres.binaries import find_binaries
from beltstack.store.postgres.home import Home
from beltstack.store.postgres.unavailable import EmbeddedUnavailable, advice, last_lines

logger = logging.getLogger(__name__)

# Recovery after a crash replays at most max_wal_size; ten minutes is a broken disk, not a slow one.
START_SECONDS = 600.0
QUIET_SECONDS = 5.0
SETTINGS = "beltstack.conf"
# The log tells what the server itself has to say. A client hears its own errors, and the values in them
# (names, addresses) have no business in a file.
FIXED_SETTINGS = """\
listen_addresses = ''
unix_socket_permissions = 0700
max_connections = 200
shared_buffers = 128MB
max_wal_size = 512MB
timezone = 'UTC'
log_timezone = 'UTC'
log_destination = 'stderr'
logging_collector = off
log_line_prefix = '%m [%p] '
log_min_messages = log
log_min_error_statement = panic
log_error_verbosity = terse
log_checkpoints = off
"""


class ServerDidNotStart(EmbeddedUnavailable):
    """The server ended before it was ready; its last words are in the message."""


def ensure_started(home: Home, account: Account) -> None:
    """Have the server up and ready, whatever a crash left behind. Called with the gate held."""
    server = process.postmaster(home)
    if server is not None and server.status == "stopping":
        process.stop(home)
        server = None
    wait_until_ready(home, start(home, account) if server is None else server.pid)


def start(home: Home, account: Account) -> int:
    """Start the server and answer its process id; raises EmbeddedUnavailable."""
    if not process.clear_away(home):
        raise EmbeddedUnavailable(
            f"Processes of an earlier server of {home.cluster} still run and cannot be ended from here. If another"
            " container or machine uses this folder, stop it there first; otherwise end them and start again."
        )
    binaries = find_binaries(home, account)
    ensure_sockets(home, account)
    configure(home, account)
    lock = locks.open_lock(home.server_lock)
    log = os.open(home.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        locks.take(lock)
        command = ("/bin/sh", "-c", '"$@" >&2 & echo $!', "sh", binaries.postgres, "-D", home.cluster)
        pid = account.run(command, log=log, inherits=(lock,)).stdout.strip()
    finally:
        os.close(lock)
        os.close(log)
    if not pid.isdigit():
        raise ServerDidNotStart(f"The embedded PostgreSQL could not be started as {account.name}; see {home.log}.")
    return int(pid)


def ensure_sockets(home: Home, account: Account) -> None:
    """Make the socket's folder, and trust one that lies there already only if it is the server's alone."""
    folder = home.sockets
    try:
        folder.mkdir(mode=0o700)
        account.own(folder)
    except FileExistsError:
        status = folder.lstat()
        if not folder.is_dir() or folder.is_symlink() or status.st_mode & 0o077 or status.st_uid != account.uid:
            raise EmbeddedUnavailable(
                f"The socket's folder {folder} is not {account.name}'s alone (it belongs to {name_of(status.st_uid)})."
                " Remove it, or use a data folder with a shorter path, and start again."
            ) from None


def configure(home: Home, account: Account) -> None:
    """Write the settings, with the socket's folder of this start: the data folder may have moved."""
    in_list = '"' + str(home.sockets).replace('"', '""') + '"'
    quoted = in_list.replace("\\", "\\\\").replace("'", "''")
    settings = home.cluster / SETTINGS
    unfinished = settings.with_suffix(".new")
    unfinished.write_text(f"{FIXED_SETTINGS}unix_socket_directories = '{quoted}'\n", encoding="utf-8")
    account.own(unfinished)
    unfinished.rename(settings)


def wait_until_ready(home: Home, pid: int) -> None:
    """Wait for the server to take connections; raises EmbeddedUnavailable with what it said last."""

    def is_settled() -> bool:
        server = process.postmaster(home)
        return (server is not None and server.status == "ready") or not process.is_alive(pid)

    if not process.becomes_true(is_settled, seconds=QUIET_SECONDS):
        logger.warning("The embedded PostgreSQL takes long to start; its log is %s.", home.log)
        process.becomes_true(is_settled, seconds=START_SECONDS)
    server = process.postmaster(home)
    if server is None or server.status != "ready":
        said = last_lines(home.log.read_text("utf-8", "replace")[-2000:])
        raise ServerDidNotStart(f"The embedded PostgreSQL did not start.{advice(said)} Its log {home.log} ends: {said}")
