"""Interactions, messages and events → rows: stored once, durable before it answers."""

import hashlib
import uuid
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import case, func, select, update

from service.database import among, insert_new
from service.errors import Conflict, NotFound
from service.identities import find_identities, find_owners, join_aliases
from service.interaction import MAX_TURNS, Interaction, Turn
from service.record import refresh
from service.tables import PENDING, customers, events, heard, interactions, turns

RATED_DAYS = 30  # so long after a conversation's last message its rating is still asked for, or its ticket closed


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
    for one in fresh:
        if one.aliases:
            join_aliases(connection, one, now)
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
    _extend(connection, row, len(there), fresh, still_open, rating if rated else None, lease)
    return row.pk, len(fresh), bool(fresh or rated)


def _extend(connection, row, there, fresh, still_open, rating=None, lease=None):
    """Store more of an interaction (a row of pk, open, rating), which has `there` turns, and let it be read again."""
    values = {} if row.open == still_open else {"open": still_open}
    if fresh:
        connection.execute(turns.insert(), _rows(row.pk, there, fresh))
    if fresh or rating is not None:
        values |= {"status": PENDING, "attempts": 0, "open": still_open, "rating": rating or row.rating}
        values |= {"lease_token": lease and lease.token, "lease_until": lease and lease.until}
    if values:
        connection.execute(update(interactions).where(interactions.c.pk == row.pk).values(**values))


def hear(connection, source, messages, at):
    """Store what webhooks told, Messages received `at`; counts them as `accepted`, `duplicate` (known by its id) or `not_heard` (the
    end of a conversation that we have nothing of).

    The messages of one conversation of one day (UTC) are the turns of one open interaction, `CONVERSATION@DAY`; another person's in it
    are one of their own. A rating or an ending goes to the conversation's latest within RATED_DAYS. A message without a conversation
    is an interaction of its own.
    """
    return Counter(_hear_one(connection, source, one, at) for one in messages)


def _hear_one(connection, source, message, at):
    if message.conversation is None:
        return "accepted" if _begin(connection, source, message, message.id, at) else "duplicate"
    day = message.occurred_at.date()
    days = [day - timedelta(days=back) for back in range(1 if message.text else RATED_DAYS + 1)]
    row = _latest(connection, source, [f"{message.conversation}@{one}" for one in days])
    name = f"{message.conversation}@{day}"
    if message.text is None and message.rating is None:
        if row is None:
            return "not_heard"
    elif row is not None and not _is_of(connection, message, row.customer_pk):
        who = hashlib.blake2b(repr(message.customer_id or message.identity).encode(), digest_size=4).hexdigest()
        row = _latest(connection, source, [f"{message.conversation}:{who}@{one}" for one in days])
        name = f"{message.conversation}:{who}@{day}"
    if (message.rating or message.ended) and not _is_first(connection, source, message):
        return "duplicate"
    if row is None:
        if _begin(connection, source, message, name, at):
            return "accepted"
        row = _latest(connection, source, [name])  # somebody else stored it meanwhile
    return "accepted" if _go_on(connection, row, message) else "duplicate"


def _is_first(connection, source, message):
    """Whether this rating or ending comes for the first time. It leaves no turn by which a replay would be known."""
    told = (message.conversation, message.id, message.occurred_at, message.rating, message.ended, message.text)
    row = {"source": source, "digest": hashlib.sha256(repr(told).encode()).hexdigest()}
    return bool(insert_new(connection, heard, [row], ["source", "digest"], [heard.c.digest]))


def _begin(connection, source, message, id, at):
    """Store a Message as the first of an interaction; returns False where that is there already."""
    shared = ("channel", "occurred_at", "customer_id", "identity", "aliases", "rating", "agent", "team", "attributes")
    made = Interaction(
        source=source,
        id=id,
        turns=_spoken(message),
        open=message.conversation is not None and not message.ended,
        **{name: getattr(message, name) for name in shared},
    )
    [stored] = accept(connection, [made], at=at)
    return stored.new


def _go_on(connection, row, message):
    """Store a Message as more of an interaction (a row of _latest); returns whether it changed anything."""
    t = turns.c
    there, known = connection.execute(
        select(func.count(), func.count(case((t.id == message.id, 1)))).where(t.interaction_pk == row.pk)
    ).one()
    fresh = () if known or there >= MAX_TURNS else _spoken(message)
    rating = message.rating if message.rating != row.rating else None
    # A word that comes with the rating is no new beginning.
    still_open = ((bool(fresh) and message.rating is None) or row.open) and not message.ended
    _extend(connection, row, there, fresh, still_open, rating)
    return bool(fresh or rating or still_open != row.open)


def _spoken(message):
    return () if message.text is None else (Turn("customer", message.text, id=message.id),)


def _is_of(connection, message, customer_pk):
    """Whether one of the names in a Message leads to the customer."""
    if message.customer_id is not None:
        own = select(customers.c.external_id).where(customers.c.pk == customer_pk)
        return connection.scalar(own) == message.customer_id
    names = find_identities(connection, {message.identity, *message.aliases}, share=True)
    return customer_pk in names.values()


def _latest(connection, source, names):
    """The latest of a source's interactions with one of the ids, locked: a row of pk, customer_pk, open, rating, or None."""
    c = interactions.c
    found = select(c.pk, c.customer_pk, c.open, c.rating).where(c.source == source, c.id.in_(names))
    return connection.execute(found.order_by(c.occurred_at.desc()).limit(1).with_for_update()).first()


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
