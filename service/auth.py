"""Who calls, and what they may do: API keys with scopes, of which only hashes are stored."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import select, update

from service.database import insert_new, lock
from service.errors import Conflict, Forbidden, NotFound, Unauthorized
from service.tables import api_keys

SCOPES = ("ingest", "read", "admin")
PREFIX = "mk_"
FIRST_KEY_LOCK = 6_003_157_113


@dataclass(frozen=True)
class Caller:
    name: str
    scopes: frozenset[str]

    def require(self, *scopes):
        """Raises Forbidden unless the key has one of the scopes."""
        if not self.scopes & set(scopes):
            raise Forbidden(f"this key lacks the scope {' or '.join(scopes)}")


def _hash(key):
    # A key is 256 random bits: a plain hash can't be searched, a slow one would only slow every request.
    return hashlib.sha256(key.encode()).hexdigest()


def create(connection, name, scopes):
    """Make a key; returns it, the only time it is seen. Raises Conflict where the name is taken."""
    key = PREFIX + secrets.token_urlsafe(32)
    row = {
        "name": name,
        "hash": _hash(key),
        "scopes": ",".join(s for s in SCOPES if s in scopes),
        "created_at": datetime.now(UTC),
    }
    if not insert_new(connection, api_keys, [row], ["name"], [api_keys.c.pk]):
        raise Conflict(f"a key named {name} is there already: choose another name (a revoked key keeps its name)")
    return key


def create_first(connection):
    """A key with all scopes where there is none yet, else None. Of several processes that start at once one makes it."""
    lock(connection, FIRST_KEY_LOCK)
    if connection.execute(select(api_keys.c.pk).limit(1)).first() is not None:
        return None
    return create(connection, "first", SCOPES)


def revoke(connection, name):
    """Let a key open nothing from now on; raises NotFound."""
    done = connection.execute(
        update(api_keys)
        .where(api_keys.c.name == name, api_keys.c.revoked_at.is_(None))
        .values(revoked_at=datetime.now(UTC))
    ).rowcount
    if not done:
        raise NotFound(f"no key in force is named {name}")


def listed(connection):
    """All keys, rows of name, scopes, created_at, revoked_at."""
    return connection.execute(
        select(api_keys.c.name, api_keys.c.scopes, api_keys.c.created_at, api_keys.c.revoked_at).order_by(api_keys.c.pk)
    ).all()


def identify(connection, authorization, x_api_key):
    """The Caller of a request from its headers `Authorization: Bearer KEY` or `X-API-Key: KEY` (or None); raises Unauthorized."""
    scheme, _, key = (authorization or "").partition(" ")
    key = key.strip() if scheme.lower() == "bearer" else (x_api_key or "").strip()
    if not key:
        raise Unauthorized("send an API key: Authorization: Bearer mk_…")
    row = connection.execute(
        select(api_keys.c.name, api_keys.c.scopes).where(api_keys.c.hash == _hash(key), api_keys.c.revoked_at.is_(None))
    ).first()
    if row is None:
        raise Unauthorized("this API key is not known, or was revoked")
    return Caller(row.name, frozenset(row.scopes.split(",")))
