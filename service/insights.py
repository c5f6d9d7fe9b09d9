"""What a company learns from all its customers together: answered from the daily roll-ups, never by scanning interactions."""

import base64
import binascii
import math
from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from itertools import pairwise
from statistics import NormalDist, median

from sqlalchemy import case, func, select, tuple_

from service import query
from service.errors import Invalid
from service.record import iso, named
from service.rollups import UNIT
from service.segments import DEFINITIONS, LOYAL, SEGMENTS
from service.tables import (
    customers,
    daily,
    daily_agents,
    daily_customers,
    interactions,
    segment_changes,
    self_assessments,
    turns,
    wishes,
)

LOST = "lost"
EVERY = object()  # all stages, all channels; None is no stage
Z = NormalDist().inv_cdf(0.975)  # of a 95 % interval
LEAST_FOR_INTERVAL = 3  # conversations
MOST_DRIVERS = 50
MOST_EXAMPLES = 3
MOST_FORMER_DRIVERS = 5
SUMS = (
    "conversations",
    "negative",
    "neutral",
    "positive",
    "valence",
    "valence_squared",
    "rated",
    "rating",
    "disagreed",
)


@dataclass(frozen=True)
class Period:
    """Whole days of UTC from `start` to `end`, which is not included; of one channel, of one stage, or of all (None)."""

    start: date
    end: date
    channel: str | None = None
    stage: str | None = None

    def told(self):
        """As answers begin."""
        days = {"from": self.start.isoformat(), "to": self.end.isoformat()}
        return days | {"channel": self.channel, "stage": self.stage}

    def days(self, table):
        """Conditions on a roll-up."""
        return [table.c.day >= self.start, table.c.day < self.end, *self.part(table)]

    def times(self, column):
        """Conditions on a column of times."""
        first, last = (datetime.combine(day, time(), UTC) for day in (self.start, self.end))
        return [column >= first, column < last]

    def part(self, table):
        """Conditions on a table's channel and stage."""
        asked = (table.c.channel, self.channel), (table.c.stage, self.stage)
        return [column == value for column, value in asked if value is not None]


# Estimates: {"value", "low", "high"}, low and high the ends of a 95 % confidence interval.


def share_of(part, whole, unit=1):
    """Estimate of the share part / whole in units of 1/`unit`, with Wilson's interval; None of nothing.

    Source: E. B. Wilson, Journal of the American Statistical Association 22 (1927), 209-212.
    """
    if not whole:
        return None
    share, spread = part / whole, Z**2 / whole
    middle = (share + spread / 2) / (1 + spread)
    half = Z * math.sqrt(share * (1 - share) / whole + spread / (4 * whole)) / (1 + spread)
    return _estimate(unit * share, unit * max(0.0, middle - half), unit * min(1.0, middle + half))


def lift(part, whole, other_part, other_whole):
    """Estimate of the ratio of two shares, part / whole to other_part / other_whole; None where a whole is empty.

    var(log ratio) = 1/part - 1/whole + 1/other_part - 1/other_whole. Source: D. Katz et al., Biometrics 34 (1978), 469-474. Where one
    of the four cells (those who did and did not, of both) is 0, half a customer is added to each, after J. B. S. Haldane, Annals of Human
    Genetics 20 (1956), 309-311.
    """
    if not whole or not other_whole:
        return None
    if not all((part, whole - part, other_part, other_whole - other_part)):
        part, whole, other_part, other_whole = part + 0.5, whole + 1, other_part + 0.5, other_whole + 1
    ratio = (part / whole) / (other_part / other_whole)
    factor = math.exp(Z * math.sqrt(1 / part - 1 / whole + 1 / other_part - 1 / other_whole))
    return _estimate(ratio, ratio / factor, ratio * factor)


def student(freedom):
    """The 97.5 % quantile of Student's t with so many degrees of freedom (2 or more: right to 1 %).

    Source: M. Abramowitz and I. A. Stegun, Handbook of Mathematical Functions (1964), 26.7.5.
    """
    return (
        Z
        + (Z**3 + Z) / (4 * freedom)
        + (5 * Z**5 + 16 * Z**3 + 3 * Z) / (96 * freedom**2)
        + (3 * Z**7 + 19 * Z**5 + 17 * Z**3 - 15 * Z) / (384 * freedom**3)
        + (79 * Z**9 + 776 * Z**7 + 1482 * Z**5 - 1920 * Z**3 - 945 * Z) / (92_160 * freedom**4)
    )


def _estimate(value, low=None, high=None):
    return {"value": _rounded(value), "low": _rounded(low), "high": _rounded(high)}


def _rounded(value):
    return None if value is None else round(value, 4)


def _ratio(part, whole):
    return _rounded(part / whole) if whole else None


def drivers(connection, period):
    """Why customers leave (`leave`: of what the lost spoke ill more often than the loyal) and stay (`stay`: what the loyal praise).

    The loyal are in a segment of LOYAL now, the lost in `lost`; shares are of those heard from in the period. Drivers whose lift is
    surest come first: by the lower end of its interval. `former` is the profile of a customer who was lost.
    """
    heard, ill, praise = _by_driver(connection, period)
    leave = _contrast(ill, heard, LOST, "loyal")
    stay = _contrast(praise, heard, "loyal", LOST)
    shown = (
        _examples(connection, period, leave, (LOST,), "negative"),
        _examples(connection, period, stay, LOYAL, "positive"),
    )
    told = _texts(connection, [place for places in shown for some in places.values() for place in some])
    for entries, places in zip((leave, stay), shown):
        for entry in entries:
            entry["examples"] = [told[place] for place in places[entry["driver"]] if place in told]
    return period.told() | {
        "customers": {"lost": heard[LOST], "loyal": heard["loyal"]},
        "leave": leave,
        "stay": stay,
        "former": _former(connection, period, leave),
    }


def _by_driver(connection, period):
    """(customers heard from by side; by driver and side those who spoke ill of it, those who praised it)."""
    c = daily_customers.c
    ill, praise = (
        func.count(case((column > 0, c.customer_pk)).distinct()).label(column.name)
        for column in (c.negative, c.positive)
    )
    rows = connection.execute(
        select(c.driver, customers.c.segment, func.count(c.customer_pk.distinct()).label("heard"), ill, praise)
        .join(customers, customers.c.pk == c.customer_pk)
        .where(*period.days(daily_customers), customers.c.segment.in_((LOST, *LOYAL)))
        .group_by(c.driver, customers.c.segment)
    )
    heard, spoken = Counter(), {"negative": defaultdict(Counter), "positive": defaultdict(Counter)}
    for row in rows:
        side = LOST if row.segment == LOST else "loyal"
        if not row.driver:
            heard[side] += row.heard
            continue
        spoken["negative"][row.driver][side] += row.negative
        spoken["positive"][row.driver][side] += row.positive
    return heard, spoken["negative"], spoken["positive"]


def _contrast(spoken, heard, first, second):
    """Entries of the drivers that somebody spoke of so, with the lift of the first side over the second."""
    most = sorted(spoken, key=lambda driver: (-spoken[driver].total(), driver))[:MOST_DRIVERS]
    entries = [
        {
            "driver": driver,
            **{
                side: {"customers": spoken[driver][side], "share": _ratio(spoken[driver][side], heard[side])}
                for side in (LOST, "loyal")
            },
            "lift": lift(spoken[driver][first], heard[first], spoken[driver][second], heard[second]),
        }
        for driver in most
        if spoken[driver].total()
    ]
    return sorted(entries, key=lambda entry: (entry["lift"] is None, -(entry["lift"] or {"low": 0})["low"]))


def _examples(connection, period, entries, segments, label):
    """{driver: [(interaction pk, position)]}: the newest turns that speak so, of different customers where there are."""
    c = daily_customers.c
    others = [c[name] == 0 for name in ("negative", "neutral", "positive") if name != label]
    places = defaultdict(list)
    if not entries:
        return places
    # A row shows its last turn: where all of the row speaks alike, that turn does.
    nth = func.row_number().over(
        partition_by=(c.driver, c.customer_pk), order_by=(c.day.desc(), c.example_pk.desc(), c.example_position)
    )
    own = (
        select(c.driver, c.customer_pk, c.day, c.example_pk, c.example_position, nth.label("nth"))
        .join(customers, customers.c.pk == c.customer_pk)
        .where(
            *period.days(daily_customers),
            c.driver.in_([entry["driver"] for entry in entries]),
            c[label] > 0,
            *others,
            customers.c.segment.in_(segments),
        )
        .subquery()
    )
    place = func.row_number().over(partition_by=own.c.driver, order_by=(own.c.nth, own.c.day.desc(), own.c.customer_pk))
    best = select(own.c.driver, own.c.example_pk, own.c.example_position, place.label("place")).subquery()
    for row in connection.execute(select(best).where(best.c.place <= MOST_EXAMPLES).order_by(best.c.place)):
        places[row.driver].append((row.example_pk, row.example_position))
    return places


def _texts(connection, places):
    """{(interaction pk, position): the turn as answers tell it}."""
    if not places:
        return {}
    i, t = interactions.c, turns.c
    rows = connection.execute(
        select(i.source, i.id, i.channel, i.occurred_at, t.interaction_pk, t.position, t.text)
        .join(interactions, i.pk == t.interaction_pk)
        # The first condition is for SQLite, which before 3.41 takes no index for pairs.
        .where(t.interaction_pk.in_({pk for pk, _ in places}), tuple_(t.interaction_pk, t.position).in_(set(places)))
    )
    return {(row.interaction_pk, row.position): named(row) | {"turn": row.position, "text": row.text} for row in rows}


def _former(connection, period, leave):
    """The profile of the lost who were heard from in the period; None where there is nobody to tell of."""
    c = daily_customers.c
    rows = connection.execute(
        select(
            *(c.customer_pk, c.channel, c.stage),
            func.min(c.day).label("first"),
            func.max(c.day).label("last"),
            func.sum(c.negative).label("negative"),
            func.sum(c.negative + c.neutral + c.positive).label("conversations"),
        )
        .join(customers, customers.c.pk == c.customer_pk)
        .where(*period.days(daily_customers), c.driver == "", customers.c.segment == LOST)
        .group_by(c.customer_pk, c.channel, c.stage)
    ).all()
    people, channels, stages = defaultdict(list), Counter(), Counter()
    for row in rows:
        people[row.customer_pk].append(row)
        channels[row.channel] += row.conversations
        stages[row.stage or None] += row.conversations
    spans = [(max(row.last for row in own) - min(row.first for row in own)).days for own in people.values()]
    counts = [sum(row.conversations for row in own) for own in people.values()]
    bads = [sum(row.negative for row in own) for own in people.values()]
    worst = sorted(
        (entry for entry in leave if entry[LOST]["customers"]), key=lambda e: (-e[LOST]["share"], e["driver"])
    )
    return {
        "customers": len(people),
        "median_days": float(median(spans)) if people else None,
        "conversations": _ratio(sum(counts), len(people)),
        "negative": _ratio(sum(bad / count for bad, count in zip(bads, counts)), len(people)),
        "spoke_ill": _ratio(sum(bad > 0 for bad in bads), len(people)),
        "channels": _parts(channels),
        "stages": _parts(stages),
        "drivers": [{"name": entry["driver"], **entry[LOST]} for entry in worst[:MOST_FORMER_DRIVERS]],
    }


def _parts(counts):
    """Entries of named counts of conversations, the most first."""
    return [
        {"name": name, "conversations": many, "share": _ratio(many, counts.total())}
        for name, many in sorted(counts.items(), key=lambda count: (-count[1], count[0] or ""))
    ]


def _cells(connection, period):
    """[(stage, channel, team, Counter of SUMS)]; None stands for no stage, no team."""
    c = daily.c
    rows = connection.execute(
        select(c.stage, c.channel, c.team, *(func.sum(c[name]).label(name) for name in SUMS))
        .where(*period.days(daily))
        .group_by(c.stage, c.channel, c.team)
    )
    return [
        (row.stage or None, row.channel, row.team or None, sums)
        for row in rows
        if (sums := Counter({name: int(getattr(row, name)) for name in SUMS}))["conversations"]
    ]


def journey(connection, period, stages):
    """The mood in each stage (`stages` in their order, then others by name, then none), in each channel and in both; where it falls.

    `falls` compares neighbours among those stages of the order that were heard from, in all channels together (`channel` None) and in
    each; a fall is sure where the 95 % interval of the change excludes 0.
    """
    sums = defaultdict(Counter)
    for stage, channel, _, cell in _cells(connection, period):
        for key in ((stage, channel), (stage, EVERY), (EVERY, channel)):
            sums[key].update(cell)
    known = {stage for stage, _ in sums if stage is not EVERY}
    ordered = [stage for stage in stages if stage in known]
    heard = [*ordered, *sorted(known - {*stages, None}), *({None} & known)]
    channels = sorted({channel for _, channel in sums if channel is not EVERY})
    return period.told() | {
        "stages": [
            {"stage": stage}
            | _mood(sums[stage, EVERY])
            | {"channels": [{"channel": name} | _mood(sums[stage, name]) for name in channels if (stage, name) in sums]}
            for stage in heard
        ],
        "channels": [{"channel": name} | _mood(sums[EVERY, name]) for name in channels],
        "falls": [
            {"channel": None if channel is EVERY else channel} | fall
            for channel in (EVERY, *channels)
            for fall in _falls([(stage, sums[stage, channel]) for stage in ordered if (stage, channel) in sums])
        ],
    }


def _mean(sums):
    """(mean valence, its variance) of summed conversations."""
    count = sums["conversations"]
    mean = sums["valence"] / UNIT / count
    spread = max(0.0, sums["valence_squared"] / UNIT / count - mean**2)
    return mean, spread / (count - 1) if count > 1 else 0.0


def _mood(sums):
    count = sums["conversations"]
    mean, variance = _mean(sums)
    half = student(count - 1) * math.sqrt(variance) if count >= LEAST_FOR_INTERVAL else None
    return {
        "conversations": count,
        "valence": _estimate(mean) if half is None else _estimate(mean, mean - half, mean + half),
        **{label: _ratio(sums[label], count) for label in ("negative", "neutral", "positive")},
        "rated": sums["rated"],
        "rating": _ratio(sums["rating"] / UNIT, sums["rated"]),
        "disagreed": sums["disagreed"],
    }


def _falls(stages):
    """The falls between neighbours, with Welch's interval of the change (B. L. Welch, Biometrika 34 (1947), 28-35)."""
    for (before, first), (after, second) in pairwise(stages):
        (mean, variance), (later, other) = _mean(first), _mean(second)
        change = later - mean
        if change >= 0:
            continue
        counts = first["conversations"], second["conversations"]
        half = None
        if min(counts) >= LEAST_FOR_INTERVAL:
            terms = sum(v**2 / (count - 1) for v, count in zip((variance, other), counts))
            half = student((variance + other) ** 2 / terms) * math.sqrt(variance + other) if terms else 0.0
        yield {
            "before": before,
            "after": after,
            "change": _estimate(change) if half is None else _estimate(change, change - half, change + half),
            "sure": half is not None and change + half < 0,
        }


def gap(connection, period):
    """What the company believes of its teams, stages and channels against what customers said there, the widest gap first.

    believed: the mean of the self-assessments in the period; said: the share of conversations felt as positive; both in percent.
    """
    believed = connection.execute(
        select(
            self_assessments.c.kind,
            self_assessments.c.name,
            func.count().label("assessments"),
            func.avg(self_assessments.c.score).label("believed"),
        )
        .where(*_assessed(period))
        .group_by(self_assessments.c.kind, self_assessments.c.name)
    ).all()
    said = defaultdict(Counter)
    for stage, channel, team, cell in _cells(connection, period) if believed else ():
        for place in (("stage", stage), ("channel", channel), ("team", team)):
            said[place].update(cell)
    gaps = []
    for row in believed:
        sums = said[row.kind, row.name]
        found = share_of(sums["positive"], sums["conversations"], unit=100)
        gaps.append(
            {
                "kind": row.kind,
                "name": row.name,
                "assessments": row.assessments,
                "believed": _rounded(row.believed),
                "conversations": sums["conversations"],
                "said": found,
                "gap": found and _rounded(row.believed - found["value"]),
            }
        )
    gaps.sort(key=lambda one: (one["gap"] is None, -(one["gap"] or 0), one["kind"], one["name"]))
    return period.told() | {"gaps": gaps}


def _assessed(period):
    """Conditions on self-assessments: in the period, and of no other channel or stage than the asked."""
    c = self_assessments.c
    asked = ("channel", period.channel), ("stage", period.stage)
    return [
        *period.times(c.at),
        *((c.kind != kind) | (c.name == name) for kind, name in asked if name is not None),
    ]


def assessments(connection, period, limit, cursor=None):
    """The self-assessments of the period, the newest first: {"assessments", "next_cursor" or None}."""
    c = self_assessments.c
    rows, following = _page(connection, select(self_assessments).where(*_assessed(period)), (c.at, c.pk), limit, cursor)
    told = [{"who": row.who, "at": iso(row.at), "kind": row.kind, "name": row.name, "score": row.score} for row in rows]
    return period.told() | {"assessments": told, "next_cursor": following}


def agents(connection, period, least):
    """Conversations that agents turned around, by name and in no ranking; of those alone with at least `least` conversations.

    The rest are told of together, where they are two or more and have at least `least` conversations among them. The share that was
    turned around of what began badly is None for fewer than `least` bad starts.
    """
    c = daily_agents.c
    counted = [func.sum(c[name]).label(name) for name in ("conversations", "bad_starts", "turned_around")]
    rows = connection.execute(select(c.agent, *counted).where(*period.days(daily_agents)).group_by(c.agent)).all()
    rest = [row for row in rows if 0 < row.conversations < least]
    others = {"agents": len(rest)} | _turned([sum(column) for column in zip(*(row[1:] for row in rest))], least)
    return period.told() | {
        "least": least,
        "agents": [
            {"agent": row.agent} | _turned(row[1:], least)
            for row in sorted(rows, key=lambda row: (row.agent.casefold(), row.agent))
            if row.conversations >= least
        ],
        "others": others if len(rest) > 1 and others["conversations"] >= least else None,
    }


def _turned(sums, least):
    conversations, bad_starts, turned_around = sums or (0, 0, 0)
    return {
        "conversations": conversations,
        "bad_starts": bad_starts,
        "turned_around": turned_around,
        "share": share_of(turned_around, bad_starts) if bad_starts >= least else None,
    }


def segments(connection, period, heard=True):
    """Each segment's definition, its customers now and their mean risk, and how many moved from segment to segment in the period.

    `heard`: count only customers last heard from in the period, else all. Channel and stage are of the last interaction.
    """
    c = customers.c
    last = period.times(c.last_at) if heard else []
    now = {
        row.segment: row
        for row in connection.execute(
            select(c.segment, func.count().label("customers"), func.avg(c.risk).label("risk"))
            .where(c.segment.is_not(None), *period.part(customers), *last)
            .group_by(c.segment)
        )
    }
    s = segment_changes.c
    changes = connection.execute(
        select(s.before, s.segment, func.count().label("changes"))
        .join(customers, c.pk == s.customer_pk)
        .where(*period.times(s.at), *period.part(customers))
        .group_by(s.before, s.segment)
    ).all()
    order = {name: place for place, name in enumerate((None, *SEGMENTS))}
    return period.told() | {
        "segments": [
            {
                "segment": name,
                "definition": DEFINITIONS[name],
                "customers": now[name].customers if name in now else 0,
                "risk": round(float(now[name].risk), 1) if name in now else None,
            }
            for name in SEGMENTS
        ],
        "changes": [
            {"before": row.before, "segment": row.segment, "changes": row.changes}
            for row in sorted(changes, key=lambda row: (order[row.before], order[row.segment]))
        ],
    }


def voiced(connection, period, limit, cursor=None):
    """The wishes of the period, the newest first: {"wishes", "next_cursor" or None}; each with its customer, date and text."""
    w = wishes.c
    found = select(w.interaction_pk, w.position, w.customer_pk, w.occurred_at).where(*period.times(w.occurred_at))
    if part := period.part(interactions):
        found = found.join(interactions, interactions.c.pk == w.interaction_pk).where(*part)
    rows, following = _page(connection, found, (w.occurred_at, w.interaction_pk, w.position), limit, cursor)
    told = _texts(connection, [(row.interaction_pk, row.position) for row in rows])
    owners = query.customers_of(connection, {row.customer_pk for row in rows})
    return period.told() | {
        "wishes": [
            {"customer": owners[row.customer_pk]} | told[row.interaction_pk, row.position]
            for row in rows
            if (row.interaction_pk, row.position) in told
        ],
        "next_cursor": following,
    }


def _page(connection, found, keys, limit, cursor):
    """(the rows that follow the cursor, the cursor of the page after or None), the greatest `keys` first: a time and whole numbers."""
    if cursor is not None:
        found = found.where(tuple_(*keys) < tuple_(*_decode(cursor, len(keys)), types=[key.type for key in keys]))
    rows = connection.execute(found.order_by(*(key.desc() for key in keys)).limit(limit + 1)).all()
    if len(rows) <= limit:
        return rows, None
    at, *numbers = (getattr(rows[limit - 1], key.name) for key in keys)
    written = " ".join([iso(at), *map(str, numbers)])
    return rows[:limit], base64.urlsafe_b64encode(written.encode()).decode().rstrip("=")


def _decode(cursor, count):
    try:
        written = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii")
        at, *numbers = written.split(" ")
        at, numbers = datetime.fromisoformat(at), [int(number) for number in numbers]
        sane = at.utcoffset() is not None and 1900 <= at.year <= 2200 and all(0 <= n < 2**31 for n in numbers)
        if sane and len(numbers) == count - 1:
            return at, *numbers
    except (ValueError, binascii.Error):
        pass
    raise Invalid(
        "the cursor is not one of ours",
        [{"index": None, "field": "cursor", "message": "send next_cursor as it was answered"}],
    )
