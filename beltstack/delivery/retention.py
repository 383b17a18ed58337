"""Once a day a worker lets go of what is old."""

import asyncio
import logging
import random
from datetime import timedelta

from sqlalchemy.exc import SQLAlchemyError

from beltstack.store.database import Database, DatabaseUnavailable
from beltstack.store.retention import let_go

EVERY_SECONDS = 86_400.0
FIRST_WITHIN_SECONDS = 3_600.0
"""Workers that start together do not all begin together."""

log = logging.getLogger(__name__)


async def keep_tidy(database: Database, *, kept: timedelta, stop: asyncio.Event) -> None:
    """Until `stop` is set; a round that fails is told, and what it left is the next one's."""
    wait_seconds = random.random() * FIRST_WITHIN_SECONDS  # noqa: S311 - no secret
    while not await _stopped(stop, seconds=wait_seconds):
        try:
            gone = await let_go(database, kept=kept)
            log.info("let go of %d events, %d webhooks and %d answers", gone.events, gone.inbound, gone.keys)
        except (DatabaseUnavailable, SQLAlchemyError) as error:
            log.warning("letting go of what is old was left for tomorrow: %s", type(error).__name__)
        wait_seconds = EVERY_SECONDS


async def _stopped(stop: asyncio.Event, *, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            return await stop.wait()
    except TimeoutError:
        return False
