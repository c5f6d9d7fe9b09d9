"""Common causes: days on which many customers fell together, so that one outage is not thousands of personal crises."""

import math
from datetime import UTC, datetime, timedelta

from sqlalchemy import func, select, update

from service.database import insert_new
from service.signals import Signal, emit
from service.tables import common_causes, customers, daily_customers

USUAL_DAYS = 28
TIMES_USUAL = 3
SPREADS = 4  # standard deviations of a Poisson count above the usual
STANDS_DAYS = 60  # how long a day's cause is remembered where risks are judged


def detect(connection, at, settings):
    """Find what many customers complain of together on the day of `at` and the day before; returns the new (day, driver) pairs.

    A driver is a common cause of a day where at least common_cause_customers customers spoke ill of it, three times the
    usual number of the 28 days before and four standard deviations above it (docs/mood.md).
    """
    found = []
    for day in (at.date() - timedelta(days=1), at.date()):
        counts = _customers_by_driver(connection, day, day, settings.common_cause_customers)
        named = {driver: most for driver, most in counts.items() if driver} or counts
        usual = _usual(connection, day, named) if named else {}
        for driver, many in sorted(named.items()):
            if many >= TIMES_USUAL * usual[driver] and many - usual[driver] >= SPREADS * math.sqrt(usual[driver] + 1):
                found.append((day, driver, many, usual[driver]))
    return [(day, driver) for day, driver, many, usual in found if _store(connection, day, driver, many, usual, at)]


def _customers_by_driver(connection, first, last, least):
    """{driver: customers who spoke ill of it from day `first` to day `last`}, of those with at least so many."""
    c = daily_customers.c
    many = func.count(c.customer_pk.distinct())
    return dict(
        connection.execute(
            select(c.driver, many)
            .where(c.day >= first, c.day <= last, c.negative > 0)
            .group_by(c.driver)
            .having(many >= least)
        ).all()
    )


def _usual(connection, day, drivers):
    """{driver: mean number of customers a day who spoke ill of it in the USUAL_DAYS before}."""
    c = daily_customers.c
    rows = connection.execute(
        select(c.driver, func.count())
        .where(c.day >= day - timedelta(days=USUAL_DAYS), c.day < day, c.negative > 0, c.driver.in_(drivers))
        .group_by(c.driver)
    )
    return dict.fromkeys(drivers, 0.0) | {driver: many / USUAL_DAYS for driver, many in rows}


def _store(connection, day, driver, many, usual, at):
    row = {"day": day, "driver": driver, "customers": many, "usual": usual}
    new = insert_new(connection, common_causes, [row], ["day", "driver"], [common_causes.c.pk])
    same = (common_causes.c.driver == driver) & (common_causes.c.day == day)
    grown = connection.execute(
        update(common_causes).where(same, common_causes.c.customers < many).values(customers=many)
    ).rowcount
    if new or grown:
        c = daily_customers.c
        fell = select(c.customer_pk).where(c.day == day, c.driver == driver, c.negative > 0)
        # The idle worker takes the oldest moods first: these are judged anew next.
        connection.execute(
            update(customers)
            .where(customers.c.pk.in_(fell), customers.c.risk > 0)
            .values(mood_at=datetime(1970, 1, 1, tzinfo=UTC))
        )
    if not new:
        return False
    before = select(common_causes.c.pk).where(
        common_causes.c.driver == driver, common_causes.c.day == day - timedelta(days=1)
    )
    if connection.execute(before).first() is None:
        told = {
            "day": day.isoformat(),
            "drivers": [driver] if driver else [],
            "customers": many,
            "usual": round(usual, 2),
        }
        emit(connection, [Signal("common_cause.started", f"{day}:{driver}", None, at, told)])
    return True


def standing(connection, at):
    """{(day, driver)} of the common causes of the last STANDS_DAYS."""
    c = common_causes.c
    rows = connection.execute(select(c.day, c.driver).where(c.day >= at.date() - timedelta(days=STANDS_DAYS)))
    return {(row.day, row.driver) for row in rows}


def shared(conversations, standing):
    """Keys of those Dated conversations whose anger has a common cause of their day."""
    return (
        frozenset(
            c.key
            for c in conversations
            if c.conversation.felt is not None
            and c.conversation.felt < 0
            and any(
                (c.occurred_at.date(), name) in standing for name in ("", *(d for d, _, _ in c.conversation.drivers))
            )
        )
        if standing
        else frozenset()
    )
