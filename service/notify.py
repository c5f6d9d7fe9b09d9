"""Signal row → delivery: the one outbound door.

signals.emit ─► deliveries (the queue) ─► Notifier: claim ─► resolve, sign, send ─► record
Deliveries follow the Standard Webhooks specification 1.0 (headers webhook-id, webhook-timestamp, webhook-signature).
"""

import asyncio
import base64
import hashlib
import hmac
import ipaddress
import json
import logging
import random
import socket
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from importlib.metadata import version
from operator import eq, ge, lt
from uuid import UUID, uuid4, uuid5

import httpx
from sqlalchemy import func, select, update

from service import metrics
from service.database import reading, transaction
from service.errors import Refused
from service.query import customers_of
from service.record import iso
from service.subscriptions import SECRET_PREFIX
from service.tables import DEAD, DELIVERED, PENDING, deliveries, signals, subscriptions

TEST_KIND = "moodline.test"

PAUSES_S = (5, 60, 300, 1_800, 7_200, 18_000, 28_800, 28_800)  # after each failed attempt; a day in all
JITTER = 0.1  # of a pause, either way: those that failed together do not come back together
ATTEMPT_S = 10  # from the connection to the answer's status
CONNECT_S = 3
LEASE_S = 60  # an attempt not recorded by then is made again
POLL_S = 0.3
LONGEST_PAUSE_S = 30
STOP_S = 2
MOST_AT_ONCE = 32
MOST_OF_ONE = 4  # at once to one subscription, so that an endpoint that hangs leaves room for the others
MOST_LOOKED_AT = 500

PAGE = 200

NAT64 = ipaddress.ip_network("64:ff9b::/96")
LOCAL_NAT64 = ipaddress.ip_network("64:ff9b:1::/48")

log = logging.getLogger("moodline.notify")
chance = random.SystemRandom()


def message(signal, customer):
    """What is told of a row of `signals`, to subscribers and in the stream alike; `customer` is {"id", "identities"} or None."""
    return {
        "type": signal.kind,
        "timestamp": iso(signal.at),
        "data": {"signal": signal.pk, "customer": customer} | signal.data,
    }


def changes(connection, kind, customer_pk, start, end, limit, before):
    """Messages of signals, the latest first: {"signals", "next_before" or None}; None is any."""
    found = select(signals).order_by(signals.c.pk.desc()).limit(limit + 1)
    for column, compare, value in (
        (signals.c.kind, eq, kind),
        (signals.c.customer_pk, eq, customer_pk),
        (signals.c.at, ge, start),
        (signals.c.at, lt, end),
        (signals.c.pk, lt, before),
    ):
        found = found if value is None else found.where(compare(column, value))
    rows = connection.execute(found).all()
    told = [message for _, message in _messages(connection, rows[:limit])]
    return {"signals": told, "next_before": rows[limit - 1].pk if len(rows) > limit else None}


def _messages(connection, rows):
    known = customers_of(connection, {row.customer_pk for row in rows} - {None}) if rows else {}
    return [(row.pk, message(row, known.get(row.customer_pk))) for row in rows]


def is_public(address):
    """Whether an ipaddress is one of the public internet, and so is any IPv4 address that it stands for."""
    if address.version == 6:
        if address.ipv4_mapped is not None:
            return is_public(address.ipv4_mapped)
        if address.sixtofour is not None and not is_public(address.sixtofour):
            return False
        if address in NAT64 and not is_public(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)):
            return False
        if address.is_site_local or address in LOCAL_NAT64:
            return False
    return address.is_global and not address.is_multicast


def objection(url, private_allowed):
    """Why nothing may be sent to a URL, as far as its text tells; None where it may. `resolve` looks at its name's addresses."""
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        return "is no valid URL"
    if parsed.scheme not in ("http", "https") or not parsed.host:
        return "must begin with http:// or https:// and name a host"
    if parsed.userinfo:
        return "must not hold a user name or a password"
    if private_allowed:
        return None
    host = parsed.host.lower().rstrip(".")
    address = _literal(host)
    if host == "localhost" or host.endswith(".localhost") or (address is not None and not is_public(address)):
        return "must not lead to a private address"
    return None


def _literal(host):
    """The address that a host is written as, in any way the system takes (127.1 and 0x7f000001 too); None for a name."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        pass
    try:
        return ipaddress.ip_address(socket.inet_aton(host))
    except (OSError, ValueError):
        return None


def resolve(url, private_allowed):
    """The addresses of an httpx.URL's host, as texts; raises Refused where there are none, or one of them is not public."""
    port = url.port or (443 if url.scheme == "https" else 80)
    try:
        found = socket.getaddrinfo(url.raw_host.decode("ascii"), port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise Refused("the host's name can't be resolved") from None
    addresses = list(dict.fromkeys(entry[4][0] for entry in found))
    if not private_allowed and not all(is_public(ipaddress.ip_address(address)) for address in addresses):
        raise Refused("the host has a private address")
    return addresses


def sign(secret, message_id, at_s, body):
    """The header webhook-signature of a body's bytes: v1 and HMAC-SHA256 over "id.timestamp.body", in base64."""
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX))
    signed = hmac.new(key, f"{message_id}.{at_s}.".encode() + body, hashlib.sha256)
    return f"v1,{base64.b64encode(signed.digest()).decode()}"


def message_id(subscription_id, signal):
    """The header webhook-id: the same at every attempt, and never that of another signal, even where the database uses a pk again."""
    return f"msg_{uuid5(UUID(subscription_id), f'{signal.kind} {signal.cause}').hex}"


@dataclass(frozen=True)
class Outcome:
    """What became of one attempt: the answer's HTTP status, None where none came, and what the list of deliveries says of it."""

    status: int | None
    text: str

    @property
    def delivered(self):
        return self.status is not None and 200 <= self.status < 300


@dataclass(frozen=True)
class Claimed:
    """A delivery that this process holds, with all that sending it takes."""

    pk: int
    attempts: int
    subscription_pk: int
    subscription_id: str
    url: str
    secret: str
    message_id: str
    message: dict


class Notifier:
    """Sends what is due in `deliveries`. `run` goes on until `stop`; `step` sends one batch. Several processes may do it at once."""

    def __init__(self, engine, settings, transport=None):
        self._engine, self._private_allowed, self._transport = engine, settings.private_webhooks, transport
        self._wake, self._stopped = threading.Event(), threading.Event()
        self._sending = {}  # task: its subscription's pk

    def wake(self):
        """Look for what is due now instead of at the next poll."""
        self._wake.set()

    def stop(self):
        """Let `run` return, and the streams end; what is being sent has STOP_S to finish, and is sent again later if it does not."""
        self._stopped.set()
        self._wake.set()

    @property
    def stopped(self):
        return self._stopped.is_set()

    def run(self):
        """Claim and send until stopped; after an error, a database that is away say, it goes on with growing pauses."""
        asyncio.run(self._run())

    def step(self):
        """Claim what is due, as much as is sent at once, and send it; returns how many attempts were made."""
        return asyncio.run(self._step())

    async def _step(self):
        tasks = await self._start()
        await asyncio.gather(*tasks)
        return len(tasks)

    async def _run(self):
        # A thread for each that is being sent: names are resolved and outcomes recorded there, and a slow one must not hold up the rest.
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(MOST_AT_ONCE + 2, "notifier"))
        pause_s = POLL_S
        while not self.stopped:
            try:
                if not await self._start():
                    await self._pause(POLL_S)
                pause_s = POLL_S
            except (
                Exception
            ) as error:  # the loop outlives everything; what was claimed is claimed again after the lease
                log.warning("deliveries can't be looked for (%s); again in %.1f s", type(error).__name__, pause_s)
                await self._pause(pause_s)
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
        if self._sending:
            await asyncio.wait(self._sending, timeout=STOP_S)

    async def _pause(self, seconds):
        await asyncio.to_thread(self._wake.wait, seconds)
        self._wake.clear()

    async def _start(self):
        """Claim what is due and begin to send it; returns the tasks."""
        tasks = []
        for one in await asyncio.to_thread(self._claim, Counter(self._sending.values())):
            task = asyncio.create_task(self._attempt(one))
            self._sending[task] = one.subscription_pk
            task.add_done_callback(self._ended)
            tasks.append(task)
        return tasks

    def _ended(self, task):
        del self._sending[task]
        self._wake.set()  # there is room for another

    def _claim(self, sending):
        """Take a lease on deliveries that are due; `sending` counts those in hand of each subscription. Returns a list of Claimed."""
        now = datetime.now(UTC)
        full = [pk for pk, count in sending.items() if count >= MOST_OF_ONE]
        due = (deliveries.c.status == PENDING) & (deliveries.c.next_at <= now)
        with reading(self._engine) as connection:  # cheap look first: an idle notifier takes no write lock
            rows = connection.execute(
                select(deliveries.c.pk, deliveries.c.subscription_pk)
                .join(subscriptions, subscriptions.c.pk == deliveries.c.subscription_pk)
                .where(due, subscriptions.c.switched_off_at.is_(None), subscriptions.c.pk.not_in(full))
                .order_by(deliveries.c.next_at, deliveries.c.pk)
                .limit(MOST_LOOKED_AT)
            ).all()
        wanted, lanes = [], Counter(sending)
        for row in rows:
            if lanes[row.subscription_pk] < MOST_OF_ONE and lanes.total() < MOST_AT_ONCE:
                lanes[row.subscription_pk] += 1
                wanted.append(row.pk)
        if not wanted:
            return []
        free = select(deliveries.c.pk).where(deliveries.c.pk.in_(wanted), due).with_for_update(skip_locked=True)
        with transaction(self._engine) as connection:
            held = connection.scalars(
                update(deliveries)
                .where(deliveries.c.pk.in_(free), due)
                .values(next_at=now + timedelta(seconds=LEASE_S), attempts=deliveries.c.attempts + 1)
                .returning(deliveries.c.pk)
            ).all()
        return self._load(held)

    def _load(self, pks):
        with reading(self._engine) as connection:
            rows = connection.execute(
                select(
                    deliveries.c.pk.label("delivery_pk"),
                    deliveries.c.attempts,
                    deliveries.c.subscription_pk,
                    subscriptions.c.id.label("subscription_id"),
                    subscriptions.c.url,
                    subscriptions.c.secret,
                    signals,
                )
                .join(subscriptions, subscriptions.c.pk == deliveries.c.subscription_pk)
                .join(signals, signals.c.pk == deliveries.c.signal_pk)
                .where(deliveries.c.pk.in_(pks), subscriptions.c.switched_off_at.is_(None))
                .order_by(deliveries.c.pk)
            ).all()
            known = customers_of(connection, {row.customer_pk for row in rows} - {None})
        return [
            Claimed(
                row.delivery_pk,
                row.attempts,
                row.subscription_pk,
                row.subscription_id,
                row.url,
                row.secret,
                message_id(row.subscription_id, row),
                message(row, known.get(row.customer_pk)),
            )
            for row in rows
        ]

    async def _attempt(self, one):
        """Send one delivery and record the outcome; where that fails, it is sent again when the lease is over."""
        try:
            outcome = await self.send(one.url, one.secret, one.message_id, one.message)
            await asyncio.to_thread(self._record, one, outcome)
        except Exception as error:
            log.warning("delivery %d can't be recorded (%s): it is made again", one.pk, type(error).__name__)

    def _record(self, one, outcome):
        now, gone = datetime.now(UTC), outcome.status == 410
        if outcome.delivered:
            result, values = "delivered", {"status": DELIVERED, "finished_at": now}
        elif gone or one.attempts > len(PAUSES_S):
            result, values = "dead", {"status": DEAD, "finished_at": now}
        else:
            result, values = "failed", {"next_at": now + pause_after(one.attempts)}
        with transaction(self._engine) as connection:
            if (
                gone
            ):  # before the delivery, as a removal locks them; a URL changed meanwhile is not the one that is gone
                connection.execute(
                    update(subscriptions)
                    .where(
                        subscriptions.c.pk == one.subscription_pk,
                        subscriptions.c.url == one.url,
                        subscriptions.c.switched_off_at.is_(None),
                    )
                    .values(switched_off_at=now, switched_off_why="the endpoint answered 410 Gone")
                )
            connection.execute(
                update(deliveries)
                .where(
                    deliveries.c.pk == one.pk,
                    deliveries.c.attempts == one.attempts,
                    deliveries.c.status == PENDING,
                )
                .values(outcome=outcome.text, **values)
            )
        metrics.DELIVERIES.labels(result).inc()
        if result == "dead":
            log.warning("delivery %d to subscription %s is given up: %s", one.pk, one.subscription_id, outcome.text)

    def test(self, subscription):
        """Send a message of the kind moodline.test to a row of `subscriptions`, once and now; returns the Outcome."""
        told = {
            "type": TEST_KIND,
            "timestamp": iso(datetime.now(UTC)),
            "data": {"subscription": subscription.id, "text": "שלום, ההודעות של moodline מגיעות לכאן"},
        }
        return asyncio.run(self.send(subscription.url, subscription.secret, f"msg_{uuid4().hex}", told))

    async def send(self, url, secret, message_id, told):
        """One attempt to send a message, signed as of now; returns its Outcome, whatever happens."""
        body = json.dumps(told, ensure_ascii=False).encode()
        at_s = int(time.time())
        headers = {
            "Content-Type": "application/json",
            "User-Agent": f"moodline/{version('moodline')}",
            "webhook-id": message_id,
            "webhook-timestamp": str(at_s),
            "webhook-signature": sign(secret, message_id, at_s, body),
        }
        try:
            async with asyncio.timeout(ATTEMPT_S):  # httpx's own limits begin anew with each byte that drips in
                return await self._post(httpx.URL(url), body, headers)
        except Refused as error:
            return Outcome(None, str(error))
        except (TimeoutError, httpx.TimeoutException):
            return Outcome(None, f"no answer within {ATTEMPT_S} s")
        except Exception as error:  # TLS, HTTP and all that an endpoint may do; the message may quote the URL
            return Outcome(None, f"can't be reached ({type(error).__name__})")

    async def _post(self, url, body, headers):
        """Resolve once, and connect to the addresses that were looked at, one after another; the name stays in Host and in TLS."""
        name = url.raw_host.decode("ascii")
        headers |= {"Host": url.netloc.decode("ascii")}
        *others, last = await asyncio.to_thread(resolve, url, self._private_allowed)
        for address in others:
            try:
                return await self._post_to(url.copy_with(host=address), body, headers, name)
            except (httpx.ConnectError, httpx.ConnectTimeout):
                continue
        return await self._post_to(url.copy_with(host=last), body, headers, name)

    async def _post_to(self, url, body, headers, name):
        async with (
            httpx.AsyncClient(
                transport=self._transport,
                verify=self._tls,
                trust_env=False,  # a proxy would resolve the name once more
                follow_redirects=False,
                timeout=httpx.Timeout(ATTEMPT_S, connect=CONNECT_S),
            ) as client,
            client.stream(
                "POST", url, content=body, headers=headers, extensions={"sni_hostname": name}
            ) as answer,  # left unread
        ):
            return Outcome(answer.status_code, f"HTTP {answer.status_code}")

    @cached_property
    def _tls(self):
        return httpx.create_ssl_context()


def pause_after(attempts):
    """The pause after so many failed attempts, at least one, as a timedelta with chance in it."""
    return timedelta(seconds=PAUSES_S[attempts - 1] * chance.uniform(1 - JITTER, 1 + JITTER))


class Tail:
    """Signals as they come, after `position` (a pk; None: from now), as (pk, message) pairs. signals.emit gives pks in commit order."""

    def __init__(self, engine, position=None):
        self._engine = engine
        with reading(engine) as connection:
            newest = connection.scalar(select(func.max(signals.c.pk))) or 0
        self._position = newest if position is None else min(position, newest)

    def read(self):
        """What came since the last call, at most PAGE; an empty list where nothing did."""
        with reading(self._engine) as connection:
            rows = connection.execute(
                select(signals).where(signals.c.pk > self._position).order_by(signals.c.pk).limit(PAGE)
            ).all()
            told = _messages(connection, rows)
        if rows:
            self._position = rows[-1].pk
        return told
