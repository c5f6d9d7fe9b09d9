"""Claim, read, record: the only loop."""

import logging
import threading
import time
from collections import defaultdict
from datetime import UTC, datetime, timedelta

from sqlalchemy import func, or_, select, update
from sqlalchemy.exc import SQLAlchemyError

from service import causes, metrics, signals
from service.database import reading, transaction
from service.ingest import Lease
from service.mood import conversation_mood, silence, turn_mood
from service.record import record, refresh
from service.tables import FAILED, PENDING, customers, interactions, turns

MOST_ATTEMPTS = 5
MOST_REFRESHED = 50
LONGEST_PAUSE_S = 30
LOOK_S = 20  # between looks for a common cause

log = logging.getLogger("moodline.worker")


class Worker:
    """Reads what waits in the database. `read` serves one caller now; `run` goes on until `stop`; `drain` until nothing waits."""

    def __init__(self, engine, model, settings, clock=lambda: datetime.now(UTC)):
        self._engine, self._model, self._settings, self._clock = engine, model, settings, clock
        self._wake, self._stopped = threading.Event(), threading.Event()

    def wake(self):
        """Look for work now instead of at the next poll."""
        self._wake.set()

    def stop(self):
        """Let `run` return after the batch in hand."""
        self._stopped.set()
        self._wake.set()

    def run(self):
        """Claim and read batches until stopped; after an error, a database that is away say, it goes on with growing pauses."""
        pause_s, look_at = self._settings.worker_poll_s, time.monotonic() + LOOK_S
        while not self._stopped.is_set():
            try:
                worked = self.step()
                if time.monotonic() > look_at:
                    self.find_causes()
                    look_at = time.monotonic() + LOOK_S
                if worked or self.refresh_old():
                    pause_s = self._settings.worker_poll_s
                    continue
                self._pause(self._settings.worker_poll_s)
            except (
                Exception
            ) as error:  # the loop outlives everything; what was claimed is claimed again when the lease is over
                log.warning("the queue can't be worked on (%s); looking again in %.1f s", type(error).__name__, pause_s)
                self._pause(pause_s)
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    def _pause(self, seconds):
        self._wake.wait(seconds)
        self._wake.clear()

    def drain(self, advance=lambda count: None):
        """Read batches until nothing claimable is left; calls `advance` with the size of each."""
        while count := self.step():
            advance(count)
        self.find_causes()

    def step(self):
        """Claim one batch and read it; returns how many interactions were claimed."""
        lease = Lease.taken(self._settings.lease_s)
        claimed = self._claim(lease)
        if claimed:
            self._process(claimed, lease)
        return len(claimed)

    def read(self, pks, lease):
        """Read interactions now and wait until all of them are read, by this process or by whoever holds them.

        Those that `lease` holds are read at once; others are claimed if nobody has them. Returns after at most the
        setting wait_s where another process holds some; those are then still pending.
        """
        self._process(pks, lease)
        until = time.monotonic() + self._settings.wait_s
        while waiting := self._pending(pks):
            if time.monotonic() > until:
                return
            lease = Lease.taken(self._settings.lease_s)
            claimed = self._claim(lease, waiting)
            if claimed:
                self._process(claimed, lease)
            else:
                time.sleep(0.05)

    def _pending(self, pks):
        with reading(self._engine) as connection:
            return list(
                connection.scalars(
                    select(interactions.c.pk).where(interactions.c.pk.in_(pks), interactions.c.status == PENDING)
                )
            )

    def _claim(self, lease, pks=None):
        """Take a lease on waiting interactions that nobody holds: the oldest, or those among `pks`; returns their pks."""
        now = datetime.now(UTC)
        free = (interactions.c.status == PENDING) & or_(
            interactions.c.lease_until.is_(None), interactions.c.lease_until < now
        )
        with reading(self._engine) as connection:  # cheap look first: an idle worker takes no write lock
            if connection.execute(select(interactions.c.pk).where(free).limit(1)).first() is None:
                return []
        wanted = select(interactions.c.pk).where(free, interactions.c.attempts < MOST_ATTEMPTS)
        wanted = (
            wanted.where(interactions.c.pk.in_(pks))
            if pks
            else wanted.order_by(interactions.c.pk).limit(self._settings.worker_batch)
        )
        with transaction(self._engine) as connection:
            connection.execute(
                update(interactions).where(free, interactions.c.attempts >= MOST_ATTEMPTS).values(status=FAILED)
            )
            return list(
                connection.scalars(
                    update(interactions)
                    .where(interactions.c.pk.in_(wanted.with_for_update(skip_locked=True)), free)
                    .values(lease_token=lease.token, lease_until=lease.until, attempts=interactions.c.attempts + 1)
                    .returning(interactions.c.pk)
                )
            )

    def _process(self, pks, lease):
        """Read the interactions that `lease` holds, and record them; those that the model fails on are given back for another attempt."""
        try:
            scored = self._score(pks, lease)
        except SQLAlchemyError:
            raise
        except Exception as error:  # whatever a text does to the model, the queue must go on
            log.error("reading %d interactions failed (%s)", len(pks), type(error).__name__)
            with transaction(self._engine) as connection:
                connection.execute(
                    update(interactions)
                    .where(interactions.c.lease_token == lease.token)
                    .values(lease_token=None, lease_until=None)
                )
            return
        if not scored:
            return
        with transaction(self._engine) as connection:
            stored = record(connection, lease.token, scored, self._clock(), self._settings)
        metrics.READ.inc(stored)

    def _score(self, pks, lease):
        """{pk: ({position: reading as JSON} of turns that had none, Conversation)} of interactions."""
        with reading(self._engine) as connection:
            held = (interactions.c.pk.in_(pks)) & (interactions.c.lease_token == lease.token)
            ratings = {
                row.pk: row.rating
                for row in connection.execute(select(interactions.c.pk, interactions.c.rating).where(held))
            }
            rows = connection.execute(
                select(turns, interactions.c.channel)
                .join(interactions, interactions.c.pk == turns.c.interaction_pk)
                .where(held)
                .order_by(turns.c.interaction_pk, turns.c.position)
            ).all()
        unread = [row for row in rows if row.speaker != "bot" and row.reading is None]
        fresh, spoken = defaultdict(dict), defaultdict(list)
        if unread:
            with metrics.SECONDS.labels("model").time():
                found = self._model.score([(row.text, row.channel) for row in unread], on_batch=self._renewal(lease))
            for row, read in zip(unread, found):
                heard = read if row.confidence is None else read.tempered(row.confidence)
                fresh[row.interaction_pk][row.position] = heard.as_json()
        for row in rows:
            spoken[row.interaction_pk].append(row)
        return {pk: (fresh[pk], _conversation(spoken[pk], fresh[pk], ratings[pk])) for pk in ratings}

    def _renewal(self, lease):
        """A function that lengthens the lease when a third of it has passed: one call may hold hours of speech."""
        renewed = time.monotonic()

        def renew():
            nonlocal renewed
            if time.monotonic() - renewed > self._settings.lease_s / 3:
                renewed = time.monotonic()
                until = datetime.now(UTC) + timedelta(seconds=self._settings.lease_s)
                with transaction(self._engine) as connection:
                    connection.execute(
                        update(interactions).where(interactions.c.lease_token == lease.token).values(lease_until=until)
                    )

        return renew

    def refresh_old(self, most=MOST_REFRESHED):
        """Compute at most so many stored moods anew that are older than the setting mood_refresh_s: the risk fades with time.

        Returns how many.
        """
        now = self._clock()
        old = (
            select(customers.c.pk)
            .where(customers.c.mood_at < now - timedelta(seconds=self._settings.mood_refresh_s))
            .order_by(customers.c.mood_at)
            .limit(most)
        )
        with reading(self._engine) as connection:
            pks = list(connection.scalars(old))
        if pks:
            with transaction(self._engine) as connection:
                refresh(connection, pks, now, self._settings)
        return len(pks)

    def find_causes(self):
        """Look for what many customers complain of together; returns the Signals of what began."""
        with transaction(self._engine) as connection:
            began = causes.detect(connection, self._clock(), self._settings)
            causes.judge_again(connection, self._clock())
            signals.emit(connection, began)
        return began


def _conversation(spoken, fresh, rating):
    """The Conversation of an interaction's turn rows, with the readings just made {position: reading} or stored before."""
    readings = {row.position: fresh.get(row.position, row.reading) for row in spoken}
    return conversation_mood(
        [turn_mood(row.position, readings[row.position]) for row in spoken if row.speaker == "customer"],
        [
            readings[row.position]["sentiment"]["valence"]
            for row in spoken
            if row.speaker == "agent" and readings[row.position]
        ],
        rating,
        silence([(row.speaker, row.start_s, row.end_s) for row in spoken]),
    )


def waiting(connection):
    """How many interactions wait to be read."""
    return connection.scalar(select(func.count()).select_from(interactions).where(interactions.c.status == PENDING))
