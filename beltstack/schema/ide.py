"""GraphiQL, from this package's own files: a page for people who try the API in a browser."""

import json
from dataclasses import dataclass
from hashlib import sha256
from html import escape
from pathlib import Path
from types import MappingProxyType

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from beltstack.schema.negotiation import wants_page

FOLDER = Path(__file__).parent / "graphiql"
SCHEMA = Path(__file__).parent / "schema.graphql"
ASSETS_PATH = "/graphql/assets"
_KINDS = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8"}
_SAFE = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
        " font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>BeltStack: GraphiQL</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="{style}">
</head>
<body>
<div id="graphiql" data-endpoint="/graphql" data-schema="{schema}">Loading GraphiQL …</div>
<script type="application/json" id="examples">{examples}</script>
<script type="module" src="{script}"></script>
</body>
</html>
"""


@dataclass(frozen=True, slots=True)
class Asset:
    """A file of the page's, named by its content, so that a browser may keep it for good."""

    content: bytes
    media_type: str


@dataclass(frozen=True, slots=True)
class Ide:
    """The page and what it loads."""

    page: bytes
    assets: MappingProxyType[str, Asset]

    @classmethod
    def of_package(cls) -> "Ide":
        """Read once, when the server starts."""
        files = {path.suffix: path for path in FOLDER.glob("graphiql-*.*")}
        assets = {path.name: Asset(path.read_bytes(), _KINDS[kind]) for kind, path in files.items()}
        schema = SCHEMA.read_bytes()
        schema_name = f"schema-{sha256(schema).hexdigest()[:16]}.graphql"
        assets[schema_name] = Asset(schema, "text/plain; charset=utf-8")
        page = _PAGE.format(
            style=_address(files[".css"].name),
            script=_address(files[".js"].name),
            schema=_address(schema_name),
            # No text of an example may close the element that holds it.
            examples=json.dumps(list(example_documents().values())).replace("<", "\\u003c"),
        )
        return cls(page.encode(), MappingProxyType(assets))

    def answer(self, request: Request) -> Response | None:
        """The page, if that is what a browser asks for."""
        is_visit = request.method == "GET" and "query" not in request.query_params
        if not is_visit or not wants_page(request.headers.get("accept", "")):
            return None
        return Response(self.page, media_type="text/html", headers={**_SAFE, "Cache-Control": "no-cache"})

    def routes(self) -> list[Route]:
        return [Route(f"{ASSETS_PATH}/{{name}}", self._asset)]

    async def _asset(self, request: Request) -> Response:
        asset = self.assets.get(request.path_params["name"])
        if asset is None:
            return Response("There is no such file.", status_code=404, media_type="text/plain", headers=_SAFE)
        kept = {"Cache-Control": "public, max-age=31536000, immutable"}
        return Response(asset.content, headers={**_SAFE, **kept, "Content-Type": asset.media_type})


def example_documents() -> dict[str, str]:
    """The page's first tabs, in order, by the names of their files."""
    return {path.stem: path.read_text() for path in sorted((FOLDER / "examples").glob("*.graphql"))}


def _address(name: str) -> str:
    return escape(f"{ASSETS_PATH}/{name}")
