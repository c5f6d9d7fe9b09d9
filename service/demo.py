"""The invented company of `moodline demo`: what 53 customers said and did over the last 90 days, moved so that it ends yesterday."""

import json
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import select

from service.days import Day
from service.tables import self_assessments

FOLDER = Path(__file__).parent


def _rows(name):
    return [json.loads(line) for line in (FOLDER / name).read_text(encoding="utf-8").splitlines()]


def _dated(row, today, field):
    at = datetime.strptime(row.pop("time", "12:00"), "%H:%M").replace(tzinfo=UTC)
    at = today - timedelta(days=1 + row.pop("days_ago")) + timedelta(hours=at.hour, minutes=at.minute)
    return row | {field: at.isoformat()}


def days(today):
    """The Days of the demo, from the first on which something happened to the day before `today` (a midnight, UTC)."""
    said, done = defaultdict(list), defaultdict(list)
    for name, found in (("demo.jsonl", said), ("demo-events.jsonl", done)):
        for row in _rows(name):
            row = _dated(row, today, "occurred_at")
            found[datetime.fromisoformat(row["occurred_at"]).date()].append(row)
    first = min(*said, *done)
    dates = [first + timedelta(days=number) for number in range((today.date() - first).days)]
    return [Day(date, tuple(said[date]), tuple(done[date])) for date in dates]


def assess(connection, today):
    """Store what the company believes of itself, unless it is there."""
    for row in _rows("demo-assessments.jsonl"):
        row = _dated(row, today, "at")
        row["at"] = datetime.fromisoformat(row["at"])
        same = (self_assessments.c.who == row["who"]) & (self_assessments.c.name == row["name"])
        if connection.execute(select(self_assessments.c.pk).where(same)).first() is None:
            connection.execute(self_assessments.insert().values(**row))
