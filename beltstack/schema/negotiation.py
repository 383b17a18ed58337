"""Which media type a client is answered in."""

from functools import lru_cache

RESPONSE_TYPE = "application/graphql-response+json"
JSON_TYPE = "application/json"
PAGE_TYPE = "text/html"
# The wildcards a type answers to, and how well each names it.
_NAMES = {
    RESPONSE_TYPE: {RESPONSE_TYPE: 3},
    # Whoever takes anything gets what every client understands.
    JSON_TYPE: {JSON_TYPE: 3, "application/*": 2, "*/*": 1},
}


@lru_cache(maxsize=64)
def media_type(accept: str) -> str | None:
    """The best of what an Accept header takes; None if it takes neither."""
    ranges = [_range(one) for one in accept[:1000].split(",") if one.strip()] or [("*/*", 1.0)]
    best = max(_NAMES, key=lambda name: _rank(name, ranges))
    return best if _rank(best, ranges)[0] > 0 else None


def wants_page(accept: str) -> bool:
    """Whether a browser asks for a page to read: HTML by its name, no less welcome than an answer by its own."""
    ranges = [_range(one) for one in accept[:1000].split(",") if one.strip()]
    page = max((quality for kind, quality in ranges if kind == PAGE_TYPE), default=0.0)
    answer = max((quality for kind, quality in ranges if kind in _NAMES), default=0.0)
    return page > 0 and page >= answer


def _rank(name: str, ranges: list[tuple[str, float]]) -> tuple[float, int]:
    """The quality of the range that names a type best, and how well it does."""
    named = [(_NAMES[name][kind], quality) for kind, quality in ranges if kind in _NAMES[name]]
    closeness, quality = max(named, default=(0, 0.0))
    return quality, closeness


def _range(text: str) -> tuple[str, float]:
    kind, *parameters = (part.strip().lower() for part in text.split(";"))
    quality = next((one.removeprefix("q=") for one in parameters if one.startswith("q=")), "1")
    try:
        return kind, float(quality)
    except ValueError:
        return kind, 0.0
