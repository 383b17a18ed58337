"""Where the plugins' addresses are, and what is said at them."""

import ast
import re
from pathlib import Path

import pytest

from beltstack.app import UnusableUrl, open_services
from beltstack.inbound.pages import problem_page
from beltstack.settings import Settings
from beltstack.store.connecting import ConnectRefused

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("given", "kept"), [("https://belt.example/", "https://belt.example"), (" ", None), ("", None), (None, None)]
)
def test_the_public_address_is_kept_without_its_last_slash(given: str | None, kept: str | None) -> None:
    environment = {} if given is None else {"BELTSTACK_PUBLIC_URL": given}
    assert Settings.from_environment(environment, data_dir=Path()).public_url == kept


@pytest.mark.parametrize(
    "url", ["belt.example", "ftp://belt.example", "https://", "https://a@b", "https://x:y", "https://x?y", "https://["]
)
async def test_a_public_address_that_is_none_is_told_at_the_start(url: str) -> None:
    with pytest.raises(UnusableUrl, match=r"BELTSTACK_PUBLIC_URL .*https://belt\.example\.com"):
        async with open_services(Settings(data_dir=Path(), public_url=url), "postgresql://nobody@127.0.0.1:1/nothing"):
            pytest.fail("it started")


def test_every_code_at_these_addresses_is_documented_and_no_other() -> None:
    codes = {kind.code for kind in ConnectRefused.__subclasses__()}
    for path in (ROOT / "beltstack/inbound").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and re.fullmatch(r"[A-Z]+(_[A-Z]+)+", str(node.value)):
                codes.add(str(node.value))
    text = (ROOT / "docs/reference/errors.md").read_text().partition("## At the plugins' addresses")[2]
    assert set(re.findall(r"^\| `([A-Z_]+)` \|", text, re.MULTILINE)) == codes


def test_a_page_repeats_nothing_as_markup() -> None:
    page = problem_page("<script>x</script>", "A_CODE", status=400, back='/"><img src=x>')
    assert b"<script>" not in page.body
    assert b"<img" not in page.body
