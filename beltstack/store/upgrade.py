"""Alembic's part of migrating; imported only where there is something to migrate."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine, text

from beltstack.store.database import DatabaseRole, options, psycopg_url

MIGRATIONS = Path(__file__).parent / "migrations"


def upgrade(url: str) -> None:
    """Run the migrations that are missing, as the owner role, in one transaction."""
    engine = create_engine(psycopg_url(url), connect_args={"options": options(DatabaseRole.OWNER)})
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    try:
        with engine.begin() as connection:
            connection.execute(text("set local lock_timeout = '5s'"))
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    finally:
        engine.dispose()
