"""The only pages for people: a sentence and a code, nothing that was sent, nothing that a browser would load."""

from html import escape

from starlette.responses import HTMLResponse, Response

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    # The address holds the state and the code.
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


def problem_page(message: str, code: str, *, status: int, back: str | None = None) -> Response:
    """Why it goes no further; `back` is an address of ours."""
    link = f'<p><a href="{escape(back)}">Go back</a></p>' if back else ""
    return HTMLResponse(
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Not connected</title>'
        f"<h1>Not connected</h1><p>{escape(message)}</p><p><code>{escape(code)}</code></p>{link}</html>",
        status_code=status,
        headers=HEADERS,
    )
