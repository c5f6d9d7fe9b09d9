"""Common causes: days on which many customers fell together, so that one outage is not thousands of personal crises."""

import math
from datetime import UTC, datetime, timedelta

from sqlalchemy import case, func, select, update

from service.database import insert_new
from service.signals import Signal
from service.tables import common_causes, customers, daily_customers

USUAL_DAYS = 28
TIMES_USUAL = 3
SPREADS = 4  # standard deviations of a Poisson count above the usual
# What is taken for usual before much was heard: this share complaining of each driver, of so many customers heard.
PRIOR_SHARE, PRIOR_CUSTOMERS = 0.05, 100
STANDS_DAYS = 60  # how long a day's cause is remembered where risks are judged


def detect(connection, at, settings):
    """Find what many customers complain of together on the day of `at` and the day before; returns the Signals of what began.

    A driver is a common cause of a day where at least common_cause_customers customers spoke ill of it, three times as many as
    usual and four standard deviations more; usual is the share of the 28 days before of those heard that day (docs/mood.md).
    """
    made = []
    for day in (at.date() - timedelta(days=1), at.date()):
        counts = _customers_by_driver(connection, day, settings.common_cause_customers)
        usual = _usual(connection, day, counts) if counts else {}
        for driver, many in sorted(counts.items()):
            if many >= TIMES_USUAL * usual[driver] and many - usual[driver] >= SPREADS * math.sqrt(usual[driver] + 1):
                made += _store(connection, day, driver, many, usual[driver], at)
    return made


def judge_again(connection, at):
    """Let an idle worker judge anew those who fell by a common cause of these days and were judged before it was known."""
    c, d = customers.c, daily_customers.c
    recent = select(common_causes).where(common_causes.c.day >= at.date() - timedelta(days=1))
    for cause in connection.execute(recent).all():
        fell = select(d.customer_pk).where(d.day == cause.day, d.driver == cause.driver, d.negative > 0)
        # It takes the oldest moods first: these are next.
        stale = c.pk.in_(fell) & (c.risk > 0) & (c.mood_at < cause.at)
        connection.execute(update(customers).where(stale).values(mood_at=datetime(1970, 1, 1, tzinfo=UTC)))


def _customers_by_driver(connection, day, least):
    """{driver: customers who spoke ill of it on the day}, of those with at least so many. What has no driver has no one cause."""
    c = daily_customers.c
    many = func.count(c.customer_pk.distinct())
    found = select(c.driver, many).where(c.day == day, c.driver != "", c.negative > 0).group_by(c.driver)
    return dict(connection.execute(found.having(many >= least)).all())


def _usual(connection, day, drivers):
    """{driver: how many of those heard on the day would speak ill of it by the share of the USUAL_DAYS before}."""
    c = daily_customers.c
    ill = case((c.driver == "", 1), else_=case((c.negative > 0, 1), else_=0))
    many = select(c.driver, func.sum(ill)).where(c.driver.in_(["", *drivers])).group_by(c.driver)
    before = dict(connection.execute(many.where(c.day >= day - timedelta(days=USUAL_DAYS), c.day < day)).all())
    today = connection.scalar(select(func.count(c.customer_pk.distinct())).where(c.day == day, c.driver == ""))
    heard = before.get("", 0) + PRIOR_CUSTOMERS
    return {driver: today * (before.get(driver, 0) + PRIOR_SHARE * PRIOR_CUSTOMERS) / heard for driver in drivers}


def _store(connection, day, driver, many, usual, at):
    """Store a day's cause, or its greater number; the Signal, in a list, where it did not stand the day before."""
    row = {"day": day, "driver": driver, "customers": many, "usual": usual, "at": at}
    new = insert_new(connection, common_causes, [row], ["day", "driver"], [common_causes.c.pk])
    c = common_causes.c
    if not new:
        grown = (c.driver == driver) & (c.day == day) & (c.customers < many)
        connection.execute(update(common_causes).where(grown).values(customers=many))
        return []
    before = select(c.pk).where(c.driver == driver, c.day == day - timedelta(days=1))
    if connection.execute(before).first() is not None:
        return []
    told = {"day": day.isoformat(), "drivers": [driver], "customers": many, "usual": round(usual, 2)}
    return [Signal("common_cause.started", f"{day}:{driver}", None, at, told)]


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
            and any((c.occurred_at.date(), name) in standing for name in (d for d, _, _ in c.conversation.drivers))
        )
        if standing
        else frozenset()
    )
