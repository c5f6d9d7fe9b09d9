"""Readings → rows, and the customer's mood and risk computed anew from them."""

from collections import Counter, defaultdict
from dataclasses import asdict
from datetime import UTC

from sqlalchemy import bindparam, select, tuple_, update

from service import churn
from service.mood import Conversation, Dated, customer_mood
from service.tables import PENDING, SCORED, customers, interactions, turns

# As many of the latest conversations as can still weigh something: reading a mood costs the same for 10 and for 10,000.
MOST_CONVERSATIONS = 200


def record(connection, token, scored, at, half_life_days):
    """Store what was read in a batch of interactions, and their customers' new moods; returns how many were stored.

    `scored` maps an interaction's pk to ({position: reading as JSON}, Conversation). Interactions that the lease `token` no
    longer holds are left out: somebody else has read them, and nothing is counted twice.
    """
    held, heard = [], defaultdict(Counter)
    for pk in sorted(scored):
        owner = connection.execute(
            update(interactions)
            .where(interactions.c.pk == pk, interactions.c.lease_token == token, interactions.c.status == PENDING)
            .values(status=SCORED, lease_token=None, lease_until=None, conversation=asdict(scored[pk][1]))
            .returning(interactions.c.customer_pk)
        ).scalar()
        if owner is not None:
            held.append(pk)
            spoken = scored[pk][1].turns
            heard[owner] += Counter(interactions=int(spoken > 0), turns=spoken)
    rows = [
        {"of": pk, "at": position, "reading": reading} for pk in held for position, reading in scored[pk][0].items()
    ]
    if rows:
        connection.execute(
            update(turns)
            .where(turns.c.interaction_pk == bindparam("of"), turns.c.position == bindparam("at"))
            .values(reading=bindparam("reading")),
            rows,
        )
    for owner in sorted(heard):
        add_evidence(connection, owner, heard[owner]["interactions"], heard[owner]["turns"])
    refresh(connection, heard, at, half_life_days)
    return len(held)


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


def refresh(connection, customer_pks, at, half_life_days):
    """Compute the moods and risks of customers anew from their latest conversations, as of `at`."""
    for pk in sorted(customer_pks):
        # Locked before its conversations are read: two that record at once would each miss the other's.
        stored = connection.execute(
            select(customers.c.risk, customers.c.read_interactions, customers.c.read_turns)
            .where(customers.c.pk == pk)
            .with_for_update(key_share=True)
        ).one()
        rows = connection.execute(
            select(
                interactions.c.pk,
                interactions.c.source,
                interactions.c.id,
                interactions.c.channel,
                interactions.c.occurred_at,
                interactions.c.rating,
                interactions.c.conversation,
            )
            .where(interactions.c.customer_pk == pk, interactions.c.status == SCORED)
            .order_by(interactions.c.occurred_at.desc(), interactions.c.pk.desc())
            .limit(MOST_CONVERSATIONS)
        ).all()
        dated = [Dated(row.pk, row.occurred_at, Conversation(**row.conversation), row.rating) for row in rows]
        mood = customer_mood(dated, at, half_life_days)
        risks = churn.assess(mood, dated, at)
        evidence = {"interactions": stored.read_interactions, "turns": stored.read_turns}
        shaped = mood and _shape(connection, mood, risks, evidence, {row.pk: row for row in rows}, at)
        values = {"mood": shaped, "risk": risks.risk, "mood_at": at}
        if risks.risk != stored.risk:
            values["risk_changed_at"] = at
        connection.execute(update(customers).where(customers.c.pk == pk).values(**values))


def _shape(connection, mood, risks, evidence, rows, at):
    """The mood as the API answers it, the turns that it rests on told with their text."""
    wanted = {*mood.reasons, *(place for reason in risks.reasons for place in reason.evidence)}
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
        answer = {"source": row.source, "id": row.id, "channel": row.channel, "occurred_at": iso(row.occurred_at)}
        if turn is None:
            return answer | {"rating": row.rating}
        return answer | {
            "turn": turn.position,
            "text": turn.text,
            "sentiment": turn.reading["sentiment"]["label"],
            "valence": turn.reading["sentiment"]["valence"],
        }

    last = rows[max(rows, key=lambda pk: (rows[pk].occurred_at, pk))]
    return {
        "valence": round(mood.valence, 4),
        "label": mood.label,
        "trend": {
            "direction": mood.trend.direction,
            "change": _rounded(mood.trend.change),
            "uncertainty": _rounded(mood.trend.uncertainty),
        },
        "confidence": round(mood.confidence, 4),
        "evidence": evidence,
        "last_interaction": {
            "source": last.source,
            "id": last.id,
            "channel": last.channel,
            "occurred_at": iso(last.occurred_at),
        },
        "reasons": [told(place) for place in mood.reasons],
        "churn": {
            "risk": risks.risk,
            "reasons": [
                {
                    "code": reason.code,
                    "points": reason.points,
                    "text": churn.SENTENCES[reason.code],
                    "evidence": [told(place) for place in reason.evidence],
                }
                for reason in risks.reasons
            ],
        },
        "as_of": iso(at),
    }


def _rounded(value):
    return None if value is None else round(value, 4)


def iso(at):
    """How answers write a time: ISO 8601, in UTC."""
    return at.astimezone(UTC).isoformat()
