"""Alembic's entry: runs on the connection, and in the transaction, that service.database opened."""

from alembic import context

from service.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, render_as_batch=True)
context.run_migrations()
