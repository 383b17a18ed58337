"""Outside judges of the schema, and a TypeScript client generated from it that works against a live server."""

import asyncio
import json
import os
import re
import shutil
import socket
import subprocess
from pathlib import Path

import pytest
import uvicorn

from tests.api import Company
from tests.node import PEERS, RUN_SECONDS, installed_peers

# One process runs them all: the peers are installed once, and two cores are soon busy.
pytestmark = [pytest.mark.node, pytest.mark.xdist_group("clients")]

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = ROOT / "beltstack/schema/schema.graphql"
HOW_TO = ROOT / "docs/howto/use-the-api.md"


@pytest.fixture
def frontend(tmp_path: Path) -> Path:
    """A frontend's project of its own, with the schema in it."""
    installed_peers()
    project = tmp_path / "client"
    shutil.copytree(PEERS / "client", project)
    shutil.copy(PEERS / "eslint.config.mjs", project)
    shutil.copy(SCHEMA, project)
    (tmp_path / "node_modules").symlink_to(PEERS / "node_modules")
    return project


def run(project: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """A tool of the peers, or node itself, in the project's folder."""
    tool = PEERS / "node_modules/.bin" / command[0]
    found = [str(tool) if tool.exists() else command[0], *command[1:]]
    environment = {**os.environ, "NO_COLOR": "1"}
    return subprocess.run(
        found, cwd=project, env=environment, capture_output=True, text=True, timeout=RUN_SECONDS, check=False
    )


def succeed(project: Path, *command: str) -> str:
    done = run(project, *command)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def spoil(project: Path, old: str, new: str) -> None:
    """Another schema, to see the judges refuse it."""
    path = project / "schema.graphql"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


# ── the client ────────────────────────────────────────────────────────────────────────────────────


def built(project: Path) -> Path:
    succeed(project, "graphql-codegen", "--config", "codegen.mjs")
    succeed(project, "tsc", "-p", ".")
    return project / "built/story.js"


async def test_a_generated_client_tells_a_day_at_the_office_through_its_types(company: Company, frontend: Path) -> None:
    story = await asyncio.to_thread(built, frontend)
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(company.owner.app(), log_level="warning", lifespan="off"))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/graphql"
        told = json.loads(await asyncio.to_thread(succeed, frontend, "node", str(story), url, company.owner.token))
    finally:
        server.should_exit = True
        await serving
    assert told == {
        "board": [["No cooling", "Lee Park"]],
        "mine": [["No cooling", "SCHEDULED"]],
        "finished": "COMPLETED",
        "unbilled": ["No cooling", "Noisy fan", "Yearly service"],
        "latest": ["Yearly service", "No cooling"],
        "invoice": ["ISSUED", "129.00"],
        "paid": ["PAID", "0.00"],
        "history": [["Yearly service", "UNBILLED", 0], ["Noisy fan", "UNBILLED", 0], ["No cooling", "PAID", 1]],
        "equipment": [["Furnace", "OPERATIONAL"]],
        "found": ["Ada Klein"],
        "repeated": True,
        "blank": [["INVALID_INPUT", ["input", "name"]]],
        "stale": [["STALE_OBJECT", ["input", "expectedVersion"]]],
        "unknown": None,
        "badCursor": [200, "BAD_CURSOR"],
        "noToken": [401, "UNAUTHENTICATED"],
    }


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("asker(url, token)", "asker(url, 7)", "TS2345"),
        ('direction: "DESC"', 'direction: "DOWN"', "TS2322"),
        ("one.workOrder.title", "one.workOrder.titel", "TS2551"),
    ],
)
def test_the_types_refuse_a_wrong_program(frontend: Path, old: str, new: str, complaint: str) -> None:
    succeed(frontend, "graphql-codegen", "--config", "codegen.mjs")
    story = frontend / "src/story.ts"
    assert old in story.read_text()
    story.write_text(story.read_text().replace(old, new, 1))
    assert complaint in run(frontend, "tsc", "-p", ".").stdout


def test_a_scalar_without_a_type_stops_the_generation(frontend: Path) -> None:
    config = frontend / "codegen.mjs"
    config.write_text(re.sub(r"Decimal: .*\n", "\n", config.read_text()))
    done = run(frontend, "graphql-codegen", "--config", "codegen.mjs")
    assert "Unknown scalar type Decimal" in done.stdout + done.stderr


def test_the_how_to_s_code_is_the_client_s() -> None:
    shown = re.findall(r"```(ts|js|graphql)\n(.*?)```", HOW_TO.read_text(), re.DOTALL)
    sources = [path.read_text() for path in (PEERS / "client").rglob("*.*") if path.is_file()]
    assert len(shown) >= 5
    assert [code for _, code in shown if not any(code in source for source in sources)] == []


# ── the judges ────────────────────────────────────────────────────────────────────────────────────


def compile_relay(project: Path) -> subprocess.CompletedProcess[str]:
    (project / "relay/artifacts").mkdir(exist_ok=True)
    return run(project / "relay", "relay-compiler", "relay.config.json")


def test_relay_compiles_pagination_and_refetch(frontend: Path) -> None:
    done = compile_relay(frontend)
    assert done.returncode == 0, done.stdout + done.stderr
    artifacts = {path.name.partition(".")[0] for path in (frontend / "relay/artifacts").iterdir()}
    assert artifacts >= {"BoardPage", "BoardVisitAgain", "HistoryPage", "HistoryCreateMutation"}


def test_relay_refuses_a_connection_without_cursors(frontend: Path) -> None:
    spoil(frontend, "  endCursor: String\n", "  finish: String\n")
    done = compile_relay(frontend)
    assert done.returncode != 0
    assert "endCursor" in done.stdout + done.stderr


def test_graphql_eslint_finds_nothing_against_relay_s_rules_and_the_recommended_ones(frontend: Path) -> None:
    assert succeed(frontend, "eslint", "--max-warnings", "0", "schema.graphql") == ""


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        ("type CustomerConnection {", "type CustomerConnection {\n  extra: [Wrong]\n}\ntype Wrong {", "require-desc"),
        ("  pageInfo: PageInfo!\n", "  pageInfo: PageInfo\n", "relay-connection-types"),
        ("  startCursor: String\n", "  start: String\n", "relay-page-info"),
    ],
)
def test_graphql_eslint_can_find_something(frontend: Path, old: str, new: str, rule: str) -> None:
    spoil(frontend, old, new)
    assert rule in run(frontend, "eslint", "schema.graphql").stdout


def test_graphql_inspector_finds_the_client_s_documents_valid_and_nothing_deprecated(frontend: Path) -> None:
    documents = sorted(str(path) for path in (frontend / "documents").iterdir())
    command = ("node", str(PEERS / "inspect.mjs"), "validate", "schema.graphql", *documents)
    assert json.loads(succeed(frontend, *command)) == []
    spoil(frontend, "  needsReturn: Boolean!", "  needed: Boolean!")
    (frontend / "documents/old.graphql").write_text("query Old($id: ID!) { workOrder(id: $id) { needsReturn } }")
    assert "needsReturn" in succeed(frontend, *command, "documents/old.graphql")
