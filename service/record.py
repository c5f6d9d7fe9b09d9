"""Readings → rows, and the customer's mood, risk and segment computed anew from them, with the signals of what changed."""

import json
from collections import Counter, defaultdict
from dataclasses import asdict, dataclass
from datetime import UTC

from sqlalchemy import Row, Text, bindparam, cast, select, update

from service import causes, churn, rollups, signals
from service.database import insert_new
from service.mood import Dated, Mood, customer_mood, label_of, restored
from service.segments import segment_of
from service.tables import (
    PENDING,
    SCORED,
    churn_weights,
    customers,
    events,
    interactions,
    segment_changes,
    turns,
    wishes,
)

# As many of the latest as can still weigh something: a mood costs the same to compute for 100 interactions and for 10,000.
MOST_CONVERSATIONS = 100
MOST_EVENTS = 200
MOST_DISAGREEMENTS = 3
CUSTOMERS_AT_ONCE = 100
# What refresh reads of a customer, and what of it is written again.
STORED = ("risk", "risk_changed_at", "at_risk", "falling", "segment", "segment_at", "channel", "stage", "last_at")
BEFORE = ("pk", "read_interactions", "read_turns", *STORED)


def record(connection, token, scored, at, settings):
    """Store what was read in a batch of interactions, and their customers' new moods; returns how many were stored.

    `scored` maps an interaction's pk to ({position: reading as JSON} that are new, Conversation). Interactions that the lease `token`
    no longer holds are left out: somebody else has read them, and nothing is counted twice.
    """
    held = connection.execute(
        select(interactions)
        .where(interactions.c.pk.in_(scored), interactions.c.lease_token == token, interactions.c.status == PENDING)
        .order_by(interactions.c.pk)
        .with_for_update(key_share=True)
    ).all()
    if not held:
        return 0
    connection.execute(
        update(interactions)
        .where(interactions.c.pk == bindparam("of"))
        .values(status=SCORED, lease_token=None, lease_until=None, conversation=bindparam("found")),
        [{"of": row.pk, "found": asdict(scored[row.pk][1])} for row in held],
    )
    rows = [
        {"of": row.pk, "at": position, "read": reading}
        for row in held
        for position, reading in scored[row.pk][0].items()
    ]
    if rows:
        connection.execute(
            update(turns)
            .where(turns.c.interaction_pk == bindparam("of"), turns.c.position == bindparam("at"))
            .values(reading=bindparam("read")),
            rows,
        )
    read = [(row, row.conversation and restored(row.conversation), scored[row.pk][1]) for row in held]
    rollups.count(connection, read)
    heard = defaultdict(Counter)
    for row, before, now in read:
        heard[row.customer_pk] += Counter(
            interactions=int(now.felt is not None) - int(before is not None and before.felt is not None),
            turns=now.turns - (before.turns if before else 0),
        )
    c = customers.c
    connection.execute(
        update(customers)
        .where(c.pk == bindparam("of"))
        .values(read_interactions=c.read_interactions + bindparam("more"), read_turns=c.read_turns + bindparam("said")),
        [{"of": owner, "more": heard[owner]["interactions"], "said": heard[owner]["turns"]} for owner in sorted(heard)],
    )
    # Before anybody is judged: of an outage's thousands, only the first few are taken for personal crises.
    fell = any(now.felt is not None and now.felt < 0 and at - row.occurred_at < signals.RECENT for row, _, now in read)
    began = causes.detect(connection, at, settings) if fell else []
    refresh(connection, heard, at, settings)
    signals.emit(connection, began + _of_conversations(connection, read, at))
    return len(held)


def _of_conversations(connection, read, at):
    """Store the wishes voiced, and return the Signals of what was just read."""
    telling = [
        (row, now)
        for row, _, now in read
        if now.wishes or now.praises is not None or now.recommends is not None or row.open
    ]
    if not telling:
        return []
    said = [
        {"interaction_pk": row.pk, "position": position, "customer_pk": row.customer_pk, "occurred_at": row.occurred_at}
        for row, now in telling
        for position in now.wishes
    ]
    insert_new(connection, wishes, said, ["interaction_pk", "position"], [wishes.c.position])
    fresh = [(row, now) for row, now in telling if at - row.occurred_at <= signals.RECENT]
    spoken = defaultdict(dict)
    for turn in connection.execute(
        select(turns).where(turns.c.interaction_pk.in_([row.pk for row, _ in fresh]), turns.c.speaker == "customer")
    ):
        told = {"turn": turn.position, "text": turn.text, "valence": turn.reading["sentiment"]["valence"]}
        spoken[turn.interaction_pk][turn.position] = told
    return [signal for row, now in fresh for signal in signals.of_conversation(row, now, spoken[row.pk], at)]


def add_evidence(connection, customer_pk, read_interactions, read_turns):
    """Count what was read of a customer; counting it anew each time would cost more the longer the history."""
    connection.execute(
        update(customers)
        .where(customers.c.pk == customer_pk)
        .values(
            read_interactions=customers.c.read_interactions + read_interactions,
            read_turns=customers.c.read_turns + read_turns,
        )
    )


def weights_in_force(connection):
    """The churn.Weights that `churn fit` put in force, or None for the scorecard."""
    found = connection.scalar(
        select(churn_weights.c.weights).where(churn_weights.c.in_force).order_by(churn_weights.c.pk.desc()).limit(1)
    )
    return found and churn.Weights(**found)


_CONVERSATIONS = (
    select(
        *(interactions.c[name] for name in ("pk", "source", "id", "channel", "stage", "occurred_at", "rating")),
        cast(interactions.c.conversation, Text).label("conversation"),
    )
    .where(interactions.c.customer_pk == bindparam("of"), interactions.c.status == SCORED)
    .order_by(interactions.c.occurred_at.desc(), interactions.c.pk.desc())
    .limit(MOST_CONVERSATIONS)
)
_EVENTS = (
    select(events)
    .where(events.c.customer_pk == bindparam("of"))
    .order_by(events.c.occurred_at.desc(), events.c.pk.desc())
    .limit(MOST_EVENTS)
)


def conversations_of(connection, customer_pk):
    """(Dated conversations, {pk: row}) of a customer, the latest MOST_CONVERSATIONS."""
    rows = connection.execute(_CONVERSATIONS, {"of": customer_pk}).all()
    # As one JSON array: decoding each alone takes longer than all the rest.
    read = json.loads(f"[{','.join(row.conversation for row in rows)}]")
    dated = [Dated(row.pk, row.occurred_at, restored(found), row.rating, row.stage) for row, found in zip(rows, read)]
    return dated, {row.pk: row for row in rows}


def events_of(connection, customer_pk):
    """{pk: row} of a customer's latest MOST_EVENTS events."""
    return {row.pk: row for row in connection.execute(_EVENTS, {"of": customer_pk})}


def as_events(rows):
    """churn.Events of event rows."""
    return [churn.Event(row.pk, row.kind, row.occurred_at, row.attributes) for row in rows]


@dataclass(frozen=True)
class _Judged:
    """What was found of one customer, before the turns that show it are read; risks is None where nothing was ever heard."""

    before: Row
    cause: str | None = None
    mood: Mood | None = None
    risks: churn.Churn | None = None
    states: dict | None = None
    segment: str | None = None
    dated: list = ()
    rows: dict | None = None
    happened: dict | None = None
    last: Row | None = None


def refresh(connection, customer_pks, at, settings):
    """Compute the moods, risks and segments of customers anew as of `at`, and store the signals of what changed."""
    standing, weights = causes.standing(connection, at), weights_in_force(connection)
    pks, made = sorted(customer_pks), []
    for start in range(0, len(pks), CUSTOMERS_AT_ONCE):
        # Locked before their conversations are read: two that record at once would each miss the other's.
        rows = connection.execute(
            select(*(customers.c[name] for name in BEFORE))
            .where(customers.c.pk.in_(pks[start : start + CUSTOMERS_AT_ONCE]))
            .order_by(customers.c.pk)
            .with_for_update(key_share=True)
        ).all()
        judged = [_judge(connection, before, at, settings, standing, weights) for before in rows]
        made += _store(connection, judged, at)
    signals.emit(connection, made)


def _judge(connection, before, at, settings, standing, weights):
    """The _Judged of a customer's row."""
    dated, rows = conversations_of(connection, before.pk)
    happened = events_of(connection, before.pk)
    heard = [(row.occurred_at, f"i{row.pk}") for row in rows.values()]
    heard += [(row.occurred_at, f"e{row.pk}") for row in happened.values()]
    if not heard:
        return _Judged(before)
    cause = f"{before.pk}:{max(heard)[1]}"
    known_events, shared = as_events(happened.values()), causes.shared(dated, standing)
    mood = customer_mood(dated, at, settings.half_life_days)
    risks = churn.assess(mood, dated, known_events, at, shared, weights)
    last = max(rows.values(), key=lambda row: (row.occurred_at, row.pk), default=None)
    states = {
        "at_risk": risks.by != "lost" and signals.at_risk(before.at_risk, risks.risk, settings),
        "falling": mood is not None
        and signals.is_falling(before.falling, mood.trend)
        and not (last is not None and last.pk in shared),
    }
    kinds = {"at_risk": "signal.raised" if states["at_risk"] else "signal.cleared"}
    if states["falling"]:
        kinds["falling"] = "mood.fell"
    for name, kind in kinds.items():
        # What the same cause brought about before is no change: the state stays as it was.
        if states[name] != getattr(before, name) and signals.was_told(connection, kind, cause):
            states[name] = getattr(before, name)
    segment = segment_of(mood, risks, dated, known_events, states["at_risk"], at)
    return _Judged(before, cause, mood, risks, states, segment, dated, rows, happened, last)


def _store(connection, judged, at):
    """Store what was found of customers, with the turns that show it; returns the Signals of what changed."""
    spoken = _spoken(connection, [place for one in judged if one.risks for place in _wanted(one)])
    values, changes, made = [], [], []
    for one in judged:
        before = one.before
        # The same columns for each, so that one statement stores them all.
        new = {name: getattr(before, name) for name in STORED} | {"of": before.pk, "mood_at": at, "mood": None}
        values.append(new)
        if one.risks is None:
            new["risk"] = 0
            continue
        new |= {"risk": one.risks.risk} | one.states
        if one.risks.risk != before.risk:
            new["risk_changed_at"] = at
        if one.segment != before.segment:
            new |= {"segment": one.segment, "segment_at": at}
            changes.append({"customer_pk": before.pk, "before": before.segment, "segment": one.segment, "at": at})
        if one.last is not None:
            new |= {"channel": one.last.channel, "stage": one.last.stage, "last_at": one.last.occurred_at}
        if one.mood is None and not one.happened:
            continue
        new["mood"] = _shape(one, spoken, at)
        lately = one.states["falling"] and not before.falling and signals.fell_lately(connection, before.pk, at)
        made += signals.of_customer(one.cause, before, one.states, new["mood"], at, lately)
    if changes:
        connection.execute(segment_changes.insert(), changes)
    if values:
        stored = {name: bindparam(name) for name in (*STORED, "mood_at", "mood")}
        connection.execute(update(customers).where(customers.c.pk == bindparam("of")).values(**stored), values)
    return made


def _wanted(one):
    """The places, (pk of the interaction, position of the turn or None), that tell of what was found."""
    wanted = {
        *(one.mood.reasons if one.mood else ()),
        *(place for reason in one.risks.reasons for place in reason.evidence),
    }
    return wanted | {(c.key, c.conversation.reasons[0]) for c in _apart(one.dated)}


def _apart(dated):
    disagreeing = [c for c in dated if c.conversation.disagreement]
    return sorted(disagreeing, key=lambda c: c.occurred_at, reverse=True)[:MOST_DISAGREEMENTS]


def _spoken(connection, places):
    """{place: (text, sentiment as it was read)} of the turns among the places."""
    places = {place for place in places if place[1] is not None}
    if not places:
        return {}
    pks, positions = ({place[i] for place in places} for i in (0, 1))
    t = turns.c
    rows = connection.execute(
        select(t.interaction_pk, t.position, t.text, cast(t.reading, Text).label("reading")).where(
            t.interaction_pk.in_(pks), t.position.in_(positions)
        )
    )
    # More turns than asked for come back; only those are decoded.
    found = ((tuple(row[:2]), row) for row in rows)
    return {place: (row.text, json.loads(row.reading)["sentiment"]) for place, row in found if place in places}


def _shape(one, spoken, at):
    """The mood as the API answers it, the turns and events that it rests on told with their text."""
    mood, risks, dated, rows, happened = one.mood, one.risks, one.dated, one.rows, one.happened
    evidence = {"interactions": one.before.read_interactions, "turns": one.before.read_turns}

    def told(place):
        row, turn = rows[place[0]], spoken.get(place)
        answer = named(row)
        if turn is None:
            return answer | {"rating": row.rating}
        return answer | {
            "turn": place[1],
            "text": turn[0],
            "sentiment": turn[1]["label"],
            "valence": turn[1]["valence"],
        }

    def happened_so(pk):
        row = happened[pk]
        return {"event": row.kind, "source": row.source, "id": row.id, "occurred_at": iso(row.occurred_at)}

    last = max(
        (c for c in dated if c.conversation.felt is not None), key=lambda c: (c.occurred_at, c.key), default=None
    )
    return {
        "valence": mood and round(mood.valence, 4),
        "label": mood and mood.label,
        "current": mood and level(mood.current),
        "ongoing": mood and level(mood.valence),
        "trend": {
            "direction": mood.trend.direction if mood else "steady",
            "change": mood and _rounded(mood.trend.change),
            "uncertainty": mood and _rounded(mood.trend.uncertainty),
        },
        "confidence": round(mood.confidence, 4) if mood else 0.0,
        "evidence": evidence,
        "last_interaction": last and named(rows[last.key]),
        "reasons": [told(place) for place in (mood.reasons if mood else ())],
        "drivers": [
            {"name": name, "valence": round(valence, 4), "share": round(share, 4)}
            for name, valence, share in (mood.drivers if mood else ())
        ],
        "disagreements": [
            told((c.key, c.conversation.reasons[0]))
            | {"rating": c.rating, "apart": round(c.conversation.disagreement, 4)}
            for c in _apart(dated)
        ],
        "segment": one.segment,
        "churn": {
            "risk": risks.risk,
            "by": risks.by,
            "reasons": [
                {
                    "code": reason.code,
                    "points": reason.points,
                    "text": churn.SENTENCES[reason.code],
                    "evidence": [told(place) for place in reason.evidence] + [happened_so(pk) for pk in reason.events],
                }
                for reason in risks.reasons
            ],
        },
        "as_of": iso(at),
    }


def named(row):
    """How answers name an interaction."""
    return {"source": row.source, "id": row.id, "channel": row.channel, "occurred_at": iso(row.occurred_at)}


def level(valence):
    """A valence with its label, as answers tell it; None of None."""
    return None if valence is None else {"label": label_of(valence), "valence": round(valence, 4)}


def _rounded(value):
    return None if value is None else round(value, 4)


def iso(at):
    """How answers write a time: ISO 8601, in UTC."""
    return at.astimezone(UTC).isoformat()
