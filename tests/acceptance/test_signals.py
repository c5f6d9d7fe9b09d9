"""Signals end to end: the real model reads, the stream and a subscription tell."""

import json
import threading
import time
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from standardwebhooks import Webhook

from tests.acceptance.conftest import Server
from tests.standin import sent


@pytest.fixture
def endpoint():
    """(url, deliveries): an endpoint that answers 204, and what came to it as (headers, body)."""
    got = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            got.append((dict(self.headers), self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/moodline", got
        server.shutdown()


def test_a_fall_in_a_conversation_that_goes_on_reaches_the_stream_and_the_subscriber(tmp_path, endpoint):
    url, got = endpoint
    with Server(tmp_path, data_dir=tmp_path, private_webhooks=True) as server:
        made = server.client.post("/v1/subscriptions", json={"url": url, "kinds": ["mood.fell"]}).json()
        turns = [{"speaker": "customer", "text": "שלום, רציתי לברר לגבי החשבונית שלי"}]
        body = sent("1", turns=turns, open=True, occurred_at=datetime.now(UTC).isoformat())
        assert server.client.post("/v1/interactions", json=body).status_code == 201
        told, opened = [], threading.Event()

        def listen():
            with server.client.stream("GET", "/v1/stream?kinds=mood.fell") as answer:
                opened.set()
                for line in answer.iter_lines():
                    if line.startswith("data: "):
                        told.append(json.loads(line.removeprefix("data: ")))
                        return

        listener = threading.Thread(target=listen)
        listener.start()
        assert opened.wait(10)
        angry = [{"speaker": "customer", "text": "זו בושה, שעה אני מחכה ואתם משקרים לי, שירות נורא ואיום"}]
        answer = server.client.post("/v1/interactions/desk/1/turns", json={"turns": angry, "position": 1})
        assert answer.json()["readings"][1]["sentiment"]["label"] == "negative"
        listener.join(10)
        [event] = told
        assert (event["type"], event["data"]["scope"], event["data"]["text"]) == (
            "mood.fell",
            "conversation",
            angry[0]["text"],
        )
        until = time.monotonic() + 10
        while not got:
            assert time.monotonic() < until, "nothing was delivered"
            time.sleep(0.05)
        headers, delivered = got[0]
        assert Webhook(made["secret"]).verify(delivered, headers)["data"]["text"] == angry[0]["text"]
        assert angry[0]["text"] not in server.log
