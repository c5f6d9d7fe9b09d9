"""A simulated year through the real service, day by day, on a clock of its own; and what its signals were worth."""

import time
from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import date, timedelta
from statistics import median

import numpy as np
from sqlalchemy import func, select

from service.database import reading
from service.days import live_through
from service.sentiment.reading import DRIVERS
from service.simulate import RELIABILITY
from service.tables import common_causes, customers, daily_customers, signals

TRUE_DAYS = 90  # a signal is true where the customer leaves within so many days
WARNED_DAYS = (
    60  # a leaving was warned of where a signal stood within so many days before, and a day before at the latest
)
MOST_RAISED = 6  # more in a year is flapping
CHANCES = 20  # draws of random customers for the base rate


@dataclass(frozen=True)
class Worth:
    """What signals were worth: precision of those judged, recall of those who left; lead_days is a median. None where nothing is there."""

    raised: int
    judged: int
    true: int
    left: int
    warned: int
    left_with_words: int
    warned_with_words: int
    lead_days: float | None

    @property
    def precision(self):
        return self.true / self.judged if self.judged else None

    @property
    def recall(self):
        return self.warned / self.left if self.left else None

    @property
    def recall_with_words(self):
        return self.warned_with_words / self.left_with_words if self.left_with_words else None


@dataclass(frozen=True)
class Outage:
    """What became of the day on which the service failed: causes found on it, and personal signals among those who complained of it."""

    on: date
    causes: tuple[str, ...]
    complained: int
    raised: int
    other_causes: int


@dataclass(frozen=True)
class Report:
    """signals and chance (as many signals, of random customers) are Worths; flapping counts customers with more than MOST_RAISED raised."""

    customers: int
    interactions: int
    events: int
    days: int
    took_s: float
    signals: Worth
    chance: Worth
    outage: Outage
    flapping: int
    most_raised: int
    kinds: dict[str, int]


@dataclass(frozen=True)
class Spell:
    """A time in which a customer's signal stood, from the day it was raised to the day it was cleared or the year's last."""

    customer: str
    first: date
    last: date


def replay(engine, settings, year, advance=lambda: None):
    """Let a simulate.Year be lived through in an empty, migrated database, and compare the signals with the truth: a Report.

    The interactions bring their readings: no model is asked. `advance` is called after each day.
    """
    begun, counts = time.monotonic(), Counter()

    def counted():
        for day in year:
            counts.update(said=len(day.interactions), happened=len(day.events))
            yield day

    live_through(engine, None, settings, counted(), advance)
    return _report(engine, year, counts["said"], counts["happened"], time.monotonic() - begun)


def _report(engine, year, said, happened, took_s):
    fates = {fate.customer: fate for fate in year.truth()}
    with reading(engine) as connection:
        names = dict(connection.execute(select(customers.c.pk, customers.c.external_id)).all())
        rows = connection.execute(
            select(signals.c.kind, signals.c.customer_pk, signals.c.at)
            .where(signals.c.kind.in_(("signal.raised", "signal.cleared")))
            .order_by(signals.c.pk)
        ).all()
        kinds = dict(connection.execute(select(signals.c.kind, func.count()).group_by(signals.c.kind)).all())
        causes = connection.execute(select(common_causes.c.day, common_causes.c.driver)).all()
        d = daily_customers.c
        complained = set(
            connection.scalars(
                select(d.customer_pk).where(d.day == year.outage_on, d.driver == DRIVERS[RELIABILITY], d.negative > 0)
            )
        )
    raised = Counter(row.customer_pk for row in rows if row.kind == "signal.raised")
    outage_days = (year.outage_on, year.outage_on + timedelta(days=1))
    outage = Outage(
        on=year.outage_on,
        causes=tuple(sorted(driver for day, driver in causes if day == year.outage_on)),
        complained=len(complained),
        raised=sum(
            row.kind == "signal.raised" and row.at.date() in outage_days and row.customer_pk in complained
            for row in rows
        ),
        other_causes=sum(day != year.outage_on for day, _ in causes),
    )
    last = year.start + timedelta(days=year.days - 1)
    spells = spells_of([(row.kind, names[row.customer_pk], row.at.date()) for row in rows], last)
    return Report(
        customers=len(names),
        interactions=said,
        events=happened,
        days=year.days,
        took_s=took_s,
        signals=worth_of(spells, fates, last),
        chance=_by_chance(spells, fates, last),
        outage=outage,
        flapping=sum(many > MOST_RAISED for many in raised.values()),
        most_raised=max(raised.values(), default=0),
        kinds=kinds,
    )


def spells_of(changes, last):
    """Spells from (kind, customer, day) of the signals raised and cleared, in their order; those not cleared stand on the day `last`."""
    begun, spells = {}, []
    for kind, customer, day in changes:
        if kind == "signal.raised":
            begun[customer] = day
        elif customer in begun:
            spells.append(Spell(customer, begun.pop(customer), day))
    return spells + [Spell(customer, first, last) for customer, first in begun.items()]


def worth_of(spells, fates, last):
    """The Worth of Spells by the truth, {customer: Fate} as of the day `last`.

    Only signals raised TRUE_DAYS before the last day or earlier are judged: of the others nobody knows yet. The lead is counted from
    the first day within WARNED_DAYS on which a signal stood.
    """
    judged = [spell for spell in spells if (last - spell.first).days >= TRUE_DAYS]
    of = defaultdict(list)
    for spell in spells:
        of[spell.customer].append(spell)
    left = [fate for fate in fates.values() if fate.churned_on is not None]
    leads = {fate.customer: _lead_days(of[fate.customer], fate.churned_on) for fate in left}
    warned = {customer: days for customer, days in leads.items() if days is not None}
    with_words = [fate for fate in left if not fate.wordless]
    return Worth(
        raised=len(spells),
        judged=len(judged),
        true=sum(_is_true(spell, fates[spell.customer]) for spell in judged),
        left=len(left),
        warned=len(warned),
        left_with_words=len(with_words),
        warned_with_words=sum(fate.customer in warned for fate in with_words),
        lead_days=median(warned.values()) if warned else None,
    )


def _is_true(spell, fate):
    return fate.churned_on is not None and 0 <= (fate.churned_on - spell.first).days <= TRUE_DAYS


def _lead_days(spells, churned_on):
    """Days from the first on which a signal stood within WARNED_DAYS before, or None."""
    opens, closes = churned_on - timedelta(days=WARNED_DAYS), churned_on - timedelta(days=1)
    days = [
        (churned_on - max(spell.first, opens)).days for spell in spells if spell.first <= closes and spell.last >= opens
    ]
    return max(days, default=None)


def _by_chance(spells, fates, last):
    """The Worth of as many signals of random customers, each of one who is there on that day: the sums of CHANCES draws."""
    rng = np.random.default_rng(0)
    there = {}
    drawn = []
    for _ in range(CHANCES):
        moved = []
        for spell in spells:
            if spell.first not in there:
                there[spell.first] = [name for name, fate in fates.items() if _is_there(fate, spell.first)]
            names = there[spell.first]
            moved.append(Spell(names[rng.integers(len(names))], spell.first, spell.last))
        drawn.append(worth_of(moved, fates, last))
    counts = ("raised", "judged", "true", "left", "warned", "left_with_words", "warned_with_words")
    leads = [one.lead_days for one in drawn if one.lead_days is not None]
    return Worth(
        **{name: sum(getattr(one, name) for one in drawn) for name in counts},
        lead_days=median(leads) if leads else None,
    )


def _is_there(fate, day):
    if fate.joined_on > day or (fate.churned_on is not None and fate.churned_on <= day):
        return fate.won_back_on is not None and fate.won_back_on <= day
    return True
