"""Interactions → rows: stored once, durable before it answers, kept under their customer or identity."""

import uuid
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import delete, select, tuple_, update

from service.database import insert_new
from service.errors import Conflict
from service.interaction import Identity
from service.record import add_evidence, refresh
from service.tables import PENDING, customers, identities, interactions, turns


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


def accept(connection, sent, lease=None):
    """Store a batch of Interactions, whole; returns an Accepted for each, in their order.

    An interaction whose source and id are there already, or stood earlier in the batch, is left as it is. With a Lease the
    new rows are the caller's own to score.
    """
    first = {}
    for one in sent:
        first.setdefault(_key(one), one)
    known = _find(connection, first)
    # Sorted, so that two senders of the same batch wait for each other instead of locking each other out.
    new = _insert(connection, [first[key] for key in sorted(first.keys() - known.keys())], lease)
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
    rows = connection.execute(found.where(tuple_(interactions.c.source, interactions.c.id).in_(list(keys))))
    return {_key(row): row.pk for row in rows}


def _insert(connection, fresh, lease):
    """Store interactions, their turns and their customers; returns {(source, id): pk} of those that were not there yet."""
    now = datetime.now(UTC)
    owners = {
        **_owners_by_id(connection, {one.customer_id for one in fresh if one.customer_id is not None}, now),
        **_owners_by_identity(connection, {one.identity for one in fresh if one.identity is not None}, now),
    }
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
    spoken = [
        {"interaction_pk": new[_key(one)], "position": position} | asdict(turn)
        for one in fresh
        if _key(one) in new
        for position, turn in enumerate(one.turns)
    ]
    if spoken:
        connection.execute(turns.insert(), spoken)
    return new


def _owners_by_id(connection, ids, now):
    """{external id: customer pk}; customers not known yet are made."""
    if not ids:
        return {}
    insert_new(
        connection,
        customers,
        [{"external_id": id, "created_at": now} for id in sorted(ids)],
        ["external_id"],
        [customers.c.pk],
    )
    found = connection.execute(select(customers.c.external_id, customers.c.pk).where(customers.c.external_id.in_(ids)))
    return {row.external_id: row.pk for row in found}


def _owners_by_identity(connection, wanted, now):
    """{Identity: customer pk}; an unknown identity gets a customer of its own, without an external id.

    The identities' rows stay locked for sharing, so that a join running beside waits and then moves what is stored here.
    """
    found = _find_identities(connection, wanted, share=True)
    for identity in sorted(wanted - set(found), key=_in_order):
        pk = connection.execute(customers.insert().values(created_at=now).returning(customers.c.pk)).scalar_one()
        row = {"kind": identity.kind, "value": identity.value, "customer_pk": pk}
        if not insert_new(connection, identities, [row], ["kind", "value"], [identities.c.pk]):
            connection.execute(delete(customers).where(customers.c.pk == pk))
        found |= _find_identities(connection, {identity}, share=True)
    return found


def _in_order(identity):
    # All transactions take identities in one order, so that none waits for another in a circle.
    return identity.kind, identity.value


def _find_identities(connection, wanted, share):
    if not wanted:
        return {}
    pairs = [(one.kind, one.value) for one in wanted]
    rows = connection.execute(
        select(identities.c.kind, identities.c.value, identities.c.customer_pk)
        .where(tuple_(identities.c.kind, identities.c.value).in_(pairs))
        .order_by(identities.c.kind, identities.c.value)
        .with_for_update(read=share)
    )
    return {Identity(row.kind, row.value): row.customer_pk for row in rows}


def join(connection, customer_id, joined, half_life_days):
    """Join identities to a customer, who is made if unknown; what was kept under them moves along, and the mood with it.

    Returns the number of interactions moved. Raises Conflict where an identity is another customer's; then nothing changes.
    """
    now = datetime.now(UTC)
    target = _owners_by_id(connection, {customer_id}, now)[customer_id]
    rows = [{"kind": one.kind, "value": one.value, "customer_pk": target} for one in sorted(joined, key=_in_order)]
    insert_new(connection, identities, rows, ["kind", "value"], [identities.c.pk])
    owners = _find_identities(connection, set(joined), share=False)
    moved = 0
    for place, identity in enumerate(joined):
        owner = owners[identity]
        if owner == target:
            continue
        if connection.execute(select(customers.c.external_id).where(customers.c.pk == owner)).scalar_one() is not None:
            message = "belongs to another customer"
            fault = {"index": place, "field": f"identities[{place}]", "message": message}
            raise Conflict(f"identities[{place}] {message}", [fault])
        moved += connection.execute(
            update(interactions).where(interactions.c.customer_pk == owner).values(customer_pk=target)
        ).rowcount
        connection.execute(update(identities).where(identities.c.customer_pk == owner).values(customer_pk=target))
        gone = connection.execute(
            delete(customers)
            .where(customers.c.pk == owner)
            .returning(customers.c.read_interactions, customers.c.read_turns)
        ).one()
        add_evidence(connection, target, *gone)
    if moved:
        refresh(connection, [target], now, half_life_days)
    return moved
