import json
import logging
import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count

import httpx
import pytest
import uvicorn
from sqlalchemy import func, insert, select, update
from standardwebhooks import Webhook

from service import notify
from service.api import answers
from service.database import reading, transaction
from service.notify import PAUSES_S, Notifier, Tail
from service.signals import KINDS, Signal, emit
from service.tables import DEAD, PENDING, customers, deliveries, identities, signals, subscriptions
from tests.integration.conftest import open_house

HOOK = "https://93.184.215.14/hook"
causes = count(1)


def subscribe(house, url=HOOK, **body):
    answer = house.client.post("/v1/subscriptions", json={"url": url, **body})
    assert answer.status_code == 201, answer.text
    return answer.json()


def raised(house, kind="signal.raised", customer_pk=None, **data):
    """Emit a signal, as those who decide do; returns its pk."""
    one = Signal(kind, str(next(causes)), customer_pk, datetime.now(UTC), data)
    with transaction(house.parts.engine) as connection:
        emit(connection, [one])
        return connection.scalar(select(signals.c.pk).where(signals.c.cause == one.cause))


def dana(house):
    with transaction(house.parts.engine) as connection:
        pk = connection.execute(
            insert(customers).values(external_id="dana", created_at=datetime.now(UTC)).returning(customers.c.pk)
        ).scalar()
        connection.execute(insert(identities).values(kind="phone", value="+972505550101", customer_pk=pk))
    return pk


def notifier(house, *statuses):
    """A Notifier whose endpoint answers with these statuses in turn, the last one for ever; and the requests it gets."""
    got = []

    def answer(request):
        got.append(request)
        return httpx.Response(statuses[min(len(got), len(statuses)) - 1])

    return Notifier(house.parts.engine, house.parts.settings, httpx.MockTransport(answer)), got


def listed(house, one, **asked):
    answer = house.client.get(f"/v1/subscriptions/{one['id']}/deliveries", params=asked)
    answers.Deliveries.model_validate_json(answer.content)
    return answer.json()["deliveries"]


def come_due(house):
    with transaction(house.parts.engine) as connection:
        connection.execute(update(deliveries).values(next_at=datetime.now(UTC) - timedelta(seconds=1)))


def test_a_signal_is_delivered_once_and_its_signature_verifies(house):
    one = subscribe(house)
    pk = raised(house, customer_pk=dana(house), risk=70, text="נמאס לי")
    sender, got = notifier(house, 204)
    assert [sender.step(), sender.step()] == [1, 0]
    [request] = got
    told = Webhook(one["secret"]).verify(request.content, dict(request.headers))
    answers.Message.model_validate(told)
    assert told["type"] == "signal.raised"
    assert told["data"] == {
        "signal": pk,
        "customer": {"id": "dana", "identities": [{"kind": "phone", "value": "+972505550101"}]},
        "risk": 70,
        "text": "נמאס לי",
    }
    assert "נמאס לי".encode() in request.content
    [delivery] = listed(house, one, status="delivered")
    assert (delivery["signal"], delivery["attempts"], delivery["outcome"]) == (pk, 1, "HTTP 204")


def test_each_gets_what_its_kinds_and_filters_say(house):
    all_kinds, falls, high = (
        subscribe(house),
        subscribe(house, kinds=["mood.fell"]),
        subscribe(house, kinds=["signal.raised", "mood.fell"], filters={"min_risk": 60, "channels": ["chat"]}),
    )
    assert all_kinds["kinds"] == list(KINDS)
    raised(house, risk=80, channel="chat")
    raised(house, risk=80, channel="call")
    raised(house, "mood.fell", channel="chat")
    assert [len(listed(house, one)) for one in (all_kinds, falls, high)] == [3, 1, 1]


def test_without_subscriptions_nothing_is_queued(house):
    raised(house)
    with reading(house.parts.engine) as connection:
        assert connection.scalar(select(func.count()).select_from(deliveries)) == 0


def test_a_failure_is_retried_under_the_same_id_with_a_new_signature_until_it_is_given_up(house):
    one = subscribe(house)
    raised(house)
    sender, got = notifier(house, 500)
    for attempt in range(len(PAUSES_S) + 1):
        [delivery] = listed(house, one)
        assert (delivery["status"], delivery["attempts"]) == ("pending", attempt)
        if attempt:
            pause = datetime.fromisoformat(delivery["next_at"]) - datetime.now(UTC)
            assert 0.85 * PAUSES_S[attempt - 1] - 3 < pause.total_seconds() < 1.15 * PAUSES_S[attempt - 1]
            assert sender.step() == 0
            come_due(house)
        assert sender.step() == 1
    [delivery] = listed(house, one, status="dead")
    assert (delivery["attempts"], delivery["outcome"], delivery["next_at"]) == (len(PAUSES_S) + 1, "HTTP 500", None)
    come_due(house)
    assert sender.step() == 0
    assert len({request.headers["webhook-id"] for request in got}) == 1
    for request in got:
        Webhook(one["secret"]).verify(request.content, dict(request.headers))


def test_what_was_given_up_can_be_delivered_again(house):
    one = subscribe(house)
    for _ in range(3):
        raised(house)
    with transaction(house.parts.engine) as connection:
        connection.execute(update(deliveries).values(status=DEAD, attempts=9, finished_at=datetime.now(UTC)))
    dead = listed(house, one, status="dead")
    path = f"/v1/subscriptions/{one['id']}"
    again = house.client.post(f"{path}/deliveries/{dead[0]['id']}/redeliver")
    assert (again.status_code, again.json()["status"]) == (202, "pending")
    answers.Delivery.model_validate_json(again.content)
    sender, got = notifier(house, 200)
    assert sender.step() == 1
    rest = house.client.post(f"{path}/redeliver")
    assert (rest.status_code, rest.json()) == (202, {"redelivered": 2})
    assert sender.step() == 2
    assert len(listed(house, one, status="delivered")) == 3
    # A delivered one too, under the id that it had.
    assert house.client.post(f"{path}/deliveries/{dead[0]['id']}/redeliver").status_code == 202
    assert sender.step() == 1
    assert got[0].headers["webhook-id"] == got[-1].headers["webhook-id"]
    assert house.client.post(f"{path}/deliveries/99999/redeliver").status_code == 404
    other = subscribe(house)
    assert house.client.post(f"/v1/subscriptions/{other['id']}/deliveries/{dead[0]['id']}/redeliver").status_code == 404


def test_410_switches_a_subscription_off_until_it_is_switched_on_again(house):
    one = subscribe(house)
    path = f"/v1/subscriptions/{one['id']}"
    raised(house)
    sender, got = notifier(house, 410, 200)
    assert sender.step() == 1
    off = house.client.get(path).json()
    assert (off["active"], off["switched_off_why"]) == (False, "the endpoint answered 410 Gone")
    raised(house)
    with transaction(house.parts.engine) as connection:  # one that waited before
        connection.execute(update(deliveries).values(status=PENDING))
    come_due(house)
    assert sender.step() == 0
    assert house.client.post(f"{path}/redeliver").status_code == 409
    on = house.client.patch(path, json={"active": True}).json()
    assert (on["active"], on["switched_off_at"], on["switched_off_why"]) == (True, None, None)
    assert sender.step() == 1
    assert len(got) == 2
    assert len(listed(house, one)) == 1  # nothing was queued while it was off


def test_one_switched_off_by_hand_is_sent_nothing_and_keeps_its_reason(house):
    one = subscribe(house)
    raised(house)
    path = f"/v1/subscriptions/{one['id']}"
    off = house.client.patch(path, json={"active": False}).json()
    assert off["switched_off_why"] == "switched off over the API"
    assert house.client.patch(path, json={"active": False}).json() == off
    sender, got = notifier(house, 200)
    assert sender.step() == 0
    house.client.patch(path, json={"active": True})
    assert (sender.step(), len(got)) == (1, 1)


def test_a_redirect_is_retried_and_not_followed(house):
    one = subscribe(house)
    raised(house)
    sender, got = notifier(house, 301)
    assert sender.step() == 1
    assert (len(got), listed(house, one)[0]["outcome"], listed(house, one)[0]["status"]) == (1, "HTTP 301", "pending")


def test_two_notifiers_at_once_deliver_each_signal_once(house):
    one = subscribe(house)
    for _ in range(40):
        raised(house)
    got, lock = [], threading.Lock()

    def answer(request):
        with lock:
            got.append(request.headers["webhook-id"])
        return httpx.Response(200)

    pair = [Notifier(house.parts.engine, house.parts.settings, httpx.MockTransport(answer)) for _ in range(2)]
    threads = [threading.Thread(target=each.run) for each in pair]
    for thread in threads:
        thread.start()
    until = time.monotonic() + 30
    while len(listed(house, one, status="delivered")) < 40 and time.monotonic() < until:
        time.sleep(0.1)
    for each in pair:
        each.stop()
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()
    assert (len(got), len(set(got))) == (40, 40)


def test_a_crash_between_claim_and_sending_loses_nothing(house):
    one = subscribe(house)
    raised(house)
    crashed, _ = notifier(house, 200)
    assert len(crashed._claim({})) == 1  # and then nothing more
    sender, got = notifier(house, 200)
    assert sender.step() == 0
    with transaction(house.parts.engine) as connection:
        due = connection.scalar(select(deliveries.c.next_at))
        assert timedelta(0) < due - datetime.now(UTC) <= timedelta(seconds=notify.LEASE_S)
    come_due(house)
    assert (sender.step(), len(got), listed(house, one)[0]["status"]) == (1, 1, "delivered")


def test_a_late_outcome_of_an_attempt_that_was_taken_over_changes_nothing(house):
    one = subscribe(house)
    raised(house)
    slow, _ = notifier(house, 200)
    [claimed] = slow._claim({})
    come_due(house)
    sender, _ = notifier(house, 200)
    assert sender.step() == 1
    slow._record(claimed, notify.Outcome(500, "HTTP 500"))
    assert listed(house, one)[0]["outcome"] == "HTTP 200"


def test_a_private_address_is_not_sent_to(house):
    one = subscribe(house)
    raised(house)
    with transaction(house.parts.engine) as connection:  # one that was public when it was subscribed
        connection.execute(update(subscriptions).values(url="https://10.0.0.1/hook"))
    sender, got = notifier(house, 200)
    assert sender.step() == 1
    assert (got, listed(house, one)[0]["outcome"]) == ([], "the host has a private address")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"url": "http://127.0.0.1/x"}, "url"), ({"url": "http://[::1]/x"}, "url"), ({"url": "ftp://a.org"}, "url"),
        ({"url": "https://localhost/x"}, "url"), ({"url": "https://a:b@example.org/"}, "url"), ({}, "url"),
        ({"url": HOOK, "kinds": ["nonsense"]}, "kinds[0]"), ({"url": HOOK, "kinds": []}, "kinds"),
        ({"url": HOOK, "filters": {"min_risk": 101}}, "filters.min_risk"),
        ({"url": HOOK, "filters": {"colour": 1}}, "filters.colour"),
        ({"url": HOOK, "filters": {"channels": ["fax"]}}, "filters.channels[0]"), ({"url": HOOK, "more": 1}, "more"),
    ],
)  # fmt: skip
def test_faulty_subscriptions_are_refused_and_the_field_is_named(house, body, field):
    answer = house.client.post("/v1/subscriptions", json=body)
    assert answer.status_code == 422
    assert [fault["field"] for fault in answer.json()["errors"]] == [field]


def test_a_subscription_is_made_listed_changed_and_removed_and_its_secret_shown_once(house):
    made = house.client.post("/v1/subscriptions", json={"url": HOOK, "filters": {"drivers": ["price"]}})
    answers.NewSubscription.model_validate_json(made.content)
    one = made.json()
    path = f"/v1/subscriptions/{one['id']}"
    assert one["secret"].startswith("whsec_")
    for answer in (house.client.get("/v1/subscriptions"), house.client.get(path)):
        assert one["secret"] not in answer.text
    answers.Subscription.model_validate_json(house.client.get(path).content)
    answers.Subscriptions.model_validate_json(house.client.get("/v1/subscriptions").content)
    assert [row["id"] for row in house.client.get("/v1/subscriptions").json()["subscriptions"]] == [one["id"]]
    changed = house.client.patch(path, json={"kinds": ["mood.fell"], "filters": {}, "url": HOOK + "2"}).json()
    assert (changed["kinds"], changed["filters"], changed["url"]) == (["mood.fell"], {}, HOOK + "2")
    assert house.client.patch(path, json={"url": "http://10.0.0.1/"}).status_code == 422
    raised(house, "mood.fell")
    assert house.client.delete(path).status_code == 204
    for method, end in (("GET", ""), ("DELETE", ""), ("GET", "/deliveries"), ("POST", "/test"), ("POST", "/redeliver")):
        assert house.client.request(method, path + end).status_code == 404
    with reading(house.parts.engine) as connection:
        assert connection.scalar(select(func.count()).select_from(deliveries)) == 0


def test_deliveries_come_in_pages(house):
    one = subscribe(house)
    pks = [raised(house) for _ in range(5)]
    path, cursor, seen = f"/v1/subscriptions/{one['id']}/deliveries", None, []
    for _ in range(3):
        page = house.client.get(path, params={"limit": 2} | ({"cursor": cursor} if cursor else {})).json()
        seen += [row["signal"] for row in page["deliveries"]]
        cursor = page["next_cursor"]
    assert (seen, cursor) == (pks[::-1], None)


def test_neither_secret_nor_url_reaches_the_log(house, caplog):
    caplog.set_level(logging.INFO, "moodline")
    one = subscribe(house, f"{HOOK}?token=hush")
    raised(house)
    with transaction(house.parts.engine) as connection:
        connection.execute(update(deliveries).values(attempts=20))
    sender, _ = notifier(house, 500)
    sender.step()
    told = "\n".join(record.getMessage() for record in caplog.records if record.name.startswith("moodline"))
    assert "is given up: HTTP 500" in told
    assert "hush" not in told
    assert one["secret"] not in told


class Endpoint(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/hang":
            self.server.hung.wait(30)
        self.server.got.append((self.path, dict(self.headers), body))
        self.send_response(302 if self.path == "/redirect" else 200)
        self.send_header("Location", "/elsewhere")
        self.end_headers()

    def log_message(self, *_):
        pass


@contextmanager
def endpoint():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Endpoint)
    server.got, server.hung, server.url = [], threading.Event(), f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield server
    finally:
        server.hung.set()
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def serving(house):
    """The house behind a real server, with its notifier; a client of it."""
    server = uvicorn.Server(uvicorn.Config(house.client.app, port=0, log_config=None, timeout_graceful_shutdown=5))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    headers = {"Authorization": house.client.headers["Authorization"]}
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=20, trust_env=False) as client:
            yield client
    finally:
        house.parts.notifier.stop()
        server.should_exit = True
        thread.join(20)
        assert not thread.is_alive()


@pytest.fixture
def open_to_private(database_url):
    opened = open_house(database_url, private_webhooks=True)
    yield opened
    opened.parts.engine.dispose()


def until(found, seconds=10):
    end = time.monotonic() + seconds
    while not found():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_real_endpoint_gets_a_signal_within_a_second_while_another_one_hangs(open_to_private):
    house = open_to_private
    with endpoint() as server, serving(house):
        hanging = subscribe(house, f"{server.url}/hang", kinds=["signal.cleared"])
        for _ in range(notify.MOST_OF_ONE + 2):
            raised(house, "signal.cleared")
        one = subscribe(house, f"{server.url}/hook")
        time.sleep(1)
        started = time.monotonic()
        raised(house, text="שלום")
        until(lambda: server.got)
        assert time.monotonic() - started < 1
        [(path, headers, body)] = server.got
        assert path == "/hook"
        assert headers["Host"] == server.url.removeprefix("http://")
        assert Webhook(one["secret"]).verify(body, {name.lower(): value for name, value in headers.items()})
        assert "שלום".encode() in body
        until(lambda: listed(house, one, status="delivered"))
        assert sum(row["attempts"] for row in listed(house, hanging)) == notify.MOST_OF_ONE


def test_a_subscription_can_be_tried(open_to_private):
    house = open_to_private
    with endpoint() as server:
        one, redirected = subscribe(house, f"{server.url}/hook"), subscribe(house, f"{server.url}/redirect")
        tried = house.client.post(f"/v1/subscriptions/{one['id']}/test")
        answers.Trial.model_validate_json(tried.content)
        assert tried.json() == {"delivered": True, "status": 200, "outcome": "HTTP 200"}
        told = Webhook(one["secret"]).verify(server.got[0][2], {k.lower(): v for k, v in server.got[0][1].items()})
        assert told["type"] == "moodline.test"
        tried = house.client.post(f"/v1/subscriptions/{redirected['id']}/test")
        assert tried.json() == {"delivered": False, "status": 302, "outcome": "HTTP 302"}
        assert [path for path, *_ in server.got] == ["/hook", "/redirect"]
    tried = house.client.post(f"/v1/subscriptions/{one['id']}/test").json()
    assert tried == {"delivered": False, "status": None, "outcome": "can't be reached (ConnectError)"}


def events(lines, most):
    """The next `most` server-sent events, as dicts."""
    found, event = [], {}
    for line in lines:
        name, _, value = line.partition(": ")
        if not line and "data" in event:
            found.append(event | {"data": json.loads(event["data"])})
            event = {}
            if len(found) == most:
                return found
        elif name in ("id", "event", "data"):
            event[name] = value
    return found


def test_the_stream_tells_what_comes_and_goes_on_after_a_break(house):
    before = raised(house)
    pk = dana(house)
    with serving(house) as client:
        with client.stream("GET", "/v1/stream") as answer:
            assert answer.headers["content-type"].startswith("text/event-stream")
            lines = answer.iter_lines()
            first = raised(house, customer_pk=pk, risk=70, text="נמאס לי\nאני עוזב")
            [event] = events(lines, 1)
        answers.Message.model_validate(event["data"])
        assert (event["event"], event["id"]) == ("signal.raised", str(first))
        assert (event["data"]["data"]["customer"]["id"], event["data"]["data"]["text"]) == ("dana", "נמאס לי\nאני עוזב")
        missed = [raised(house), raised(house, "mood.fell")]
        with client.stream("GET", "/v1/stream", headers={"Last-Event-ID": event["id"]}) as answer:
            assert [int(one["id"]) for one in events(answer.iter_lines(), 2)] == missed
        with client.stream(
            "GET", "/v1/stream", params={"last_event_id": 0, "kinds": "mood.fell,wish.voiced"}
        ) as answer:
            lines = answer.iter_lines()
            assert [int(one["id"]) for one in events(lines, 1)] == missed[1:]
            started = time.monotonic()
            last = raised(house, "wish.voiced")
            assert [int(one["id"]) for one in events(lines, 1)] == [last]
            assert time.monotonic() - started < 1
        with client.stream("GET", "/v1/stream", params={"last_event_id": 0}) as answer:
            assert [int(one["id"]) for one in events(answer.iter_lines(), 5)] == [before, first, *missed, last]


def test_a_stream_holds_no_connection_and_ends_with_its_client_and_with_the_server(house, monkeypatch, caplog):
    caplog.set_level(logging.INFO, "moodline.http")
    monkeypatch.setattr("service.api.stream.KEEP_ALIVE_S", 0.1)

    def ended():
        ours = [record for record in caplog.records if record.name == "moodline.http"]
        return sum("/v1/stream" in record.getMessage() for record in ours)

    with serving(house) as client:
        with client.stream("GET", "/v1/stream") as answer:
            lines = answer.iter_lines()
            assert next(line for line in lines if line.startswith(":"))
            pool = house.parts.engine.pool
            assert min(pool.checkedout() for _ in range(20) if not time.sleep(0.02)) == 0
            assert not ended()
        until(lambda: ended() == 1)
        with client.stream("GET", "/v1/stream") as answer:
            lines = answer.iter_lines()
            next(lines)
            started = time.monotonic()
            house.parts.notifier.stop()
            assert not events(lines, 1)
            assert time.monotonic() - started < 2


@pytest.mark.parametrize("asked", [{"kinds": "nonsense"}, {"last_event_id": "x"}, {"last_event_id": -1}])
def test_a_stream_asked_for_wrongly_is_refused(house, asked):
    answer = house.client.get("/v1/stream", params=asked)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == next(iter(asked))
    assert (
        house.client.get("/v1/stream", headers={"Last-Event-ID": "x"}).json()["errors"][0]["field"] == "Last-Event-ID"
    )


def test_a_position_beyond_the_newest_signal_is_the_newest(house):
    raised(house)
    tail = Tail(house.parts.engine, 2**31 - 1)
    assert tail.read() == []
    assert [raised(house)] == [pk for pk, _ in tail.read()]
