"""Who wants to be told of what: subscriptions, and the list of what was delivered to each."""

import base64
import secrets
from datetime import UTC, datetime
from uuid import uuid4

from sqlalchemy import delete, insert, select, update

from service.errors import Conflict, NotFound
from service.record import iso
from service.tables import DEAD, PENDING, deliveries, signals, subscriptions

SECRET_BYTES = 32
SECRET_PREFIX = "whsec_"  # noqa: S105 - the mark of a secret, not one


def subscribe(connection, url, kinds, filters):
    """Store a subscription; returns its row. The secret is written as the Standard Webhooks specification wants it."""
    secret = SECRET_PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()
    return connection.execute(
        insert(subscriptions)
        .values(
            id=str(uuid4()), url=url, secret=secret, kinds=list(kinds), filters=filters, created_at=datetime.now(UTC)
        )
        .returning(*subscriptions.c)
    ).one()


def find(connection, id):
    """The row of a subscription; raises NotFound."""
    row = connection.execute(select(subscriptions).where(subscriptions.c.id == id)).first()
    if row is None:
        raise NotFound("no subscription has this id")
    return row


def listed(connection):
    """All subscriptions, the oldest first."""
    return connection.execute(select(subscriptions).order_by(subscriptions.c.pk)).all()


def change(connection, id, active=None, **values):
    """Give a subscription another url, kinds or filters, or switch it on or off; returns its row. Raises NotFound.

    What waits for one that is switched off is kept, and sent when it is switched on again.
    """
    before = find(connection, id)
    if active:
        values |= {"switched_off_at": None, "switched_off_why": None}
    elif active is False and before.switched_off_at is None:
        values |= {"switched_off_at": datetime.now(UTC), "switched_off_why": "switched off over the API"}
    if values:
        connection.execute(update(subscriptions).where(subscriptions.c.pk == before.pk).values(values))
    return find(connection, id)


def remove(connection, id):
    """Forget a subscription and its deliveries; raises NotFound."""
    if not connection.execute(delete(subscriptions).where(subscriptions.c.id == id)).rowcount:
        raise NotFound("no subscription has this id")


def told(row):
    """A subscription as the API tells it, without its secret."""
    return {
        "id": row.id,
        "url": row.url,
        "kinds": row.kinds,
        "filters": row.filters,
        "active": row.switched_off_at is None,
        "switched_off_at": row.switched_off_at and iso(row.switched_off_at),
        "switched_off_why": row.switched_off_why,
        "created_at": iso(row.created_at),
    }


def deliveries_of(connection, id, status, limit, cursor):
    """A subscription's deliveries of one status or of all (None), the newest first: {"deliveries", "next_cursor" or None}.

    Raises NotFound.
    """
    found = _deliveries().where(deliveries.c.subscription_pk == find(connection, id).pk)
    if status is not None:
        found = found.where(deliveries.c.status == status)
    if cursor is not None:
        found = found.where(deliveries.c.pk < cursor)
    rows = connection.execute(found.order_by(deliveries.c.pk.desc()).limit(limit + 1)).all()
    page = rows[:limit]
    return {
        "deliveries": [_told_delivery(row) for row in page],
        "next_cursor": str(page[-1].pk) if len(rows) > limit else None,
    }


def redeliver(connection, id, delivery_pk):
    """Let one delivery, whatever became of it, be sent again now; returns it. Raises NotFound, and Conflict where nothing is sent."""
    subscription = _switched_on(connection, id)
    mine = (deliveries.c.pk == delivery_pk) & (deliveries.c.subscription_pk == subscription.pk)
    if not connection.execute(update(deliveries).where(mine).values(_again())).rowcount:
        raise NotFound("the subscription has no such delivery")
    return _told_delivery(connection.execute(_deliveries().where(mine)).one())


def redeliver_dead(connection, id):
    """Let all that was given up be sent again now; returns how many. Raises NotFound, and Conflict where nothing is sent."""
    subscription = _switched_on(connection, id)
    return connection.execute(
        update(deliveries)
        .where(deliveries.c.subscription_pk == subscription.pk, deliveries.c.status == DEAD)
        .values(_again())
    ).rowcount


def _again():
    return {"status": PENDING, "attempts": 0, "next_at": datetime.now(UTC), "finished_at": None}


def _switched_on(connection, id):
    row = find(connection, id)
    if row.switched_off_at is not None:
        raise Conflict("the subscription is switched off, nothing is sent to it: switch it on first")
    return row


def _deliveries():
    return select(deliveries, signals.c.kind).join(signals, signals.c.pk == deliveries.c.signal_pk)


def _told_delivery(row):
    return {
        "id": row.pk,
        "signal": row.signal_pk,
        "kind": row.kind,
        "status": row.status,
        "attempts": row.attempts,
        "created_at": iso(row.first_at),
        "next_at": iso(row.next_at) if row.status == PENDING else None,
        "finished_at": row.finished_at and iso(row.finished_at),
        "outcome": row.outcome,
    }
