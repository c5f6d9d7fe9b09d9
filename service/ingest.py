"""Interactions, messages and events → rows: stored once, durable before it answers."""

import hashlib
import uuid
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Row, bindparam, func, select, update

from service.database import among, insert_new
from service.errors import Conflict, NotFound
from service.identities import find_identities, find_owners, join_aliases
from service.interaction import MAX_TURNS, Interaction, Turn
from service.record import refresh
from service.tables import PENDING, customers, events, heard, interactions, turns

RATED_DAYS = 30  # so long after a conversation's last message its rating is still asked for, or its ticket closed
RUNS_AT_ONCE = 400  # with RATED_DAYS + 1 ids each they stay below a statement's 32,766 parameters


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
    _extend(connection, [_More(row, len(there), tuple(fresh), still_open, rating if rated else None)], lease)
    return row.pk, len(fresh), bool(fresh or rated)


@dataclass(frozen=True)
class _More:
    """What comes to an interaction (a row of pk, open, rating) that has `there` turns."""

    row: Row
    there: int
    fresh: tuple[Turn, ...]
    open: bool
    rating: dict | None

    @property
    def changes(self):
        return bool(self.fresh) or self.rating is not None or self.open != self.row.open


def _extend(connection, more, lease=None):
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


def hear(connection, source, messages, at):
    """Store what webhooks told, Messages received `at`; counts them as `accepted`, `duplicate` (known by its id) or `not_heard` (the
    end of a conversation that we have nothing of).

    The messages of one conversation of one day (UTC) are the turns of one open interaction, `CONVERSATION@DAY`; another person's in it
    are one of their own. A rating or an ending goes to the conversation's latest within RATED_DAYS. A message without a conversation
    is an interaction of its own.
    """
    results = Counter()
    for runs in _rounds(messages):
        for start in range(0, len(runs), RUNS_AT_ONCE):
            results += _hear_runs(connection, source, runs[start : start + RUNS_AT_ONCE], at)
    return results


def _rounds(messages):
    """Messages in runs that can be stored together, and the runs in rounds: of a conversation there is one run in each, in its order.

    A run is a rating, an ending or a lone message, or all that one person says in a conversation on a day until something else comes.
    """
    rounds, last = [[]], {}  # last: conversation -> (round, run)
    for message in messages:
        place, run = last.get(message.conversation, (-1, None))
        if message.conversation is None:
            rounds[0].append([message])
        elif run and _goes_on(run[-1], message):
            run.append(message)
        else:
            place, run = place + 1, [message]
            if place == len(rounds):
                rounds.append([])
            rounds[place].append(run)
            last[message.conversation] = place, run
    return rounds


def _goes_on(before, message):
    return all(one.text and not one.rating and not one.ended for one in (before, message)) and (
        before.occurred_at.date(),
        before.customer_id,
        before.identity,
        before.aliases,
    ) == (message.occurred_at.date(), message.customer_id, message.identity, message.aliases)


def _hear_runs(connection, source, runs, at):
    """Store runs of different conversations, or without one; returns the counts of hear()."""
    results, begun, extended = Counter(), [], []
    talks = [run for run in runs if run[0].conversation is not None]
    names, rows = _conversations(connection, source, talks)
    unheard = [row is None and run[0].text is None and run[0].rating is None for run, row in zip(talks, rows)]
    told = _told_first(connection, source, [run[0] for run, nothing in zip(talks, unheard) if not nothing])
    for run, name, row, nothing in zip(talks, names, rows, unheard):
        if nothing:
            results["not_heard"] += 1
        elif (run[0].rating or run[0].ended) and run[0].conversation not in told:
            results["duplicate"] += 1
        elif row is None:
            begun.append((run, name))
        else:
            extended.append((run, row))
    begun += [(run, run[0].id) for run in runs if run[0].conversation is None]
    late = []
    for (run, _), stored in zip(begun, accept(connection, [_begun(source, run, name) for run, name in begun], at=at)):
        if stored.new:
            new = max(1, len(_spoken(run)))
            results += Counter(accepted=new, duplicate=len(run) - new)
        elif run[0].conversation is None:
            results["duplicate"] += 1
        else:  # somebody else stored it meanwhile
            late.append(run)
    extended += zip(late, _conversations(connection, source, late)[1])
    return results + _hear_more(connection, extended)


def _hear_more(connection, extended):
    """Store pairs of a run and its interaction's row; returns the counts of hear()."""
    if not extended:
        return Counter()
    t, pks = turns.c, [row.pk for _, row in extended]
    counts = select(t.interaction_pk, func.count()).where(t.interaction_pk.in_(pks)).group_by(t.interaction_pk)
    there = dict(map(tuple, connection.execute(counts)))
    ids = {message.id for run, _ in extended for message in run}
    known = set(
        map(tuple, connection.execute(select(t.interaction_pk, t.id).where(t.interaction_pk.in_(pks), t.id.in_(ids))))
    )
    results, more = Counter(), []
    for run, row in extended:
        count, last = there.get(row.pk, 0), run[-1]
        fresh = tuple(turn for turn in _spoken(run) if (row.pk, turn.id) not in known)[: max(0, MAX_TURNS - count)]
        # A word that comes with the rating is no new beginning.
        still_open = ((bool(fresh) and last.rating is None) or row.open) and not last.ended
        more.append(_More(row, count, fresh, still_open, last.rating if last.rating != row.rating else None))
        new = len(fresh) or int(more[-1].changes)
        results += Counter(accepted=new, duplicate=len(run) - new)
    _extend(connection, [one for one in more if one.changes])
    return results


def _begun(source, run, name):
    """The Interaction that begins with a run."""
    first = run[0]
    shared = ("channel", "occurred_at", "customer_id", "identity", "aliases", "rating", "agent", "team", "attributes")
    return Interaction(
        source=source,
        id=name,
        turns=_spoken(run)[:MAX_TURNS],
        open=first.conversation is not None and not first.ended,
        **{field: getattr(first, field) for field in shared},
    )


def _spoken(run):
    """The Turns of a run's messages, each id once."""
    return tuple(
        {one.id: Turn("customer", one.text, id=one.id) for one in reversed(run) if one.text is not None}.values()
    )[::-1]


def _told_first(connection, source, messages):
    """The conversations of which a rating or ending comes for the first time. They leave no turn by which a replay would be known."""
    digests = {}
    for one in messages:
        if one.rating or one.ended:
            told = (one.conversation, one.id, one.occurred_at, one.rating, one.ended, one.text)
            digests[hashlib.sha256(repr(told).encode()).hexdigest()] = one.conversation
    rows = [{"source": source, "digest": digest} for digest in sorted(digests)]
    return {
        digests[digest] for (digest,) in insert_new(connection, heard, rows, ["source", "digest"], [heard.c.digest])
    }


def _conversations(connection, source, talks):
    """(the id that each run's interaction bears if it is new, the row of the interaction that the run goes on with, or None)."""
    # A run of words belongs to its day.
    days = [
        [run[0].occurred_at.date() - timedelta(days=back) for back in range(1 if run[0].text else RATED_DAYS + 1)]
        for run in talks
    ]
    bases = [run[0].conversation for run in talks]
    rows = _latest(connection, source, bases, days)
    own = _own_rows(connection, [(run[0], row) for run, row in zip(talks, rows)])
    strangers = [place for place, is_own in enumerate(own) if not is_own]
    for place in strangers:
        who = repr(talks[place][0].customer_id or talks[place][0].identity).encode()
        bases[place] += f":{hashlib.blake2b(who, digest_size=4).hexdigest()}"
    theirs = _latest(connection, source, [bases[place] for place in strangers], [days[place] for place in strangers])
    for place, row in zip(strangers, theirs):
        rows[place] = row
    return [f"{base}@{some[0]}" for base, some in zip(bases, days)], rows


def _own_rows(connection, pairs):
    """For pairs of a Message and a row of _latest or None: whether the row is not another person's. A mere ending is nobody's."""
    c = customers.c
    asked = [(one, row) for one, row in pairs if row is not None and (one.text is not None or one.rating is not None)]
    ids = {row.customer_pk for one, row in asked if one.customer_id is not None}
    external = dict(map(tuple, connection.execute(select(c.pk, c.external_id).where(c.pk.in_(ids))))) if ids else {}
    names = {name for one, _ in asked if one.customer_id is None for name in (one.identity, *one.aliases)}
    owners = find_identities(connection, names, share=True)
    return [
        row is None
        or (one.text is None and one.rating is None)
        or (
            external[row.customer_pk] == one.customer_id
            if one.customer_id is not None
            else row.customer_pk in {owners.get(name) for name in (one.identity, *one.aliases)}
        )
        for one, row in pairs
    ]


def _latest(connection, source, bases, days):
    """For each conversation the latest of its interactions on one of its days, locked: a row of pk, customer_pk, open, rating, or None."""
    ids = [[f"{base}@{day}" for day in some] for base, some in zip(bases, days)]
    wanted = sorted({id for some in ids for id in some})
    if not wanted:
        return []
    c = interactions.c
    found = select(c.pk, c.id, c.customer_pk, c.occurred_at, c.open, c.rating).where(
        c.source == source, c.id.in_(wanted)
    )
    rows = {row.id: row for row in connection.execute(found.order_by(c.pk).with_for_update())}
    there = [[rows[id] for id in some if id in rows] for some in ids]
    return [max(some, key=lambda row: row.occurred_at, default=None) for some in there]


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
