"""The embedded PostgreSQL, with real servers, real processes and real kills."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import create_engine, make_url, text

from beltstack.store.embedded import EmbeddedPostgres, EmbeddedUnavailable
from beltstack.store.postgres import janitor, locks, process
from beltstack.store.postgres.binaries import VARIABLE, parts, wheel_folders
from beltstack.store.postgres.home import SOCKET, Home
from beltstack.store.postgres.placement import OWNER, POINTER, remove_forsaken

REPOSITORY = Path(__file__).parents[2]
SITE_PACKAGES = Path(psycopg.__file__).parents[1]
PATIENCE_SECONDS = 20.0
NOBODY = "nobody"
ODD_NAME = 'My Data ä - it\'s 100 % "odd" = \\ $HOME'

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="this is about running as root")

APP = """
import sys
from pathlib import Path
import psycopg
from beltstack.store.embedded import EmbeddedPostgres, EmbeddedUnavailable
try:
    with EmbeddedPostgres(Path(sys.argv[1])) as pg:
        with psycopg.connect(pg.url) as connection:
            row = connection.execute("select pg_postmaster_start_time(), lower('Ä')").fetchone()
        print(*row, sep="|", flush=True)
        sys.stdin.read()
except EmbeddedUnavailable as refusal:
    print(refusal)
"""


class App:
    """Another process that holds the server until it is told to leave or is killed."""

    def __init__(
        self, data_dir: Path, *, python: str = sys.executable, user: str | None = None, **variables: str
    ) -> None:
        paths = f"{REPOSITORY}{os.pathsep}{SITE_PACKAGES}"
        self.process = subprocess.Popen(
            (python, "-c", APP, str(data_dir)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd="/",
            env={**os.environ, "PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUTF8": "1", **variables},
            user=user,
            extra_groups=None if user is None else [],
        )

    def says(self) -> str:
        """What it printed once it was in (when the server started, a small letter), or its refusal."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def leave(self) -> None:
        self.process.communicate(timeout=PATIENCE_SECONDS)

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate(timeout=PATIENCE_SECONDS)


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that every account may pass through; what still runs in it afterwards is stopped."""
    folder = Path(tempfile.mkdtemp(prefix="embedded-test-"))
    folder.chmod(0o711)
    yield folder
    for lock in folder.rglob("server.lock"):
        process.stop(Home(lock.parent))
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def used_folder() -> Iterator[Path]:
    """A data folder with a database, made once, at an odd place, over the remains of one that was cut off."""
    folder = Path(tempfile.mkdtemp(prefix="embedded-test-"))
    folder.chmod(0o711)
    (Home(folder / ODD_NAME).unfinished_cluster / "base").mkdir(parents=True)
    with EmbeddedPostgres(folder / ODD_NAME):
        pass
    yield folder / ODD_NAME
    shutil.rmtree(folder)


@pytest.fixture
def home(used_folder: Path) -> Iterator[Home]:
    """A data folder with a database that does not run now, and does not run on afterwards."""
    yield Home(used_folder)
    process.stop(Home(used_folder))


@pytest.fixture(scope="module")
def pg() -> Iterator[EmbeddedPostgres]:
    """One server for the tests that only look at it, started by a caller with settings of its own."""
    folder = Path(tempfile.mkdtemp(prefix="embedded-test-"))
    folder.chmod(0o711)
    with pytest.MonkeyPatch.context() as environment:
        for name, value in {"LC_ALL": "C", "TZ": "Asia/Tokyo", "PGDATA": "/nowhere", "PGPORT": "1"}.items():
            environment.setenv(name, value)
        with EmbeddedPostgres(folder / "data") as shared:
            yield shared
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def public_python() -> str:
    """An interpreter of our version that an account without rights can run."""
    ours = str(sys.version_info[:2])
    for candidate in (sys.executable, "/usr/bin/python3"):
        command = (candidate, "-c", "import sys; print(sys.version_info[:2])")
        with suppress(OSError):
            ran = subprocess.run(
                command,
                capture_output=True,
                text=True,
                cwd="/",
                check=False,
                user=NOBODY if os.geteuid() == 0 else None,
            )
            if ran.stdout.strip() == ours:
                return candidate
    pytest.skip("no interpreter of this version that an account without rights can run")


def test_what_is_written_is_there_after_a_restart(home: Home) -> None:
    with EmbeddedPostgres(home.path) as pg, psycopg.connect(pg.url) as connection:
        connection.execute("create table towns as select 'Łódź' as name")
    assert process.postmaster(home) is None
    with EmbeddedPostgres(home.path) as pg:
        assert ask(pg.url, "select name from towns") == ("Łódź",)


def test_the_programs_role_is_no_superuser_and_owns_its_database(pg: EmbeddedPostgres) -> None:
    rights = "select rolsuper, rolbypassrls, rolcreaterole, rolcreatedb from pg_roles where rolname = current_user"
    assert ask(pg.url, rights) == (False, False, True, True)
    owner = "select pg_get_userbyid(datdba), current_database() from pg_database where datname = current_database()"
    assert ask(pg.url, owner) == ("beltstack", "beltstack")
    assert ask(pg.admin_url, "select current_user, current_database()") == ("postgres", "postgres")


def test_nobody_gets_in_without_the_password(pg: EmbeddedPostgres) -> None:
    password = make_url(pg.url).password
    assert password is not None
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(pg.url.replace(password, "guess"))


def test_secrets_are_for_their_owners_eyes(pg: EmbeddedPostgres) -> None:
    home = home_of(pg)
    for file in (home.password_of("beltstack"), home.password_of("postgres")):
        assert file.stat().st_mode & 0o777 == 0o600
    for folder in (home.cluster, home.sockets):
        assert folder.stat().st_mode & 0o777 == 0o700


def test_there_is_no_network_socket_and_pages_have_checksums(pg: EmbeddedPostgres) -> None:
    settings = "listen_addresses", "fsync", "data_checksums", "server_encoding"
    query = "select " + ", ".join(f"current_setting('{name}')" for name in settings)
    assert ask(pg.url, query) == ("", "on", "on", "UTF8")


def test_sqlalchemy_reads_the_url(pg: EmbeddedPostgres) -> None:
    engine = create_engine(make_url(pg.url).set(drivername="postgresql+psycopg"))
    with engine.connect() as connection:
        assert connection.scalar(text("select current_user")) == "beltstack"
    engine.dispose()


def test_the_log_holds_no_values_of_failed_statements(pg: EmbeddedPostgres) -> None:
    with pytest.raises(psycopg.Error, match="canary"):
        ask(pg.url, "select 'canary-4711'::uuid")
    log = home_of(pg).log.read_text()
    assert "ready to accept connections" in log
    assert "canary-4711" not in log


def test_the_server_is_out_of_the_terminals_reach(pg: EmbeddedPostgres) -> None:
    server = process.postmaster(home_of(pg))
    assert server is not None
    assert os.getsid(server.pid) != os.getsid(0)


def test_one_holder_does_not_enter_twice(pg: EmbeddedPostgres) -> None:
    with pytest.raises(RuntimeError, match="held already"):
        pg.__enter__()
    assert ask(pg.url, "select 1") == (1,)


def test_five_starters_at_once_share_one_server_and_the_last_one_out_stops_it(place: Path) -> None:
    apps = [App(place / "data") for _ in range(5)]
    assert len({app.says() for app in apps}) == 1
    *early, last = apps
    for app in early:
        app.leave()
    server = process.postmaster(Home(place / "data"))
    assert server is not None
    assert server.status == "ready"
    last.leave()
    assert process.postmaster(Home(place / "data")) is None
    assert not process.is_alive(server.pid)


def test_a_killed_app_leaves_a_server_that_the_next_one_joins_and_stops(home: Home) -> None:
    killed, witness = App(home.path), App(home.path)
    started = killed.says()
    assert witness.says() == started
    killed.kill()
    witness.leave()
    assert process.postmaster(home) is None


def test_nothing_runs_for_long_after_the_only_app_is_killed(home: Home) -> None:
    app = App(home.path)
    app.says()
    assert not locks.is_free(home.server_lock)
    app.kill()
    assert locks.is_free_within(home.server_lock, seconds=PATIENCE_SECONDS)
    assert locks.is_free_within(home.janitor_lock, seconds=PATIENCE_SECONDS)


def test_a_killed_janitor_is_replaced_at_the_next_start(home: Home) -> None:
    with EmbeddedPostgres(home.path):
        for pid in pids_holding(home.janitor_lock):
            os.kill(pid, signal.SIGKILL)
        assert locks.is_free_within(home.janitor_lock, seconds=PATIENCE_SECONDS)
        with EmbeddedPostgres(home.path):
            assert not locks.is_free(home.janitor_lock)


@pytest.mark.parametrize("everything", [False, True], ids=["the postmaster", "every server process"])
def test_no_acknowledged_row_is_lost_when_the_server_is_killed(home: Home, everything: bool) -> None:
    with EmbeddedPostgres(home.path) as pg:
        ask(pg.url, "drop table if exists written; create table written (id text primary key); select 1")
        with Writers(pg.url) as writers:
            for _ in range(2):
                writers.wait_for_more()
                kill_server(home, everything=everything)
                writers.wait_for_more()
        with psycopg.connect(pg.url) as connection:
            kept = {row[0] for row in connection.execute("select id from written")}
    assert len(writers.acknowledged) > 100
    assert set(writers.acknowledged) - kept == set()


def test_a_dead_server_runs_again_when_asked_to(home: Home) -> None:
    with EmbeddedPostgres(home.path) as pg:
        kill_server(home, everything=False)
        pg.ensure_running()
        assert ask(pg.url, "select 1") == (1,)


def test_a_dead_servers_process_id_in_a_strangers_hands_is_no_server(home: Home) -> None:
    with EmbeddedPostgres(home.path):
        lines = (home.cluster / "postmaster.pid").read_text().splitlines()
    # PostgreSQL itself takes a live process of its own account for another server, so this is one.
    stranger = subprocess.Popen(("sleep", "60"), cwd="/", user=home.cluster.stat().st_uid)
    for left_over in (home.cluster / "postmaster.pid", home.sockets / f"{SOCKET}.lock"):
        left_over.write_text("\n".join((str(stranger.pid), *lines[1:])) + "\n")
    try:
        assert process.postmaster(home) is None
        with EmbeddedPostgres(home.path) as pg:
            assert ask(pg.url, "select 1") == (1,)
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_zombie_is_not_alive() -> None:
    child = subprocess.Popen(("true",))
    assert process.becomes_true(lambda: not process.is_alive(child.pid), seconds=PATIENCE_SECONDS)
    assert Path(f"/proc/{child.pid}").exists() or not process.HAS_PROC
    child.wait()


def test_ps_finds_the_server_where_there_is_no_proc(pg: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch) -> None:
    by_proc = process.postmaster(home_of(pg))
    monkeypatch.setattr(process, "HAS_PROC", False)
    assert process.postmaster(home_of(pg)) == by_proc
    assert not process.works_in(os.getpid(), home_of(pg).cluster)
    assert not process.is_alive(2**22 + 1)


def test_a_server_that_lives_where_we_cannot_see_it_is_left_alone(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "ORPHANS_LEAVE_SECONDS", 0.0)
    monkeypatch.setattr(process, "ORPHANS_DIE_SECONDS", 0.0)
    with locks.held(home.server_lock, seconds=0), pytest.raises(EmbeddedUnavailable, match="another container"):
        EmbeddedPostgres(home.path).__enter__()
    assert process.postmaster(home) is None


def test_a_path_may_hold_any_sign(home: Home) -> None:
    assert home.path.name == ODD_NAME
    with EmbeddedPostgres(home.path) as pg:
        assert ask(pg.url, "select current_user") == ("beltstack",)
        assert home_of(pg) == home
        assert home.sockets == home.path / "run"


@pytest.mark.parametrize("name", ["a name with room", "a,b", "long" * 40], ids=["short", "comma", "long"])
def test_a_data_folder_may_move_and_its_socket_finds_a_place(used_folder: Path, name: str) -> None:
    moved = used_folder.rename(used_folder.with_name(name))
    try:
        with EmbeddedPostgres(moved) as pg:
            sockets = home_of(pg).sockets
            assert ask(pg.url, "select current_user") == ("beltstack",)
            assert (sockets / SOCKET).is_socket()
    finally:
        moved.rename(used_folder)
    assert not (sockets / SOCKET).exists()
    assert sockets == moved / "run" or not sockets.exists()


def test_the_callers_locale_and_time_zone_do_not_reach_the_database(pg: EmbeddedPostgres) -> None:
    assert os.environ["LC_ALL"] == "C"
    assert ask(pg.url, "select lower('Ä'), 'ÄB' ilike 'äb', current_setting('TimeZone')") == ("ä", True, "UTC")


def test_a_creation_that_was_cut_off_is_begun_again(home: Home) -> None:
    assert home.cluster.exists()
    assert not home.unfinished_cluster.exists()


def test_a_folder_without_its_password_is_refused(place: Path) -> None:
    home = a_cluster_of_version("18", place)
    home.password_of("beltstack").unlink()
    with pytest.raises(EmbeddedUnavailable, match=r"not its password: .*beltstack\.password\. Put it back"):
        EmbeddedPostgres(home.path).__enter__()


def test_another_major_versions_folder_is_refused_with_the_way_out(place: Path) -> None:
    home = a_cluster_of_version("12", place)
    with pytest.raises(EmbeddedUnavailable, match=f"made by PostgreSQL 12.*Set {VARIABLE}.*dump the database"):
        EmbeddedPostgres(home.path).__enter__()


def test_without_programs_the_refusal_says_how_to_get_them(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, str(place))
    with pytest.raises(EmbeddedUnavailable, match=r"no initdb and postgres there.*Install beltstack\[embedded\]"):
        EmbeddedPostgres(place / "data").__enter__()
    assert not Home(place / "data").cluster.exists()


def test_initdbs_last_words_are_passed_on(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    programs = place / "bin"
    programs.mkdir(mode=0o755)
    a_program(programs / "postgres", "echo 'postgres (PostgreSQL) 18.9'")
    a_program(
        programs / "initdb",
        'test "$1" = --version && echo "initdb (PostgreSQL) 18.9" || { echo No space left >&2; exit 1; }',
    )
    monkeypatch.setenv(VARIABLE, str(programs))
    with pytest.raises(
        EmbeddedUnavailable, match=r"could not create .* The disk is full: make room.* said: No space left"
    ):
        EmbeddedPostgres(place / "data").__enter__()
    assert not Home(place / "data").cluster.exists()


def test_a_servers_last_words_are_passed_on(home: Home) -> None:
    (home.cluster / "postgresql.auto.conf").write_text("nonsense = on\n")
    with pytest.raises(EmbeddedUnavailable, match=r'did not start.*unrecognized configuration parameter "nonsense"'):
        EmbeddedPostgres(home.path).__enter__()
    (home.cluster / "postgresql.auto.conf").write_text("")


def test_a_socket_folder_that_is_not_ours_alone_is_refused(used_folder: Path) -> None:
    home = Home(used_folder.rename(used_folder.with_name("long" * 40)))
    home.sockets.mkdir(mode=0o755)
    os.chown(home.sockets, home.cluster.stat().st_uid, -1)
    (home.sockets / "something").touch()
    try:
        with pytest.raises(EmbeddedUnavailable, match="Remove it, or use a data folder with a shorter path"):
            EmbeddedPostgres(home.path).__enter__()
    finally:
        shutil.rmtree(home.sockets)
        home.path.rename(used_folder)


def test_an_account_without_rights_runs_it_in_a_folder_of_its_own(place: Path, public_python: str) -> None:
    app = an_unprivileged_app(a_folder_of_nobodys(place) / "data", python=public_python)
    assert app.says().endswith("|ä")
    app.leave()


def test_a_folder_one_may_not_write_is_refused(place: Path, public_python: str) -> None:
    (place / "closed").mkdir(mode=0o555)
    app = an_unprivileged_app(place / "closed" / "data", python=public_python)
    assert "BeltStack may not write" in (refusal := app.says())
    assert "or choose another one" in refusal
    app.leave()


@as_root
def test_root_lends_the_server_another_account_and_opens_no_folder(home: Home) -> None:
    modes = [(folder, folder.stat().st_mode) for folder in (home.path, *home.path.parents)]
    with EmbeddedPostgres(home.path) as pg:
        server = process.postmaster(home_of(pg))
        assert server is not None
        assert Path(f"/proc/{server.pid}").stat().st_uid != 0
    assert [(folder, folder.stat().st_mode) for folder, _ in modes] == modes


@as_root
def test_below_a_closed_folder_the_server_gets_a_place_it_can_reach_and_keeps_it(place: Path) -> None:
    closed = place / "closed"
    closed.mkdir(mode=0o700)
    with EmbeddedPostgres(closed / "data") as pg, psycopg.connect(pg.url) as connection:
        connection.execute("create table kept as select 7 as seven")
    elsewhere = Path((closed / "data" / POINTER).read_text())
    with EmbeddedPostgres(closed / "data") as pg:
        assert ask(pg.url, "select seven from kept") == (7,)
    assert closed.stat().st_mode & 0o777 == 0o700

    assert locks.is_free_within(Home(elsewhere).janitor_lock, seconds=PATIENCE_SECONDS)
    shutil.rmtree(closed)
    remove_forsaken(elsewhere.parent)
    assert elsewhere.exists()
    os.utime(elsewhere / OWNER, (0, 0))
    remove_forsaken(elsewhere.parent)
    assert not elsewhere.exists()


@as_root
def test_a_database_that_its_account_can_no_longer_reach_is_not_begun_anew(place: Path) -> None:
    home = a_cluster_of_version("18", place)
    place.chmod(0o700)
    with pytest.raises(EmbeddedUnavailable, match="Let it pass through"):
        EmbeddedPostgres(home.path).__enter__()


@as_root
def test_programs_that_only_root_can_read_are_copied_once(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    programs = next(wheel_folders(), None)
    if programs is None:
        pytest.skip("the wheel with PostgreSQL's programs is not installed")
    site, private = programs.parents[2], place / "private"
    private.mkdir(mode=0o700)
    for part in parts(programs.parent):
        shutil.copytree(part, private / part.relative_to(site), symlinks=True)
    monkeypatch.setenv(VARIABLE, str(private / programs.relative_to(site)))
    for _ in range(2):
        with EmbeddedPostgres(place / "data") as pg:
            assert ask(pg.url, "select 1") == (1,)
    assert len([*(place / "data").glob("programs-*")]) == 1
    assert private.stat().st_mode & 0o777 == 0o700


def test_the_log_is_kept_short(tmp_path: Path) -> None:
    log, old_log = tmp_path / "log", tmp_path / "log.1"
    log.write_bytes(b"x" * janitor.LONGEST_LOG_BYTES)
    janitor.shorten(log, old_log)
    assert not old_log.exists()
    with log.open("ab") as writer:
        writer.write(b"x")
        writer.flush()
        janitor.shorten(log, old_log)
        writer.write(b"next")
    assert old_log.stat().st_size == janitor.LONGEST_LOG_BYTES + 1
    assert log.read_bytes() == b"next"


class Writers:
    """Three threads that commit one row after another, through every loss of their connection."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.acknowledged: list[str] = []
        self._done = threading.Event()
        self._threads = [threading.Thread(target=self._write, args=(name,)) for name in "abc"]

    def __enter__(self) -> "Writers":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        for thread in self._threads:
            thread.join()

    def wait_for_more(self) -> None:
        enough = len(self.acknowledged) + 60
        assert process.becomes_true(lambda: len(self.acknowledged) >= enough, seconds=PATIENCE_SECONDS)

    def _write(self, name: str) -> None:
        number = 0
        while not self._done.is_set():
            with suppress(psycopg.Error), psycopg.connect(self.url, autocommit=True) as connection:
                while not self._done.is_set():
                    number += 1
                    connection.execute("insert into written values (%s)", [f"{name}{number}"])
                    self.acknowledged.append(f"{name}{number}")
            time.sleep(0.02)


def ask(url: str, query: str) -> tuple[object, ...] | None:
    """The first row of the last statement's answer."""
    with psycopg.connect(url) as connection:
        cursor = connection.execute(query)
        while cursor.nextset():
            pass
        return cursor.fetchone()


def home_of(pg: EmbeddedPostgres) -> Home:
    """Where this server lives, as it says itself."""
    answer = ask(pg.admin_url, "select current_setting('data_directory')")
    assert answer is not None
    return Home(Path(str(answer[0])).parent)


def kill_server(home: Home, *, everything: bool) -> None:
    """Kill the postmaster, or all of its processes at once, and see it dead."""
    server = process.postmaster(home)
    assert server is not None
    if everything:
        process.kill_orphans(home)
    else:
        os.kill(server.pid, signal.SIGKILL)
    assert process.becomes_true(lambda: not process.is_alive(server.pid), seconds=PATIENCE_SECONDS)


def pids_holding(path: Path) -> list[int]:
    """The processes other than this one that have this file open."""
    holders = set()
    for descriptor in Path("/proc").glob("[0-9]*/fd/*"):
        with suppress(OSError):
            if descriptor.readlink() == path:
                holders.add(int(descriptor.parts[2]))
    return sorted(holders - {os.getpid()})


def a_cluster_of_version(major: str, place: Path) -> Home:
    """As much of a data folder as is looked at before anything is started."""
    home = Home(place / "data")
    home.cluster.mkdir(parents=True)
    (home.cluster / "PG_VERSION").write_text(f"{major}\n")
    for role in ("postgres", "beltstack"):
        home.password_of(role).write_text("secret")
    return home


def a_program(path: Path, script: str) -> None:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def a_folder_of_nobodys(place: Path) -> Path:
    folder = place / "own"
    folder.mkdir(mode=0o700)
    if os.geteuid() == 0:
        shutil.chown(folder, NOBODY)
    return folder


def an_unprivileged_app(data_dir: Path, *, python: str) -> App:
    return App(data_dir, python=python, user=NOBODY if os.geteuid() == 0 else None)
