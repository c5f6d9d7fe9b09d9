"""Readings → rows, and the customer's mood, risk and segment computed anew from them, with the signals of what changed."""

from collections import Counter, defaultdict
from dataclasses import asdict
from datetime import UTC

from sqlalchemy import bindparam, select, tuple_, update

from service import causes, churn, rollups, signals
from service.database import insert_new
from service.mood import Conversation, Dated, customer_mood, label_of
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

# As many of the latest as can still weigh something: a mood costs the same to compute for 200 interactions and for 10,000.
MOST_CONVERSATIONS = 200
MOST_EVENTS = 200
MOST_DISAGREEMENTS = 3


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
    read = [(row, row.conversation and Conversation(**row.conversation), scored[row.pk][1]) for row in held]
    rollups.count(connection, read)
    heard = defaultdict(Counter)
    for row, before, now in read:
        heard[row.customer_pk] += Counter(
            interactions=int(now.felt is not None) - int(before is not None and before.felt is not None),
            turns=now.turns - (before.turns if before else 0),
        )
    for owner in sorted(heard):
        add_evidence(connection, owner, heard[owner]["interactions"], heard[owner]["turns"])
    refresh(connection, heard, at, settings)
    signals.emit(connection, _of_conversations(connection, read, at))
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
    return found and churn.Weights(found["intercept"], found["coefficients"])


def conversations_of(connection, customer_pk, until=None):
    """(Dated conversations, {pk: row}) of a customer, the latest MOST_CONVERSATIONS (before `until`)."""
    c = interactions.c
    found = (
        select(c.pk, c.source, c.id, c.channel, c.stage, c.occurred_at, c.rating, c.conversation)
        .where(c.customer_pk == customer_pk, c.status == SCORED)
        .order_by(c.occurred_at.desc(), c.pk.desc())
        .limit(MOST_CONVERSATIONS)
    )
    rows = connection.execute(found if until is None else found.where(c.occurred_at < until)).all()
    dated = [Dated(row.pk, row.occurred_at, Conversation(**row.conversation), row.rating, row.stage) for row in rows]
    return dated, {row.pk: row for row in rows}


def events_of(connection, customer_pk, until=None):
    """{pk: row} of a customer's latest MOST_EVENTS events (before `until`)."""
    found = (
        select(events)
        .where(events.c.customer_pk == customer_pk)
        .order_by(events.c.occurred_at.desc(), events.c.pk.desc())
    )
    found = found.limit(MOST_EVENTS) if until is None else found.where(events.c.occurred_at < until).limit(MOST_EVENTS)
    return {row.pk: row for row in connection.execute(found)}


def as_events(rows):
    """churn.Events of event rows."""
    return [churn.Event(row.pk, row.kind, row.occurred_at, row.attributes) for row in rows]


def refresh(connection, customer_pks, at, settings):
    """Compute the moods, risks and segments of customers anew as of `at`, and store the signals of what changed."""
    standing, weights = causes.standing(connection, at), weights_in_force(connection)
    made = []
    for pk in sorted(customer_pks):
        # Locked before its conversations are read: two that record at once would each miss the other's.
        before = connection.execute(
            select(
                customers.c.pk,
                customers.c.risk,
                customers.c.at_risk,
                customers.c.falling,
                customers.c.segment,
                customers.c.read_interactions,
                customers.c.read_turns,
            )
            .where(customers.c.pk == pk)
            .with_for_update(key_share=True)
        ).one()
        values, found = _judge(connection, before, at, settings, standing, weights)
        connection.execute(update(customers).where(customers.c.pk == pk).values(**values))
        made += found
    signals.emit(connection, made)


def _judge(connection, before, at, settings, standing, weights):
    """(the customer's new column values, the Signals of what changed)."""
    dated, rows = conversations_of(connection, before.pk)
    happened = events_of(connection, before.pk)
    heard = [(row.occurred_at, f"i{row.pk}") for row in rows.values()]
    heard += [(row.occurred_at, f"e{row.pk}") for row in happened.values()]
    if not heard:
        return {"mood": None, "risk": 0, "mood_at": at}, []
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
    values = {"risk": risks.risk, "mood_at": at} | states
    if risks.risk != before.risk:
        values["risk_changed_at"] = at
    if segment != before.segment:
        values |= {"segment": segment, "segment_at": at}
        change = {"customer_pk": before.pk, "before": before.segment, "segment": segment, "at": at}
        connection.execute(segment_changes.insert().values(**change))
    if last is not None:
        values |= {"channel": last.channel, "stage": last.stage, "last_at": last.occurred_at}
    if mood is None and not happened:
        return values | {"mood": None}, []
    evidence = {"interactions": before.read_interactions, "turns": before.read_turns}
    shaped = _shape(connection, mood, risks, segment, evidence, dated, rows, happened, at)
    return values | {"mood": shaped}, signals.of_customer(cause, before, states, shaped, at)


def _shape(connection, mood, risks, segment, evidence, dated, rows, happened, at):
    """The mood as the API answers it, the turns and events that it rests on told with their text."""
    felt = mood.reasons if mood else ()
    wanted = {*felt, *(place for reason in risks.reasons for place in reason.evidence)}
    apart = [c for c in sorted(dated, key=lambda c: c.occurred_at, reverse=True) if c.conversation.disagreement][
        :MOST_DISAGREEMENTS
    ]
    wanted |= {(c.key, c.conversation.reasons[0]) for c in apart}
    spoken = {
        (row.interaction_pk, row.position): row
        for row in connection.execute(
            select(turns.c.interaction_pk, turns.c.position, turns.c.text, turns.c.reading).where(
                tuple_(turns.c.interaction_pk, turns.c.position).in_(
                    [place for place in wanted if place[1] is not None]
                )
            )
        )
    }

    def told(place):
        row, turn = rows[place[0]], spoken.get(place)
        answer = named(row)
        if turn is None:
            return answer | {"rating": row.rating}
        return answer | {
            "turn": turn.position,
            "text": turn.text,
            "sentiment": turn.reading["sentiment"]["label"],
            "valence": turn.reading["sentiment"]["valence"],
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
        "reasons": [told(place) for place in felt],
        "drivers": [
            {"name": name, "valence": round(valence, 4), "share": round(share, 4)}
            for name, valence, share in (mood.drivers if mood else ())
        ],
        "disagreements": [
            told((c.key, c.conversation.reasons[0]))
            | {"rating": c.rating, "apart": round(c.conversation.disagreement, 4)}
            for c in apart
        ],
        "segment": segment,
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
