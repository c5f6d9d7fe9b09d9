"""Read-only answers: interactions, moods, timelines and churn signals as the API tells them."""

import base64
import binascii
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import func, or_, select

from service.errors import Invalid, NotFound
from service.mood import Conversation, Dated, customer_mood
from service.record import iso, level, named
from service.segments import LOYAL
from service.tables import (
    PENDING,
    SCORED,
    customers,
    events,
    identities,
    interactions,
    segment_changes,
    turns,
    wishes,
)


@dataclass(frozen=True)
class Wanted:
    """Which customers are asked for; None is any. start and end are of when they were last heard."""

    segment: str | None = None
    channel: str | None = None
    stage: str | None = None
    start: datetime | None = None
    end: datetime | None = None


BUCKETS = ("hour", "day", "week", "month")
MOST_IN_TIMELINE = 5_000
MOST_ON_CARD = 20
BRIEF = ("valence", "label", "trend", "confidence", "evidence")


def customers_of(connection, pks):
    """{pk: {"id", "identities"}} of customers."""
    known = defaultdict(list)
    for row in connection.execute(
        select(identities).where(identities.c.customer_pk.in_(pks)).order_by(identities.c.kind, identities.c.value)
    ):
        known[row.customer_pk].append({"kind": row.kind, "value": row.value})
    return {
        row.pk: {"id": row.external_id, "identities": known[row.pk]}
        for row in connection.execute(select(customers.c.pk, customers.c.external_id).where(customers.c.pk.in_(pks)))
    }


def find_customer(connection, customer_id):
    """The pk of a customer; raises NotFound for one nobody has heard of."""
    pk = connection.scalar(select(customers.c.pk).where(customers.c.external_id == customer_id))
    if pk is None:
        raise NotFound("no customer has this id")
    return pk


def find_identity(connection, identity):
    """The pk of the customer an Identity belongs to, joined or not; raises NotFound."""
    pk = connection.scalar(
        select(identities.c.customer_pk).where(identities.c.kind == identity.kind, identities.c.value == identity.value)
    )
    if pk is None:
        raise NotFound("no customer has this identity")
    return pk


def mood(connection, customer_pk):
    """{"customer", "mood" or None, "pending"}: the customer's mood now; pending counts what is stored and not yet read."""
    stored = connection.scalar(select(customers.c.mood).where(customers.c.pk == customer_pk))
    pending = connection.scalar(
        select(func.count())
        .select_from(interactions)
        .where(interactions.c.customer_pk == customer_pk, interactions.c.status == PENDING)
    )
    return {"customer": customers_of(connection, [customer_pk])[customer_pk], "mood": stored, "pending": pending}


def card(connection, customer_pk, playbook):
    """All that is known of a customer on one card: mood, segment and its history, next step, wishes voiced, events."""
    row = connection.execute(select(customers).where(customers.c.pk == customer_pk)).one()
    changes = connection.execute(
        select(segment_changes)
        .where(segment_changes.c.customer_pk == customer_pk)
        .order_by(segment_changes.c.pk.desc())
        .limit(MOST_ON_CARD)
    )
    voiced = connection.execute(
        select(interactions.c.source, interactions.c.id, interactions.c.channel, turns.c.text, wishes)
        .join(interactions, interactions.c.pk == wishes.c.interaction_pk)
        .join(turns, (turns.c.interaction_pk == wishes.c.interaction_pk) & (turns.c.position == wishes.c.position))
        .where(wishes.c.customer_pk == customer_pk)
        .order_by(wishes.c.occurred_at.desc())
        .limit(MOST_ON_CARD)
    )
    happened = connection.execute(
        select(events)
        .where(events.c.customer_pk == customer_pk)
        .order_by(events.c.occurred_at.desc(), events.c.pk.desc())
        .limit(MOST_ON_CARD)
    )
    return mood(connection, customer_pk) | {
        "segment": {"name": row.segment, "since": row.segment_at and iso(row.segment_at)},
        "history": [{"before": one.before, "segment": one.segment, "at": iso(one.at)} for one in changes],
        "next_step": next_step(playbook, row),
        "hints": [named(one) | {"turn": one.position, "text": one.text} for one in voiced],
        "events": [
            {
                "source": one.source,
                "id": one.id,
                "kind": one.kind,
                "occurred_at": iso(one.occurred_at),
                "attributes": one.attributes,
            }
            for one in happened
        ],
    }


def next_step(playbook, row):
    """What the playbook suggests for a customer's row: by the segment, what they spoke ill of (or at all, where content), the stage."""
    drivers = row.mood["drivers"] if row.mood else []
    if row.segment not in LOYAL:
        drivers = [driver for driver in drivers if driver["valence"] < 0]
    found = playbook.suggest(row.segment, [driver["name"] for driver in drivers], row.stage)
    if found is None or row.segment is None:
        return None
    return {"id": found.id, "say": {"en": found.en, "he": found.he}, "within_h": found.within_h, "driver": found.driver}


def customer_lines(connection, playbook, wanted, limit, cursor):
    """Customers, those at the greatest risk first: {"customers", "next_cursor" or None}.

    `wanted`: segment, channel and stage of the last interaction, start and end of when they were last heard; None is any.
    """
    c = customers.c
    found = select(customers).order_by(c.risk.desc(), c.pk.desc()).limit(limit + 1)
    for column, value in ((c.segment, wanted.segment), (c.channel, wanted.channel), (c.stage, wanted.stage)):
        found = found if value is None else found.where(column == value)
    found = found if wanted.start is None else found.where(c.last_at >= wanted.start)
    found = found if wanted.end is None else found.where(c.last_at < wanted.end)
    rows, following = _page(connection, found, limit, cursor)
    owners = customers_of(connection, [row.pk for row in rows])
    return {
        "customers": [
            {
                "customer": owners[row.pk],
                "segment": row.segment,
                "since": row.segment_at and iso(row.segment_at),
                "risk": row.risk,
                "valence": row.mood and row.mood["valence"],
                "label": row.mood and row.mood["label"],
                "channel": row.channel,
                "stage": row.stage,
                "last_at": row.last_at and iso(row.last_at),
                "next_step": next_step(playbook, row),
            }
            for row in rows
        ],
        "next_cursor": following,
    }


def _page(connection, found, limit, cursor):
    """(the rows of a page of customers ordered by risk and pk, the cursor of the next page or None)."""
    c = customers.c
    if cursor is not None:
        risk, pk = _decode(cursor)
        found = found.where(or_(c.risk < risk, (c.risk == risk) & (c.pk < pk)))
    rows = connection.execute(found).all()
    page = rows[:limit]
    return page, _encode(page[-1].risk, page[-1].pk) if len(rows) > limit else None


def _told(row, owner):
    return {
        "source": row.source,
        "id": row.id,
        "status": row.status,
        "channel": row.channel,
        "customer": owner,
        "occurred_at": iso(row.occurred_at),
        "received_at": iso(row.received_at),
        "stage": row.stage,
        "agent": row.agent,
        "team": row.team,
        "rating": row.rating,
        "attributes": row.attributes,
        "open": row.open,
    }


def _conversation(row, spoken):
    if row.conversation is None:
        return None
    whole = Conversation(**row.conversation)
    lowest = spoken.get(whole.lowest_turn)
    return {
        "overall": level(whole.overall),
        "score": whole.score,
        "first_third": level(whole.first_third),
        "last_third": level(whole.last_third),
        "shift": None if whole.shift is None else round(whole.shift, 4),
        "lowest_turn": lowest
        and {"turn": lowest.position, "text": lowest.text, "valence": lowest.reading["sentiment"]["valence"]},
        "turned_around": whole.turned_around,
        "drivers": [
            {"name": name, "turn": position, "valence": round(valence, 4)} for name, position, valence in whole.drivers
        ],
        "unanswered": whole.unanswered,
        "longest_silence_s": whole.longest_silence_s,
        "rating": level(whole.rating),
        "felt": level(whole.felt),
        "disagreement": None if whole.disagreement is None else round(whole.disagreement, 4),
        "agent": level(whole.agent),
    }


def _load(connection, pks):
    rows = connection.execute(select(interactions).where(interactions.c.pk.in_(pks))).all()
    spoken = defaultdict(dict)
    for turn in connection.execute(
        select(turns).where(turns.c.interaction_pk.in_(pks)).order_by(turns.c.interaction_pk, turns.c.position)
    ):
        spoken[turn.interaction_pk][turn.position] = turn
    return {row.pk: row for row in rows}, spoken, customers_of(connection, {row.customer_pk for row in rows})


def interaction(connection, source, id):
    """One interaction with its turns, each with its reading (None until it is read), and the conversation's mood."""
    pk = connection.scalar(select(interactions.c.pk).where(interactions.c.source == source, interactions.c.id == id))
    if pk is None:
        raise NotFound("no interaction has this source and id")
    rows, spoken, owners = _load(connection, [pk])
    row = rows[pk]
    return _told(row, owners[row.customer_pk]) | {
        "turns": [
            {
                "turn": turn.position,
                "speaker": turn.speaker,
                "text": turn.text,
                "start_s": turn.start_s,
                "end_s": turn.end_s,
                "reading": turn.reading,
            }
            for turn in spoken[pk].values()
        ],
        "conversation": _conversation(row, spoken[pk]),
    }


def outcomes(connection, pks):
    """What a sender is told of stored interactions, in the order of `pks`: readings, conversation and the customer's new mood."""
    rows, spoken, owners = _load(connection, pks)
    moods = dict(connection.execute(select(customers.c.pk, customers.c.mood).where(customers.c.pk.in_(owners))).all())
    return [
        _told(rows[pk], owners[rows[pk].customer_pk])
        | {
            "readings": [
                {"turn": turn.position, "speaker": turn.speaker} | turn.reading
                for turn in spoken[pk].values()
                if turn.reading
            ],
            "conversation": _conversation(rows[pk], spoken[pk]),
            "mood": moods[rows[pk].customer_pk],
        }
        for pk in pks
    ]


def receipts(connection, pks):
    """source, id and status of stored interactions, in the order of `pks`."""
    rows = {
        row.pk: row
        for row in connection.execute(
            select(interactions.c.pk, interactions.c.source, interactions.c.id, interactions.c.status).where(
                interactions.c.pk.in_(pks)
            )
        )
    }
    return [{"source": rows[pk].source, "id": rows[pk].id, "status": rows[pk].status} for pk in pks]


def _start_of(at, bucket):
    day = at.replace(hour=0, minute=0, second=0, microsecond=0)
    if bucket == "hour":
        return at.replace(minute=0, second=0, microsecond=0)
    if bucket == "week":
        return day - timedelta(days=(day.weekday() + 1) % 7)  # weeks start on Sunday, as in Israel
    return day.replace(day=1) if bucket == "month" else day


def timeline(connection, customer_pk, start, end, bucket, half_life_days):
    """Moods over time: one entry for each bucket (of UTC) with interactions in it, and the interactions behind it.

    An entry's `mood` is of the bucket alone, its `ongoing` the decayed mood of all since `start` at the bucket's last interaction.
    Raises Invalid where more than MOST_IN_TIMELINE interactions lie between start and end.
    """
    rows = connection.execute(
        select(
            interactions.c.pk,
            interactions.c.source,
            interactions.c.id,
            interactions.c.channel,
            interactions.c.occurred_at,
            interactions.c.stage,
            interactions.c.rating,
            interactions.c.status,
            interactions.c.conversation,
        )
        .where(
            interactions.c.customer_pk == customer_pk,
            interactions.c.occurred_at >= start,
            interactions.c.occurred_at < end,
        )
        .order_by(interactions.c.occurred_at, interactions.c.pk)
        .limit(MOST_IN_TIMELINE + 1)
    ).all()
    if len(rows) > MOST_IN_TIMELINE:
        raise Invalid(
            f"more than {MOST_IN_TIMELINE:,} interactions lie between from and to",
            [{"index": None, "field": "from", "message": "choose a shorter time"}],
        )
    groups = defaultdict(list)
    for row in rows:
        groups[_start_of(row.occurred_at, bucket)].append(row)
    entries, before = [], []
    for begin, group in groups.items():
        dated = [
            Dated(row.pk, row.occurred_at, Conversation(**row.conversation), row.rating)
            for row in group
            if row.status == SCORED
        ]
        before += dated
        at = group[-1].occurred_at
        alone, ongoing = (customer_mood(some, at, half_life_days) for some in (dated, before))
        entries.append(
            {
                "start": iso(begin),
                "mood": alone and level(alone.valence),
                "ongoing": ongoing and level(ongoing.valence),
                "interactions": [
                    {
                        "source": row.source,
                        "id": row.id,
                        "channel": row.channel,
                        "occurred_at": iso(row.occurred_at),
                        "stage": row.stage,
                        "rating": row.rating,
                        "status": row.status,
                        "sentiment": row.conversation and level(Conversation(**row.conversation).felt),
                    }
                    for row in group
                ],
            }
        )
    return {
        "customer": customers_of(connection, [customer_pk])[customer_pk],
        "from": iso(start),
        "to": iso(end),
        "bucket": bucket,
        "timeline": entries,
    }


def churn_signals(connection, min_risk, since, limit, cursor):
    """Customers at risk, worst first: {"signals", "next_cursor" or None}. `since`: only those whose risk changed at or after it."""
    found = (
        select(customers.c.pk, customers.c.risk, customers.c.risk_changed_at, customers.c.mood)
        .where(customers.c.risk > 0, customers.c.risk >= min_risk)
        .order_by(customers.c.risk.desc(), customers.c.pk.desc())
        .limit(limit + 1)
    )
    if since is not None:
        found = found.where(customers.c.risk_changed_at >= since)
    page, following = _page(connection, found, limit, cursor)
    owners = customers_of(connection, [row.pk for row in page])
    return {
        "signals": [
            {
                "customer": owners[row.pk],
                "risk": row.risk,
                "reasons": row.mood["churn"]["reasons"],
                "mood": {key: row.mood[key] for key in BRIEF},
                "segment": row.mood["segment"],
                "last_interaction": row.mood["last_interaction"],
                "changed_at": iso(row.risk_changed_at),
                "as_of": row.mood["as_of"],
            }
            for row in page
        ],
        "next_cursor": following,
    }


def _encode(risk, pk):
    return base64.urlsafe_b64encode(f"{risk}.{pk}".encode()).decode().rstrip("=")


def _decode(cursor):
    try:
        risk, pk = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii").split(".")
        risk, pk = int(risk), int(pk)
        if 0 <= risk <= 100 and 0 <= pk < 2**31:
            return risk, pk
    except (ValueError, binascii.Error):
        pass
    raise Invalid(
        "the cursor is not one of ours",
        [{"index": None, "field": "cursor", "message": "send next_cursor as it was answered"}],
    )


def default_start(end):
    """Where a timeline begins that is asked for without `from`."""
    return end - timedelta(days=90)


def now():
    return datetime.now(UTC)
