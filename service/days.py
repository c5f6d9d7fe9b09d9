"""Days lived through on a clock of their own: what was said and done on each is recorded as of its last second."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time

from sqlalchemy import select

from service.channels.native import EventIn, InteractionIn, to_happening, to_interaction
from service.database import transaction
from service.ingest import accept, accept_events
from service.record import refresh
from service.tables import customers
from service.worker import Worker

BATCH = 500
REFRESH_DAYS = 14  # no mood grows older, so that silence is noticed


@dataclass(frozen=True)
class Day:
    """interactions and events are in the form of POST /v1/interactions and POST /v1/events."""

    date: date
    interactions: tuple[dict, ...] = ()
    events: tuple[dict, ...] = ()


def live_through(engine, model, settings, days, advance=lambda: None):
    """Send Days, in their order, through the service; `model` may be None where every turn brings its reading. Calls `advance` after each.

    The moods of all customers stand in the end as of the last day, or as of now where that is today or later.
    """
    settings = settings.model_copy(update={"worker_batch": BATCH, "mood_refresh_s": REFRESH_DAYS * 86_400})
    now = None
    worker = Worker(engine, model, settings, lambda: now)
    for day in days:
        now = min(datetime.combine(day.date, time(23, 59, 59), UTC), datetime.now(UTC))
        for rows in _batches(day.interactions):
            sent = [to_interaction(InteractionIn.model_validate(row), settings.phone_region) for row in rows]
            with transaction(engine) as connection:
                accept(connection, sent, at=now)
        worker.drain()
        for rows in _batches(day.events):
            happened = [to_happening(EventIn.model_validate(row), settings.phone_region) for row in rows]
            with transaction(engine) as connection:
                accept_events(connection, happened, settings, at=now)
        while worker.refresh_old(BATCH):
            pass
        advance()
    if now is not None:
        with transaction(engine) as connection:
            refresh(connection, list(connection.scalars(select(customers.c.pk))), now, settings)


def _batches(rows):
    return [rows[start : start + BATCH] for start in range(0, len(rows), BATCH)]
