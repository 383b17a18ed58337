"""Making a cluster: once, aside, with passwords, and never half."""

import os
import secrets
import shutil
from pathlib import Path

from beltstack.store.postgres.account import Account
from beltstack.store.postgres.binaries import Binaries, find_binaries
from beltstack.store.postgres.home import ROLE, SUPERUSER, Home
from beltstack.store.postgres.startup import SETTINGS
from beltstack.store.postgres.unavailable import EmbeddedUnavailable, advice, last_lines

BUILTIN_LOCALE_SINCE = 17


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
        said = last_lines(ran.stderr)
        shutil.rmtree(home.unfinished_cluster, ignore_errors=True)
        if "locale" not in said:  # for a locale that this system lacks there is another, for a full disk there is not
            break
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
