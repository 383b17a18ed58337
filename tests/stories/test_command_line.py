"""The README's command line, as processes: from an empty folder to an invoice in the books, or a no in one line."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import httpx
import pytest

from beltstack.cli import main
from beltstack.commands.tenancy import create_tenant
from beltstack.demo.office import Frontend
from beltstack.demo.quickbooks import LoopbackQuickBooks
from beltstack.store.database import Database
from beltstack.store.migrate import migrate
from beltstack.store.tokens import looks_like_token, new_token
from tests.conftest import fresh_database
from tests.stories.ledger import CENT, INVOICE, Entry, books_of, connected, drafted
from tests.stories.programs import Program, running_in, until

PASSWORD = "hunter2"
QUESTION = {"query": "{ tenant { slug } }"}


async def test_from_an_empty_folder_to_an_invoice_in_the_books(place: Path) -> None:
    # Side by side, as several processes may share a data folder from its first moment on.
    migrate_, create = Program(place, "migrate"), Program(place, "tenant", "create", "north-air")
    assert said_by(migrate_) == "The database is at this version."
    assert said_by(create).startswith("Made the tenant north-air. Next: beltstack token create")
    serve, worker = Program(place, "serve", "--port", "0", "--no-worker"), Program(place, "worker")
    token = said_by(Program(place, "token", "create", "--tenant", "north-air", "--role", "OWNER"))
    assert looks_like_token(token)
    address = serve.line_with("BeltStack answers at").split()[3].removesuffix("/graphql")
    worker.line_with("The worker delivers.")
    async with httpx.AsyncClient(base_url=address) as client:
        await check_answers(client, token)
        with LoopbackQuickBooks() as quickbooks:
            await check_delivery(address, token, quickbooks)
        worker.send(signal.SIGTERM)
        assert (worker.status(), worker.complained) == (0, [])
        # The first one out left the database to the other.
        assert (await client.get("/healthz")).json() == {"status": "ok"}
    serve.send(signal.SIGINT)
    assert (serve.status(), serve.complained) == (130, [])
    assert until(lambda: not running_in(place)), running_in(place)


def said_by(program: Program) -> str:
    """The one line on standard output of a command that succeeds; on the other it says nothing."""
    assert (program.status(), program.complained) == (0, [])
    (line,) = program.said
    return line


async def check_answers(client: httpx.AsyncClient, token: str) -> None:
    """To whom it should, and to nobody else."""
    assert (await client.get("/healthz")).json() == {"status": "ok"}
    right = await client.post("/graphql", json=QUESTION, headers={"Authorization": f"Bearer {token}"})
    assert right.json()["data"] == {"tenant": {"slug": "north-air"}}
    for stranger in (new_token(), "rubbish"):
        wrong = await client.post("/graphql", json=QUESTION, headers={"Authorization": f"Bearer {stranger}"})
        assert wrong.status_code == 401
        (error,) = wrong.json()["errors"]
        assert error["message"] == "This token is unknown, expired or revoked; ask an admin for a new one."
    none = await client.post("/graphql", json=QUESTION)
    assert (none.status_code, "Authorization: Bearer" in none.json()["errors"][0]["message"]) == (401, True)


async def check_delivery(address: str, token: str, quickbooks: LoopbackQuickBooks) -> None:
    """An invoice issued at one process is brought to QuickBooks by the other."""
    frontend = Frontend(address, token)
    try:
        integration = await connected(frontend, quickbooks)
        draft = await drafted(frontend, "Ada Klein", Decimal("129.00"))
        await frontend.do("invoiceIssue", INVOICE, id=draft["id"], expectedVersion=draft["version"])
        await frontend.settled(integration["id"], "invoice.issued")
    finally:
        await frontend.close()
    assert books_of(quickbooks) == {"INV-1001": Entry("Ada Klein", Decimal(0) * CENT, Decimal("129.00"))}


@dataclass(frozen=True, slots=True)
class No:
    """A command line that is refused, and what its one line has to hold; `setting` fills in the braces."""

    arguments: str
    holds: tuple[str, ...]


NOES = {
    "unwritable data folder": No("serve --port 0 --data-dir {unwritable}", ("may not write", "{unwritable}", "choose")),
    "no place for the key": No(
        "worker --data-dir {unwritable} --database-url {database_url}", ("key for stored secrets", "{unwritable}")
    ),
    "database down": No(
        "serve --port 0 --database-url postgresql://u:{password}@127.0.0.1:{closed_port}/x",
        ("could not be reached", "{closed_port}", "--database-url"),
    ),
    "database never set up": No("worker --database-url {empty_database_url}", ("beltstack migrate",)),
    "bad slug": No("tenant create North_Air --database-url {database_url}", ("lower-case", "'north-air'")),
    "taken slug": No("tenant create {taken_slug} --database-url {database_url}", ("'{taken_slug}'", "choose another")),
    "unknown tenant": No(
        "token create --tenant nobody --role OWNER --database-url {database_url}", ("beltstack tenant create nobody",)
    ),
}


@pytest.fixture(scope="module")
def setting(shared_place: Path, server_url: str) -> Iterator[dict[str, str]]:
    """What can be in the way: taken and closed ports, a folder nobody may write, a database that is not ours."""
    with (
        fresh_database(server_url) as empty,
        fresh_database(server_url) as ours,
        socket.socket() as closed,
    ):
        migrate(ours)
        closed.bind(("127.0.0.1", 0))
        yield {
            "database_url": ours,
            "empty_database_url": empty,
            "taken_slug": asyncio.run(a_slug_in(ours)),
            "closed_port": str(closed.getsockname()[1]),
            "unwritable": str(unwritable_folder(shared_place)),
            "password": PASSWORD,
        }


@pytest.fixture(scope="module")
def refused(shared_place: Path, setting: dict[str, str]) -> Iterator[dict[str, Program]]:
    """All of them at once; most of their time goes into starting."""
    programs = {name: Program(shared_place, *no.arguments.format_map(setting).split()) for name, no in NOES.items()}
    yield programs
    for program in programs.values():
        program.status()


@pytest.mark.xdist_group("command line")
@pytest.mark.parametrize("name", NOES)
def test_what_stands_in_the_way_is_said_in_one_line(
    name: str, refused: dict[str, Program], setting: dict[str, str]
) -> None:
    program = refused[name]
    assert (program.status(), program.said) == (1, [])
    (line,) = program.complained
    check_no(line, [part.format_map(setting) for part in NOES[name].holds])


@pytest.mark.parametrize(
    ("arguments", "holds"),
    [
        ("serve --port 65536", ["'65536' is no port", "0 to 65535", "`beltstack serve --help`"]),
        ("demo --port http", ["'http' is no port", "0 to 65535"]),
        ("token create --tenant north-air --role KING", ["'KING' is no role", "OWNER, ADMIN, MANAGER"]),
        ("token create --tenant north-air", ["--role"]),
        ("fly", ["'fly'", "'serve'", "`beltstack --help`"]),
        ("", ["verb"]),
    ],
)
def test_what_no_command_understands_is_said_in_one_line(
    arguments: str, holds: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        main(arguments.split())
    said = capsys.readouterr()
    assert (end.value.code, said.out) == (2, "")
    (line,) = said.err.splitlines()
    check_no(line, holds)


@pytest.fixture
def as_it_was() -> Iterator[None]:
    """A program that has understood its arguments takes its main module's file away; ours is the test run's."""
    ours = vars(sys.modules["__main__"])
    kept = ours.get("__file__")
    yield
    if kept is not None:
        ours["__file__"] = kept


@pytest.mark.usefixtures("as_it_was")
def test_a_port_in_use_costs_nothing_but_a_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SystemExit) as end:
            main(["serve", "--port", str(port), "--data-dir", "/nowhere"])
    assert str(end.value.code) == (
        f"beltstack: Cannot listen at 127.0.0.1:{port} (Address already in use). Choose another with --port;"
        " --port 0 takes a free one."
    )


@pytest.mark.usefixtures("as_it_was")
@pytest.mark.parametrize("url", ["nonsense", f"mysql://u:{PASSWORD}@h/x", f"postgresql://u:{PASSWORD}@h:http/x"])
def test_a_url_of_no_postgresql_is_not_tried(url: str) -> None:
    with pytest.raises(SystemExit) as end:
        main(["migrate", "--database-url", url])
    check_no(str(end.value.code), ["names no PostgreSQL", "postgresql://user:password@host:5432/database"])


def check_no(line: str, holds: list[str]) -> None:
    """It says whose it is and what to do, and gives no password away."""
    assert line.startswith("beltstack: ")
    assert [part for part in holds if part not in line] == [], line
    assert PASSWORD not in line


def unwritable_folder(place: Path) -> Path:
    """One that not even root may make, or one in a folder of ours that we closed to ourselves."""
    if os.geteuid() == 0:
        return Path("/sys/beltstack-data")
    closed = place / "closed"
    closed.mkdir(mode=0o555)
    return closed / "data"


async def a_slug_in(url: str) -> str:
    database = Database(url)
    try:
        tenant = await create_tenant(database, slug="taken", name="Taken", currency="USD", timezone="UTC")
    finally:
        await database.close()
    return tenant.slug
