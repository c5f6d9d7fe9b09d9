"""Interactions and events → rows: stored once, durable before it answers."""

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Row, bindparam, select, update

from service.database import among, insert_new
from service.errors import Conflict, NotFound
from service.identities import find_owners, join_aliases
from service.interaction import MAX_TURNS, Turn
from service.record import refresh
from service.tables import PENDING, events, interactions, turns


@dataclass(frozen=True)
class Accepted:
    """What became of one sent interaction: its row, and whether it is new."""

    pk: int
    new: bool


@dataclass(frozen=True)
class Lease:
    """A claim on rows: until then nobody else scores them."""

    token: str
    until: datetime

    @classmethod
    def taken(cls, seconds):
        """A new one, from now on."""
        return cls(str(uuid.uuid4()), datetime.now(UTC) + timedelta(seconds=seconds))


def accept(connection, sent, lease=None, at=None):
    """Store a batch of Interactions, whole, as received `at` (now); returns an Accepted for each, in their order.

    An interaction whose source and id are there already, or stood earlier in the batch, is left as it is. With a Lease the
    new rows are the caller's own to score.
    """
    first = {}
    for one in sent:
        first.setdefault(_key(one), one)
    known = _find(connection, first)
    # Sorted, so that two senders of the same batch wait for each other instead of locking each other out.
    new = _insert(
        connection, [first[key] for key in sorted(first.keys() - known.keys())], lease, at or datetime.now(UTC)
    )
    known |= _find(connection, first.keys() - known.keys() - new.keys())  # what somebody else stored meanwhile
    pks = known | new
    return [Accepted(pks[_key(one)], _key(one) in new and first[_key(one)] is one) for one in sent]


def _key(one):
    return one.source, one.id


def _find(connection, keys):
    """{(source, id): pk} of those interactions among `keys` that are stored."""
    if not keys:
        return {}
    found = select(interactions.c.pk, interactions.c.source, interactions.c.id)
    rows = connection.execute(found.where(among(interactions.c.source, interactions.c.id, keys)))
    return {_key(row): row.pk for row in rows}


def _insert(connection, fresh, lease, now):
    """Store interactions, their turns and their customers; returns {(source, id): pk} of those that were not there yet."""
    spoken = []
    join_aliases(connection, fresh, now)
    owners = find_owners(connection, fresh, now)
    rows = [
        {
            "source": one.source,
            "id": one.id,
            "customer_pk": owners[one.customer_id or one.identity],
            "channel": one.channel,
            "occurred_at": one.occurred_at,
            "received_at": now,
            "stage": one.stage,
            "agent": one.agent,
            "team": one.team,
            "open": one.open,
            "rating": one.rating,
            "attributes": one.attributes,
            "status": PENDING,
            "lease_token": lease and lease.token,
            "lease_until": lease and lease.until,
        }
        for one in fresh
    ]
    columns = [interactions.c.pk, interactions.c.source, interactions.c.id]
    new = {_key(row): row.pk for row in insert_new(connection, interactions, rows, ["source", "id"], columns)}
    for one in fresh:
        if _key(one) in new:
            spoken += _rows(new[_key(one)], 0, one.turns)
    if spoken:
        connection.execute(turns.insert(), spoken)
    return new


def _rows(interaction_pk, first, spoken):
    return [
        {
            "interaction_pk": interaction_pk,
            "position": position,
            "speaker": turn.speaker,
            "text": turn.text,
            "start_s": turn.start_s,
            "end_s": turn.end_s,
            "reading": turn.reading,
            "id": turn.id,
            "confidence": turn.confidence,
        }
        for position, turn in enumerate(spoken, first)
    ]


def append(connection, source, id, spoken, position=None, still_open=True, rating=None, lease=None):
    """Append Turns, and the rating if one came, to an open interaction; returns (pk, how many turns were new, whether to read it).

    `position`: the place of the first of them, or None for the end; what is there already is recognised and left. With a Lease
    the interaction is the caller's own to read. Raises NotFound, and
    Conflict where the interaction is closed, the position leaves a gap or other turns stand there.
    """
    row = connection.execute(
        select(interactions.c.pk, interactions.c.open, interactions.c.rating)
        .where(interactions.c.source == source, interactions.c.id == id)
        .with_for_update()
    ).first()
    if row is None:
        raise NotFound("no interaction has this source and id")
    there = connection.execute(
        select(turns.c.speaker, turns.c.text).where(turns.c.interaction_pk == row.pk).order_by(turns.c.position)
    ).all()
    first = len(there) if position is None else position
    known = there[first : first + len(spoken)]
    if first > len(there):
        raise _conflict("position", f"leaves a gap: {len(there)} turns are stored")
    if [tuple(turn) for turn in known] != [(turn.speaker, turn.text) for turn in spoken[: len(known)]]:
        raise _conflict("position", "other turns stand there")
    fresh = spoken[len(known) :]
    rated = rating is not None and rating != row.rating
    if not row.open and (fresh or rated):
        raise _conflict("open", "the interaction is closed: it was not sent with open, or has ended")
    if first + len(spoken) > MAX_TURNS:
        raise _conflict("turns", f"an interaction holds at most {MAX_TURNS:,} turns")
    extend(connection, [More(row, len(there), tuple(fresh), still_open, rating if rated else None)], lease)
    return row.pk, len(fresh), bool(fresh or rated)


@dataclass(frozen=True)
class More:
    """What comes to an interaction (a row of pk, open, rating) that has `there` turns."""

    row: Row
    there: int
    fresh: tuple[Turn, ...]
    open: bool
    rating: dict | None

    @property
    def changes(self):
        return bool(self.fresh) or self.rating is not None or self.open != self.row.open


def extend(connection, more, lease=None):
    """Store what comes to interactions; those with new turns or another rating are to be read again."""
    spoken = [turn for one in more for turn in _rows(one.row.pk, one.there, one.fresh)]
    if spoken:
        connection.execute(turns.insert(), spoken)
    again = {
        "status": PENDING,
        "attempts": 0,
        "lease_token": lease and lease.token,
        "lease_until": lease and lease.until,
    }
    for values, extended in (
        ({}, [one for one in more if one.changes and not one.fresh and one.rating is None]),
        (again, [one for one in more if one.fresh or one.rating is not None]),
    ):
        if extended:
            changed = update(interactions).where(interactions.c.pk == bindparam("row"))
            connection.execute(
                changed.values(open=bindparam("still_open"), rating=bindparam("now_rated"), **values),
                [
                    {"row": one.row.pk, "still_open": one.open, "now_rated": one.rating or one.row.rating}
                    for one in extended
                ],
            )


def _conflict(field, message):
    return Conflict(f"{field}: {message}", [{"index": None, "field": field, "message": message}])


def accept_events(connection, sent, settings, at=None):
    """Store a batch of Happenings, whole, as received `at` (now), and their customers' new risks.

    Returns (source, id, whether it is new) for each.
    """
    now, first = at or datetime.now(UTC), {}
    for one in sent:
        first.setdefault(_key(one), one)
    stored = connection.execute(select(events.c.source, events.c.id).where(among(events.c.source, events.c.id, first)))
    fresh = {key: one for key, one in first.items() if key not in {_key(row) for row in stored}}
    owners = find_owners(connection, fresh.values(), now)
    rows = [
        {
            "source": one.source,
            "id": one.id,
            "customer_pk": owners[one.customer_id or one.identity],
            "kind": one.kind,
            "occurred_at": one.occurred_at,
            "received_at": now,
            "attributes": one.attributes,
        }
        for _, one in sorted(fresh.items())
    ]
    columns = [events.c.source, events.c.id, events.c.customer_pk]
    new = {_key(row): row.customer_pk for row in insert_new(connection, events, rows, ["source", "id"], columns)}
    refresh(connection, set(new.values()), now, settings)
    return [(one.source, one.id, _key(one) in new and first[_key(one)] is one) for one in sent]
