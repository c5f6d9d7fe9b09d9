"""The database: one engine, reading() and transaction(). The only place where SQLite and PostgreSQL differ."""

import json
import sqlite3
import time
from collections import defaultdict
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from threading import Lock
from weakref import WeakKeyDictionary

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, event, false, make_url, or_, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError

from service.errors import BadDatabase
from service.settings import ROOT

BUSY_TIMEOUT_S = 15
WAL_ATTEMPTS = 50
CONNECT_TIMEOUT_S = 5
_TURNS = WeakKeyDictionary()  # engine: the Lock of its writers
MIGRATION_LOCK = 6_003_157_112  # any number that only we use, for PostgreSQL's advisory lock


def open_engine(url):
    """An engine for a SQLAlchemy URL; connects to nothing yet."""
    address = make_url(url)
    common = {
        "hide_parameters": True,
        "json_serializer": partial(json.dumps, ensure_ascii=False),
        "pool_pre_ping": True,
        "pool_size": 20,
        "max_overflow": 30,
        "pool_timeout": 10,
    }
    if address.get_backend_name() == "sqlite":
        Path(address.database).parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(address, connect_args={"timeout": BUSY_TIMEOUT_S, "check_same_thread": False}, **common)
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    return create_engine(address, connect_args={"connect_timeout": CONNECT_TIMEOUT_S}, **common)


def _prepare_sqlite(connection, record):
    connection.isolation_level = None  # the driver opens no transactions of its own; _begin_sqlite does
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA foreign_keys=ON")
    for attempt in range(WAL_ATTEMPTS):  # SQLite does not wait for this lock when two processes make a database at once
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError:
            if attempt == WAL_ATTEMPTS - 1:
                raise
            time.sleep(0.1)


def _begin_sqlite(connection):
    # A writer takes the lock at once: one that starts reading and then writes fails when another wrote in between.
    connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get("writes") else "BEGIN")


@contextmanager
def reading(engine):
    """A connection for reading: all its statements see the database as it is at the first, and nothing is committed."""
    # PostgreSQL's default shows each statement what was committed meanwhile: a customer might vanish between two of them.
    options = {"isolation_level": "REPEATABLE READ"} if engine.dialect.name == "postgresql" else {}
    with engine.connect().execution_options(**options) as connection:
        yield connection


@contextmanager
def transaction(engine):
    """A connection for writing, committed at the end and rolled back on any error. Open late, close soon; infer nothing in it."""
    with _turn(engine), engine.connect().execution_options(writes=True) as connection, connection.begin():
        yield connection


@contextmanager
def _turn(engine):
    # SQLite has one writer at a time, and lets the others sleep for up to a tenth of a second between looks: those of one
    # process wait for each other here instead, and are woken at once.
    held = engine.dialect.name == "sqlite" and _TURNS.setdefault(engine, Lock()).acquire(timeout=BUSY_TIMEOUT_S)
    try:
        yield
    finally:
        if held:
            _TURNS[engine].release()


def insert_new(connection, table, rows, key, returning):
    """Insert the rows (a list of dicts) whose unique `key` (column names) is not there yet; returns the new ones' `returning` columns."""
    if not rows:
        return []
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    # The rows as parameters, not as values(): the statement is then compiled once, not anew for each batch.
    return connection.execute(
        insert(table).on_conflict_do_nothing(index_elements=key).returning(*returning), rows
    ).all()


def among(first, second, pairs):
    """The condition that columns (first, second) hold one of the pairs. SQLite reads the whole table for `(a, b) IN (…)`; not for this."""
    seconds = defaultdict(list)
    for one, other in pairs:
        seconds[one].append(other)
    return or_(false(), *((first == one) & second.in_(others) for one, others in seconds.items()))


def lock(connection, number):
    """Hold a lock that all processes share until the transaction ends (on SQLite every writing transaction is one)."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": number})


def _alembic(connection=None):
    config = Config()
    config.set_main_option("script_location", str(ROOT / "migrations"))
    config.attributes["connection"] = connection
    return config


def revisions(connection):
    """(the revision the database is at, or None; the newest one the code knows)."""
    return MigrationContext.configure(connection).get_current_revision(), ScriptDirectory.from_config(
        _alembic()
    ).get_current_head()


def migrate(engine):
    """Bring the database to the newest revision; returns (before, after). Several processes may call it at once.

    Raises BadDatabase where it can't be reached, or where a newer moodline has migrated it further.
    """
    where = engine.url.render_as_string(hide_password=True)
    try:
        with reading(engine) as connection:
            before, head = revisions(connection)
        if before == head:
            return before, head
        known = {script.revision for script in ScriptDirectory.from_config(_alembic()).walk_revisions()}
        if before is not None and before not in known:
            raise BadDatabase(
                f"database {where} is at revision {before}, which this version does not know: start a newer moodline"
            )
        with transaction(engine) as connection:
            lock(connection, MIGRATION_LOCK)
            command.upgrade(_alembic(connection), "head")
        return before, head
    except SQLAlchemyError as error:
        raise BadDatabase(
            f"database {where} can't be reached or migrated ({type(error).__name__}): "
            "check MOODLINE_DATABASE_URL and that the server is up"
        ) from None
