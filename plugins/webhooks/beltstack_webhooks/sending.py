"""One request, and what the receiver's answer means for the delivery."""

import asyncio
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

from beltstack.plugins import ReconnectNeeded, Rejected, RetryLater, Throttled

# Standard Webhooks' schedule, 75 h 35 min in all: the pause after the first failure, the second, and so on.
PAUSES_SECONDS = (5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
SEND_SECONDS = 15.0
LARGEST_ANSWER_BYTES = 64 * 1024
TIDY_SECONDS = 1.0


async def send(http: httpx.AsyncClient, url: str, body: bytes, headers: dict[str, str], *, attempt: int) -> None:
    """Returns when the receiver took it. A redirect is not followed: where it leads nobody has checked."""
    try:
        async with (
            asyncio.timeout(SEND_SECONDS),
            http.stream("POST", url, content=body, headers=headers, follow_redirects=False) as answer,
        ):
            status, retry_after = answer.status_code, answer.headers.get("retry-after")
            await _tidy(answer)
    except (httpx.TransportError, TimeoutError) as error:
        raise _later(f"The receiver did not answer ({type(error).__name__}).", attempt, "NO_ANSWER") from error
    judge(status, retry_after, attempt)


def judge(status: int, retry_after: str | None, attempt: int) -> None:
    """Raises what the answer means; 2xx alone means that the receiver has it."""
    if 200 <= status < 300:
        return
    if status == 410:
        raise ReconnectNeeded(
            "The receiver says that it is gone (410): nothing more is sent to it until the integration is resumed.",
            code="GONE",
        )
    if status in {429, 503} and (seconds := seconds_of(retry_after)) is not None:
        raise Throttled(f"The receiver asked to wait ({status}).", seconds=seconds, code=f"HTTP_{status}")
    raise _later(f"The receiver answered {status}, not 2xx.", attempt, f"HTTP_{status}")


def seconds_of(retry_after: str | None) -> float | None:
    """Of a Retry-After: seconds or a date; None where it is neither."""
    if retry_after is None:
        return None
    text = retry_after.strip()
    if text.isascii() and text.isdecimal() and len(text) <= 9:
        return float(text)
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max(0.0, (at - datetime.now(UTC)).total_seconds())


def _later(message: str, attempt: int, code: str) -> RetryLater | Rejected:
    if attempt > len(PAUSES_SECONDS):
        return Rejected(f"{message} It was tried {attempt} times; replay it when the receiver is well.", code=code)
    return RetryLater(message, seconds=PAUSES_SECONDS[attempt - 1], code=code)


async def _tidy(answer: httpx.Response) -> None:
    """Read a short answer to its end, so that the connection can be used again; what it says does not matter."""
    size = 0
    try:
        async with asyncio.timeout(TIDY_SECONDS):
            async for chunk in answer.aiter_raw():
                size += len(chunk)
                if size > LARGEST_ANSWER_BYTES:
                    return
    except (httpx.HTTPError, TimeoutError):
        return
