"""Who is who: the company's own ids, identities and the customers they lead to; joined where they turn out to be one."""

from collections import Counter
from datetime import UTC, datetime

from sqlalchemy import delete, select, update

from service import rollups
from service.database import among, insert_new
from service.errors import Conflict
from service.interaction import Identity
from service.record import add_evidence, refresh
from service.tables import customers, events, identities, interactions, segment_changes, signals, wishes


def find_owners(connection, sent, now):
    """{customer id or Identity: customer pk}; those not known yet are made."""
    return {
        **_owners_by_id(connection, {one.customer_id for one in sent if one.customer_id is not None}, now),
        **_owners_by_identity(connection, {one.identity for one in sent if one.identity is not None}, now),
    }


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
    found = find_identities(connection, wanted, share=True)
    new = sorted(wanted - found.keys(), key=_in_order)
    if not new:
        return found
    made = customers.insert().returning(customers.c.pk)
    pks = connection.scalars(made, [{"created_at": now} for _ in new]).all()
    placed = _name(connection, zip(new, pks))
    idle = [pk for identity, pk in zip(new, pks) if identity not in placed]  # somebody else was first
    if idle:
        connection.execute(delete(customers).where(customers.c.pk.in_(idle)))
    return found | find_identities(connection, new, share=True)


def _name(connection, owned):
    """Let identities that lead to nobody yet lead to customers, of pairs (Identity, customer pk); returns those Identities."""
    rows = [{"kind": name.kind, "value": name.value, "customer_pk": pk} for name, pk in owned]
    columns = [identities.c.kind, identities.c.value]
    return {Identity(*row) for row in insert_new(connection, identities, rows, ["kind", "value"], columns)}


def join_aliases(connection, sent, now):
    """Make all that an Interaction calls its customer one customer, for each of those sent that have aliases."""
    people = {(one.customer_id, one.identity, one.aliases): one for one in sent if one.aliases}.values()
    claims = Counter(name for one in people for name in _names(one))
    found = find_identities(connection, set(claims), share=False)
    # Most are either wholly new or settled, and share no name with another here: those take a statement for all of them.
    new, others = [], []
    for one in people:
        led_to = {found.get(name) for name in _names(one)}
        alone = all(claims[name] == 1 for name in _names(one))
        if alone and led_to == {None}:
            new.append(one)
        elif not alone or one.customer_id is not None or len(led_to) > 1:
            others.append(one)
    owners = find_owners(connection, new, now)
    owned = [(name, owners[one.customer_id or one.identity]) for one in new for name in _names(one)]
    _name(connection, sorted(owned, key=lambda pair: _in_order(pair[0])))
    for one in others:
        _join_aliases(connection, one, now)


def _names(one):
    return {*one.aliases, one.identity} - {None}


def _join_aliases(connection, one, now):
    """Make all that an Interaction calls its customer one customer: the company's own where one of the names leads to it.

    A name that leads to another of the company's own customers is left to that one; one that was taken over moves alone.
    """
    wanted = _names(one)
    found = find_identities(connection, wanted, share=False)
    for name in _taken_over(connection, one, found):
        connection.execute(delete(identities).where(identities.c.kind == name.kind, identities.c.value == name.value))
        del found[name]
    known = connection.execute(
        select(customers.c.pk, customers.c.external_id).where(customers.c.pk.in_(found.values()))
    ).all()
    named = {row.pk for row in known if row.external_id is not None}
    if one.customer_id is not None:
        target = _owners_by_id(connection, {one.customer_id}, now)[one.customer_id]
    else:
        ranked = sorted(found, key=lambda name: (found[name] not in named, name != one.identity, _in_order(name)))
        target = found[ranked[0]] if ranked else _owners_by_identity(connection, {one.identity}, now)[one.identity]
    _name(connection, [(name, target) for name in sorted(wanted, key=_in_order)])
    for owner in sorted({*found.values()} - named - {target}):
        _move(connection, owner, target)


def _taken_over(connection, one, found):
    """Those of an Interaction's aliases that somebody else has given up: a handle or a phone which alone leads to a customer who has
    another id of the identity's kind, and of the same account, and is not one of the company's own."""
    if one.identity is None:
        return []
    i, taken, kind = identities.c, [], one.identity.kind
    space = one.identity.value.rpartition(":")[0]
    for name, owner in found.items():
        alone = [other for other in found if found[other] == owner] == [name]
        if name == one.identity or name.kind not in (kind, "phone") or not alone:
            continue
        others = connection.scalars(
            select(i.value)
            .join(customers, customers.c.pk == i.customer_pk)
            .where(i.customer_pk == owner, i.kind == kind, i.value != name.value, customers.c.external_id.is_(None))
        )
        if any(value.rpartition(":")[0] == space for value in others):
            taken.append(name)
    return taken


def _in_order(identity):
    # All transactions take identities in one order, so that none waits for another in a circle.
    return identity.kind, identity.value


def find_identities(connection, wanted, share):
    if not wanted:
        return {}
    pairs = [(one.kind, one.value) for one in wanted]
    rows = connection.execute(
        select(identities.c.kind, identities.c.value, identities.c.customer_pk)
        .where(among(identities.c.kind, identities.c.value, pairs))
        .order_by(identities.c.kind, identities.c.value)
        .with_for_update(read=share)
    )
    return {Identity(row.kind, row.value): row.customer_pk for row in rows}


def join(connection, customer_id, joined, settings):
    """Join identities to a customer, who is made if unknown; what was kept under them moves along, and the mood with it.

    Returns the number of interactions moved. Raises Conflict where an identity is another customer's; then nothing changes.
    """
    now = datetime.now(UTC)
    target = _owners_by_id(connection, {customer_id}, now)[customer_id]
    _name(connection, [(one, target) for one in sorted(joined, key=_in_order)])
    owners = find_identities(connection, set(joined), share=False)
    moved, changed = 0, False
    for place, identity in enumerate(joined):
        owner = owners[identity]
        if owner == target:
            continue
        if connection.execute(select(customers.c.external_id).where(customers.c.pk == owner)).scalar_one() is not None:
            message = "belongs to another customer"
            fault = {"index": place, "field": f"identities[{place}]", "message": message}
            raise Conflict(f"identities[{place}] {message}", [fault])
        moved += _move(connection, owner, target)
        changed = True
    if changed:
        refresh(connection, [target], now, settings)
    return moved


def _move(connection, owner, target):
    """Give all that is kept of one customer to another, and forget the first; returns how many interactions moved."""
    moved = connection.execute(
        update(interactions).where(interactions.c.customer_pk == owner).values(customer_pk=target)
    ).rowcount
    for table in (identities, events, wishes, signals):
        connection.execute(update(table).where(table.c.customer_pk == owner).values(customer_pk=target))
    _move_segment(connection, owner, target)
    rollups.move(connection, owner, target)
    gone = connection.execute(
        delete(customers)
        .where(customers.c.pk == owner)
        .returning(customers.c.read_interactions, customers.c.read_turns)
    ).one()
    add_evidence(connection, target, *gone)
    return moved


def _move_segment(connection, owner, target):
    """Give the owner's segment and its history to a target that has none; else they are forgotten: the two were one customer all along."""
    c = segment_changes.c
    if connection.execute(select(c.pk).where(c.customer_pk == target).limit(1)).first() is not None:
        connection.execute(delete(segment_changes).where(c.customer_pk == owner))
        return
    connection.execute(update(segment_changes).where(c.customer_pk == owner).values(customer_pk=target))
    row = connection.execute(select(customers.c.segment, customers.c.segment_at).where(customers.c.pk == owner)).one()
    connection.execute(update(customers).where(customers.c.pk == target).values(**row._mapping))
