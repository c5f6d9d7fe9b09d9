"""A change → one signal row: the seam between deciding and telling."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import select

from service.database import insert_new, lock
from service.tables import PENDING, deliveries, signals, subscriptions

KINDS = (
    "signal.raised",
    "signal.cleared",
    "mood.fell",
    "customer.delighted",
    "wish.voiced",
    "common_cause.started",
)
ORDER_LOCK = 6_003_157_114
RECENT = timedelta(days=7)  # what was said longer ago than this is history when it arrives, and is told to nobody
DELIGHTED, DELIGHTED_WEIGHT = 0.6, 0.3
FALLEN_TO, FALLEN_BY = -0.3, 0.4  # in a conversation that goes on
RECOVERED = -0.1  # a fall is over when the change against the baseline is smaller than this


@dataclass(frozen=True)
class Signal:
    """One change: `cause` is what brought it about; the same kind and cause is the same change."""

    kind: str
    cause: str
    customer_pk: int | None
    at: datetime
    data: dict


def emit(connection, made):
    """Store Signals; returns the causes, as (kind, cause), of those that are new. A cause told before is not told again."""
    if not made:
        return set()
    # Readers go on from the last number they saw: numbers must be given in the order in which they become visible.
    lock(connection, ORDER_LOCK)
    rows = [
        {"kind": one.kind, "cause": one.cause, "customer_pk": one.customer_pk, "at": one.at, "data": one.data}
        for one in made
    ]
    new = insert_new(connection, signals, rows, ["kind", "cause"], list(signals.c))
    _fan_out(connection, new)
    return {(row.kind, row.cause) for row in new}


def wants(kinds, filters, signal):
    """Whether a subscription of these kinds and filters is told of a signal; a filter on what the signal's data lack is not met."""
    data = signal.data
    return (
        signal.kind in kinds
        and ("segments" not in filters or data.get("segment") in filters["segments"])
        and ("channels" not in filters or data.get("channel") in filters["channels"])
        and ("min_risk" not in filters or (data.get("risk") is not None and data["risk"] >= filters["min_risk"]))
        and ("drivers" not in filters or not set(filters["drivers"]).isdisjoint(data.get("drivers") or ()))
    )


def _fan_out(connection, signal_rows):
    """Queue new rows of `signals` for everyone who wants them, in the transaction that inserted them."""
    switched_on = connection.execute(
        select(subscriptions.c.pk, subscriptions.c.kinds, subscriptions.c.filters)
        .where(subscriptions.c.switched_off_at.is_(None))
        .with_for_update(read=True, key_share=True)  # one removed meanwhile would fail the whole transaction
    ).all()
    now = datetime.now(UTC)
    rows = [
        {"subscription_pk": one.pk, "signal_pk": signal.pk, "status": PENDING, "next_at": now, "first_at": now}
        for signal in signal_rows
        for one in switched_on
        if wants(one.kinds, one.filters, signal)
    ]
    if rows:
        connection.execute(deliveries.insert(), rows)


def at_risk(was, risk, settings):
    """Whether a signal stands: raised at signal_raise, cleared only below signal_clear, so that it does not flap between them."""
    return risk >= (settings.signal_clear if was else settings.signal_raise)


def is_falling(was, trend):
    """Whether the customer's mood is falling against its baseline; a fall lasts until most of it is made good."""
    if trend.direction == "falling":
        return True
    return was and trend.change is not None and trend.change < RECOVERED


def of_conversation(row, conversation, spoken, at):
    """Signals of one interaction just read: delight, wishes, and a fall while it still goes on.

    `row` is its row, `spoken` {position: {"turn", "text", "valence"}} of the customer's turns, `at` now.
    """
    if at - row.occurred_at > RECENT:
        return []
    place = {"source": row.source, "id": row.id, "channel": row.channel, "stage": row.stage}
    drivers = [name for name, _, _ in conversation.drivers]
    made = [
        Signal(
            "wish.voiced",
            f"i{row.pk}:{position}",
            row.customer_pk,
            at,
            place | {"drivers": drivers, **spoken[position]},
        )
        for position in conversation.wishes
    ]
    spoke_well = conversation.praises if conversation.recommends is None else conversation.recommends
    if spoke_well is not None and conversation.felt >= DELIGHTED and conversation.felt_weight >= DELIGHTED_WEIGHT:
        told = place | {"drivers": drivers, "mood": round(conversation.felt, 4), **spoken[spoke_well]}
        made.append(Signal("customer.delighted", f"i{row.pk}", row.customer_pk, at, told))
    if row.open and conversation.last_third is not None:
        begun = max(conversation.first_third, 0.0)
        if conversation.last_third <= FALLEN_TO and begun - conversation.last_third >= FALLEN_BY:
            told = {"scope": "conversation", "before": round(begun, 4), "now": round(conversation.last_third, 4)}
            told |= place | {"drivers": drivers, **spoken[conversation.last_low_turn]}
            made.append(Signal("mood.fell", f"open:i{row.pk}", row.customer_pk, at, told))
    return made


def was_told(connection, kind, cause):
    """Whether this cause has brought about a signal of this kind before."""
    found = select(signals.c.pk).where(signals.c.kind == kind, signals.c.cause == cause)
    return connection.execute(found).first() is not None


def fell_lately(connection, customer_pk, at):
    """Whether a fall of the customer's mood was told within RECENT: one who swings from day to day is not told of each time."""
    c = signals.c
    found = select(c.pk).where(c.customer_pk == customer_pk, c.kind == "mood.fell", c.at > at - RECENT, c.at <= at)
    return connection.execute(found.where(c.cause.not_like("open:%")).limit(1)).first() is not None


def of_customer(cause, before, states, mood, at, lately=False):
    """Signals of one customer's new mood and risk: a risk raised or cleared, a mood that fell.

    `cause` names the customer and the last thing heard of them, `before` is the stored row, `states` what at_risk and falling
    are now, `mood` the mood as answered, `lately` whether a fall of the customer was told in the last days.
    """
    told = {
        "risk": mood["churn"]["risk"],
        "segment": mood["segment"],
        "channel": mood["last_interaction"] and mood["last_interaction"]["channel"],
        "drivers": [driver["name"] for driver in mood["drivers"]],
        "mood": mood["valence"],
        "reasons": mood["churn"]["reasons"],
    }
    made = []
    if states["at_risk"] != before.at_risk:
        made.append(Signal("signal.raised" if states["at_risk"] else "signal.cleared", cause, before.pk, at, told))
    if states["falling"] and not before.falling and not lately:
        made.append(Signal("mood.fell", cause, before.pk, at, {"scope": "customer"} | told | {"trend": mood["trend"]}))
    return made
