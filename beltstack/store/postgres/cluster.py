"""One cluster's life on disk: created once, configured and started as often as needed, never half made."""

import logging
import os
import secrets
import shutil
from pathlib import Path

from beltstack.store.postgres import locks, process
from beltstack.store.postgres.account import Account, name_of
from beltstack.store.postgres.binaries import Binaries, find_binaries
from beltstack.store.postgres.home import Home
from beltstack.store.postgres.unavailable import EmbeddedUnavailable

logger = logging.getLogger(__name__)

SUPERUSER = "postgres"
ROLE = "beltstack"
# Recovery after a crash replays at most max_wal_size; ten minutes is a broken disk, not a slow one.
START_SECONDS = 600.0
QUIET_SECONDS = 5.0
BUILTIN_LOCALE_SINCE = 17
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


def ensure_cluster(home: Home, account: Account) -> None:
    """Make the cluster if there is none: aside first, then renamed, so that a crash leaves all or nothing."""
    if home.cluster.exists():
        check_passwords(home)
        return
    check_name(account)
    passwords(home)
    shutil.rmtree(home.unfinished_cluster, ignore_errors=True)
    initialise(home, account, find_binaries(home, account))
    with (home.unfinished_cluster / "postgresql.conf").open("a", encoding="utf-8") as conf:
        conf.write(
            f"\n# BeltStack rewrites this file at every start; ALTER SYSTEM overrides it.\ninclude '{SETTINGS}'\n"
        )
        conf.flush()
        os.fsync(conf.fileno())
    home.unfinished_cluster.rename(home.cluster)
    sync_folder(home.path)


def check_name(account: Account) -> None:
    if account.name == str(account.uid):
        raise EmbeddedUnavailable(
            f"PostgreSQL cannot create a database as user {account.uid}, which has no name on this machine."
            " Give it an entry in /etc/passwd, or set BELTSTACK_DATABASE_URL to a PostgreSQL server of yours."
        )


def initialise(home: Home, account: Account, binaries: Binaries) -> None:
    """Run initdb; raises EmbeddedUnavailable with what it said last."""
    said = ""
    for locale in locales(binaries.major):
        home.unfinished_cluster.mkdir(mode=0o700)
        account.own(home.unfinished_cluster)
        password = lend(home.password_of(SUPERUSER), account)
        try:
            ran = account.run((binaries.initdb, *initdb_options(home, password), *locale))
        finally:
            password.unlink()
        if ran.returncode == 0:
            return
        said = last_lines(ran.stdout + ran.stderr)
        shutil.rmtree(home.unfinished_cluster, ignore_errors=True)
    raise EmbeddedUnavailable(
        f"PostgreSQL could not create a database in {home.cluster}.{advice(said)} It said: {said}"
    )


def initdb_options(home: Home, password: Path) -> tuple[str, ...]:
    return (
        f"--pgdata={home.unfinished_cluster}",
        f"--username={SUPERUSER}",
        f"--pwfile={password}",
        "--auth-local=scram-sha-256",
        "--auth-host=reject",
        "--encoding=UTF8",
        "--data-checksums",
        "--no-instructions",
    )


def locales(major: int) -> tuple[tuple[str, ...], ...]:
    """How to ask for Unicode letters in code-point order, whatever the caller's locale: best first."""
    plain = (("--locale=C.UTF-8",), ("--locale=en_US.UTF-8", "--lc-collate=C"))
    if major < BUILTIN_LOCALE_SINCE:
        return plain
    builtin = ("--locale-provider=builtin", "--builtin-locale=C.UTF-8")
    return ((*builtin, "--locale=C.UTF-8"), (*builtin, "--locale=C"), *plain)


def lend(password: Path, account: Account) -> Path:
    """A copy of the password that initdb, under its account, can read for a moment."""
    lent = password.with_suffix(".lent")
    write_secret(lent, password.read_text("ascii"))
    account.own(lent)
    return lent


def passwords(home: Home) -> None:
    """Make both roles' passwords, unless they exist from an attempt that did not get further."""
    for role in (SUPERUSER, ROLE):
        if not home.password_of(role).exists():
            write_secret(home.password_of(role), secrets.token_urlsafe(32))
    sync_folder(home.path)


def check_passwords(home: Home) -> None:
    missing = [str(home.password_of(role)) for role in (SUPERUSER, ROLE) if not home.password_of(role).exists()]
    if missing:
        raise EmbeddedUnavailable(
            f"The database in {home.cluster} is there, but not its password: {' and '.join(missing)}."
            " Put it back from your backup, or begin with another data folder."
        )


def write_secret(path: Path, secret: str) -> None:
    """Write a file for its owner's eyes, whole or not at all."""
    unfinished = path.with_name(f"{path.name}.new")
    unfinished.unlink(missing_ok=True)
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(secret)
        file.flush()
        os.fsync(file.fileno())
    unfinished.rename(path)


def sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


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
        return int(account.run(command, log=log, inherits=(lock,)).stdout)
    finally:
        os.close(lock)
        os.close(log)


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
        raise EmbeddedUnavailable(
            f"The embedded PostgreSQL did not start.{advice(said)} Its log {home.log} ends: {said}"
        )


def last_lines(text: str) -> str:
    return " / ".join(line.strip() for line in text.strip().splitlines()[-4:])


def advice(said: str) -> str:
    """What to do, for the causes that one can tell from the server's words."""
    if "No space left" in said:
        return " The disk is full: make room and start again."
    if "Permission denied" in said:
        return " The folder's files belong to another user: run as that user, or hand them over with chown."
    return ""
