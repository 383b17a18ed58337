"""A real browser opens GraphiQL, runs an example with a token and sees data."""

import asyncio
import json
import os
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from beltstack.app import Services, build_app, listen
from beltstack.commands.tenancy import create_token
from beltstack.demo.company import found_company
from beltstack.domain.access import Role
from beltstack.plugins.runtime import PluginHost
from beltstack.settings import Settings
from beltstack.store.database import Database
from beltstack.store.sealing import Sealer

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

HERE = Path(__file__).parent
INSTALL_SECONDS = 120
VISIT_SECONDS = 120


async def test_a_person_runs_an_example_in_a_browser_and_sees_data(
    database: Database, host: PluginHost, sealer: Sealer
) -> None:
    chromium = await asyncio.to_thread(installed_chromium)
    now = datetime.now(UTC)
    await found_company(database, host, sealer, slug="browser-demo", now=now)
    token = await create_token(database, slug="browser-demo", roles=(Role.OWNER,), label="test", at=now)
    services = Services(Settings(data_dir=Path(), graphiql=True), database, host, sealer)
    listener = listen("127.0.0.1", 0)
    app = build_app(services, with_worker=False)
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off", timeout_graceful_shutdown=5))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    address = f"127.0.0.1:{listener.getsockname()[1]}"
    try:
        seen = await asyncio.to_thread(visit, f"http://{address}/graphql", token, chromium)
    finally:
        server.should_exit = True
        await serving
    assert seen["complaints"] == []
    assert seen["hosts"] == [address]
    assert [tab.strip() for tab in seen["tabs"]] == ["BoardOfADay", "CustomerHistory", "UnbilledWork", "TryToComplete"]
    assert "errors" not in seen["answer"]
    assert seen["answer"]["data"]["visits"]["nodes"]
    assert "Mutation" in seen["documented"]
    assert token not in seen["stored"]


def visit(address: str, token: str, chromium: str) -> Any:
    """What visit.mjs saw."""
    command = ["node", "visit.mjs", address, token, chromium]
    done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, timeout=VISIT_SECONDS, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def installed_chromium() -> str:
    """Its path, with the peer that drives it installed. Skips where one is missing; with CI=true that is a failure."""
    found = shutil.which("chromium")
    missing = [name for name in ("node", "npm", "chromium") if shutil.which(name) is None]
    if missing or found is None:
        message = f"This test needs {' and '.join(missing)}: on Debian, apt-get install nodejs npm chromium."
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    wanted = (HERE / "package-lock.json").read_text()
    mark = HERE / "node_modules" / ".beltstack-lock"
    if not mark.exists() or mark.read_text() != wanted:
        command = ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
        subprocess.run(command, cwd=HERE, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=True)
        mark.write_text(wanted)
    return found
