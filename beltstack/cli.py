"""The command line: demo, serve, worker, migrate, reseal, tenant create, token create, plugin …."""

import argparse
import asyncio
import logging
import signal
import socket
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import NoReturn

import uvicorn

from beltstack.app import Services, UnusableUrl, build_app, database_url, listen, open_services, run
from beltstack.commands.tenancy import create_tenant, create_token
from beltstack.demo.story import tell as tell_demo
from beltstack.domain.access import Role
from beltstack.domain.errors import Refusal, Refusals
from beltstack.domain.ids import Noun, TechnicianId, parse_id
from beltstack.plugin_cli import PluginProblem, add_verbs
from beltstack.plugins.scaffold import CannotScaffold
from beltstack.settings import Settings, UnusableSetting
from beltstack.store.database import DatabaseUnavailable, UnsafeRole
from beltstack.store.embedded import EmbeddedUnavailable
from beltstack.store.migrate import CannotMigrate, migrate
from beltstack.store.resealing import CannotReseal, reseal
from beltstack.store.sealing import SecretKeyProblem
from beltstack.worker import run_worker

PROBLEMS = (
    EmbeddedUnavailable,
    CannotMigrate,
    CannotScaffold,
    PluginProblem,
    SecretKeyProblem,
    UnsafeRole,
    UnusableSetting,
    UnusableUrl,
    Refusal,
    Refusals,
    CannotReseal,
)


class CannotListen(Exception):
    """The address is taken or not ours."""


def main(arguments: list[str] | None = None) -> None:
    """Ends with status 0, or with 1 and a sentence that says what to do."""
    given = _parser().parse_args(arguments)
    _keep_children_small()
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    run: Callable[[Settings, argparse.Namespace], None] = given.run
    try:
        run(Settings.from_environment(data_dir=given.data_dir, database_url=given.database_url), given)
    except KeyboardInterrupt:
        sys.exit(130)
    except DatabaseUnavailable as problem:
        sys.exit(f"beltstack: {problem} Start it, or correct --database-url (or BELTSTACK_DATABASE_URL).")
    except (*PROBLEMS, CannotListen) as problem:
        sys.exit(f"beltstack: {problem}")


def _keep_children_small() -> None:
    """A plugin's child process runs the file of its parent's main module: for ours, the whole program again."""
    vars(sys.modules["__main__"]).pop("__file__", None)


class _Parser(argparse.ArgumentParser):
    """Says in one line what is wrong and where to read on."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"beltstack: {message}. See `{self.prog} --help`.\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="beltstack", description="BeltStack: work orders from the first call to the invoice in the books."
    )
    parser.set_defaults(data_dir=None, database_url=None)
    verbs = parser.add_subparsers(required=True, metavar="verb")

    demo = _verb(verbs, "demo", _demo, "set up a demo company and run the main job before your eyes")
    demo.add_argument("--port", type=_port, default=8000, help="where the API answers at the end (default 8000)")

    serve = _verb(verbs, "serve", _serve, "answer /graphql and /healthz, with a worker inside")
    serve.add_argument("--host", default="127.0.0.1", help="the address to listen at (default 127.0.0.1)")
    serve.add_argument("--port", type=_port, default=8000, help="the port to listen at (default 8000)")
    serve.add_argument("--no-worker", action="store_true", help="leave deliveries to `beltstack worker`")

    _verb(verbs, "worker", _worker, "deliver events to plugins until stopped")
    _verb(verbs, "migrate", _migrate, "set up a database, or bring it to this version")
    _verb(verbs, "reseal", _reseal, "seal every stored secret with the newest key, so that older ones can go")

    tenant = verbs.add_parser("tenant", help="tenants").add_subparsers(required=True, metavar="verb")
    create = _verb(tenant, "create", _tenant_create, "make a tenant")
    create.add_argument("slug", help="short name: lower-case letters, digits, hyphens")
    create.add_argument("--name", help="the company's name (default: the slug)")
    create.add_argument("--currency", default="USD", help="ISO 4217 (default USD)")
    create.add_argument("--timezone", default="UTC", help="IANA name, like America/Chicago (default UTC)")

    token = verbs.add_parser("token", help="API tokens").add_subparsers(required=True, metavar="verb")
    hand = _verb(token, "create", _token_create, "hand out a token; it is printed this once")
    hand.add_argument("--tenant", required=True, metavar="SLUG", help="whose token it is")
    hand.add_argument("--role", required=True, type=_role, metavar="ROLE", action="append",
                      help=f"what it may do: {', '.join(Role)}; may be given several times")  # fmt: skip
    hand.add_argument("--technician", metavar="ID", help="the technician it acts as")
    hand.add_argument("--label", default="command line", help="what it is for")

    plugin = verbs.add_parser("plugin", help="plugins, for vendors and operators").add_subparsers(
        required=True, metavar="verb"
    )
    add_verbs(partial(_add_parser, plugin))
    return parser


def _verb(
    verbs: "argparse._SubParsersAction[_Parser]",
    name: str,
    run: Callable[[Settings, argparse.Namespace], None],
    summary: str,
) -> argparse.ArgumentParser:
    parser = _add_parser(verbs, name, run, summary)
    parser.add_argument("--data-dir", type=Path, help="the data folder (or BELTSTACK_DATA_DIR)")
    parser.add_argument("--database-url", help="a PostgreSQL of yours, 15 or newer (or BELTSTACK_DATABASE_URL)")
    return parser


def _add_parser(
    verbs: "argparse._SubParsersAction[_Parser]",
    name: str,
    run: Callable[[Settings, argparse.Namespace], None],
    summary: str,
) -> argparse.ArgumentParser:
    parser = verbs.add_parser(name, help=summary, description=summary[0].upper() + summary[1:] + ".")
    parser.set_defaults(run=run)
    return parser


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"'{text}' is no port: write a number from 0 to 65535")
    return int(text)


def _role(text: str) -> Role:
    if text not in list(Role):
        raise argparse.ArgumentTypeError(f"'{text}' is no role: choose from {', '.join(Role)}")
    return Role(text)


def _demo(settings: Settings, given: argparse.Namespace) -> None:
    tell_demo(settings, data_dir=given.data_dir, port=given.port)


def _serve(settings: Settings, given: argparse.Namespace) -> None:
    listener = _listen(given.host, given.port)
    with database_url(settings) as url:
        run(_serving(settings, url, listener, with_worker=not given.no_worker))


async def _serving(settings: Settings, url: str, listener: socket.socket, *, with_worker: bool) -> None:
    async with open_services(settings, url) as services:
        app = build_app(services, with_worker=with_worker)
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=30))
        host, port = listener.getsockname()[:2]
        print(f"BeltStack answers at http://{host}:{port}/graphql (health: /healthz). Ctrl-C stops it.", flush=True)
        await server.serve(sockets=[listener])


def _worker(settings: Settings, _: argparse.Namespace) -> None:
    with database_url(settings) as url:
        asyncio.run(_working(settings, url))


async def _working(settings: Settings, url: str) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with (
        open_services(settings, url) as services,
        run_worker(services.database, services.host, services.sealer, kept=settings.kept),
    ):
        print("The worker delivers. Ctrl-C stops it.", flush=True)
        await stop.wait()


def _migrate(settings: Settings, _: argparse.Namespace) -> None:
    with database_url(settings) as url:
        migrate(url)
    print("The database is at this version.")


def _reseal(settings: Settings, _: argparse.Namespace) -> None:
    async def run(services: Services) -> None:
        done = await reseal(services.database, services.sealer)
        print(f"Sealed {done.anew} anew; {done.as_they_were} needed nothing. Older keys can go.")

    _with_services(settings, run)


def _tenant_create(settings: Settings, given: argparse.Namespace) -> None:
    async def create(services: Services) -> None:
        tenant = await create_tenant(
            services.database,
            slug=given.slug,
            name=given.name or given.slug,
            currency=given.currency,
            timezone=given.timezone,
        )
        print(f"Made the tenant {tenant.slug}. Next: beltstack token create --tenant {tenant.slug} --role OWNER")

    _with_services(settings, create)


def _token_create(settings: Settings, given: argparse.Namespace) -> None:
    technician = parse_id(Noun.TECHNICIAN, given.technician) if given.technician else None

    async def create(services: Services) -> None:
        token = await create_token(
            services.database,
            slug=given.tenant,
            roles=tuple(given.role),
            label=given.label,
            at=datetime.now(UTC),
            technician_id=TechnicianId(technician) if technician else None,
        )
        print(token)

    _with_services(settings, create)


def _with_services(settings: Settings, task: Callable[[Services], object]) -> None:
    async def run(url: str) -> None:
        async with open_services(settings, url) as services:
            await task(services)  # type: ignore[misc]

    with database_url(settings) as url:
        asyncio.run(run(url))


def _listen(host: str, port: int) -> socket.socket:
    """Bind before anything else starts, so that a taken port costs nothing."""
    try:
        return listen(host, port)
    except OSError as error:
        # The library appends the address, which stands here already.
        reason = str(error.strerror).partition(" (while")[0]
        raise CannotListen(
            f"Cannot listen at {host}:{port} ({reason}). Choose another with --port; --port 0 takes a free one."
        ) from error
