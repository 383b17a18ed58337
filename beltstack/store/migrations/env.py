"""Alembic's entry: runs on the connection that `beltstack.store.migrate` opened as the owner role."""

from alembic import context

from beltstack.store.tables import SCHEMA, metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, version_table_schema=SCHEMA)
context.run_migrations()
