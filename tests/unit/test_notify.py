import asyncio
import ipaddress
import json
import socket
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from service import notify
from service.errors import Refused
from service.notify import (
    PAUSES_S,
    Notifier,
    is_public,
    message,
    message_id,
    objection,
    pause_after,
    resolve,
    sign,
)
from service.settings import Settings
from service.signals import wants

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
PUBLIC = "https://93.184.215.14/hook"


@dataclass(frozen=True)
class Signal:
    kind: str = "signal.raised"
    data: dict = field(default_factory=dict)
    pk: int = 7
    cause: str = "1"
    at: datetime = datetime(2026, 11, 20, 7, 30, tzinfo=UTC)


def notifier(answer, **settings):
    return Notifier(None, Settings(database_url="sqlite:////nowhere", **settings), httpx.MockTransport(answer))


def send(url, answer=lambda request: httpx.Response(204), **settings):
    return asyncio.run(notifier(answer, **settings).send(url, SECRET, "msg_1", {"type": "x", "data": {"text": "שלום"}}))


def test_the_specifications_example_is_signed_as_it_says():
    body = b'{"test": 2432232314}'
    assert sign(SECRET, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body) == (
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    )


def test_what_is_sent_is_what_was_signed_and_no_ascii_escapes():
    got = []
    outcome = send(PUBLIC, lambda request: got.append(request) or httpx.Response(204))
    [request] = got
    assert (outcome.delivered, outcome.status, request.method) == (True, 204, "POST")
    assert "שלום".encode() in request.content
    assert Webhook(SECRET).verify(request.content, dict(request.headers))["data"] == {"text": "שלום"}
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(request.content + b" ", dict(request.headers))


@given(st.text(max_size=40), st.integers(0, 2**33), st.binary(min_size=24, max_size=64))
def test_signatures_are_those_of_the_reference_library(text, at_s, key):
    import base64

    secret = "whsec_" + base64.b64encode(key).decode()
    at = datetime.fromtimestamp(at_s, UTC)
    assert sign(secret, "msg_1", at_s, text.encode()) == Webhook(secret).sign("msg_1", at, text)


def test_a_redirect_is_a_failure_and_not_followed():
    got = []
    outcome = send(PUBLIC, lambda request: got.append(1) or httpx.Response(302, headers={"Location": PUBLIC}))
    assert (outcome.delivered, outcome.text, len(got)) == (False, "HTTP 302", 1)


def test_whatever_an_endpoint_does_is_an_outcome_without_the_url():
    def fail(error):
        def answer(request):
            raise error

        return answer

    secret = f"{PUBLIC}?token=hush"
    for error in (httpx.ConnectError("hush"), httpx.RemoteProtocolError("hush"), RuntimeError("hush")):
        outcome = send(secret, fail(error))
        assert (outcome.delivered, outcome.status) == (False, None)
        assert type(error).__name__ in outcome.text
        assert "hush" not in outcome.text
    assert send(secret, fail(httpx.ReadTimeout("hush"))).text == "no answer within 10 s"


def test_an_endpoint_that_never_answers_is_left(monkeypatch):
    async def hang(request):
        await asyncio.sleep(60)

    monkeypatch.setattr(notify, "ATTEMPT_S", 0.1)
    started = time.monotonic()
    assert send(PUBLIC, hang).text == "no answer within 0.1 s"
    assert time.monotonic() - started < 5


def test_pauses_grow_and_last_about_a_day():
    assert list(PAUSES_S) == sorted(PAUSES_S)
    assert 22 * 3600 < sum(PAUSES_S) < 26 * 3600
    pauses = [pause_after(number) for number in range(1, len(PAUSES_S) + 1)]
    assert all(
        timedelta(seconds=0.9 * usual) <= pause <= timedelta(seconds=1.1 * usual)
        for usual, pause in zip(PAUSES_S, pauses)
    )
    assert pause_after(8) != pause_after(8)


@pytest.mark.parametrize(
    "address",
    [
        "10.0.0.1", "172.16.5.5", "192.168.1.1", "127.0.0.1", "127.8.9.1", "169.254.169.254", "100.64.0.1", "0.0.0.0",
        "224.0.0.1", "255.255.255.255", "::1", "::", "fc00::1", "fd12::1", "fe80::1", "fe80::1%eth0", "fec0::1",
        "ff02::1", "::ffff:10.0.0.1", "::ffff:127.0.0.1", "64:ff9b::a00:1", "64:ff9b:1::1", "2002:a00:1::",
        "2001:db8::1",
    ],
)  # fmt: skip
def test_private_addresses_are_refused_in_every_dress(address):
    assert not is_public(ipaddress.ip_address(address))
    if "%" in address:
        return
    host = f"[{address}]" if ":" in address else address
    assert "private" in objection(f"https://{host}/hook", False)
    assert objection(f"https://{host}/hook", True) is None
    with pytest.raises(Refused, match="private"):
        resolve(httpx.URL(f"https://{host}/hook"), False)


@pytest.mark.parametrize("address", ["93.184.215.14", "2606:2800:21f::1", "::ffff:93.184.215.14", "64:ff9b::808:808"])
def test_public_addresses_are_not(address):
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("ftp://example.org/", "http"), ("file:///etc/passwd", "http"), ("example.org/hook", "http"),
        ("https://", "host"), ("https:///path", "host"), ("https://user:pass@example.org/", "password"),
        ("https://user@example.org/", "password"), ("https://exa mple.org/\x00", "valid"), ("https://[::1", "valid"),
        ("http://localhost:8000/", "private"), ("http://LOCALHOST./", "private"), ("http://a.localhost/", "private"),
        ("http://127.1/", "private"), ("http://2130706433/", "private"), ("http://0x7f000001/", "private"),
        ("http://0177.0.0.1/", "valid"),
    ],
)  # fmt: skip
def test_urls_that_nothing_may_be_sent_to_are_named(url, why):
    assert why in objection(url, False)


def test_ordinary_urls_are_taken():
    for url in ("https://example.org/hook?token=1", "http://93.184.215.14:8080/", "https://חברה.example.org/"):
        assert objection(url, False) is None


def resolving(monkeypatch, *addresses):
    def getaddrinfo(host, port, **_):
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)


def test_a_name_with_a_public_and_a_private_address_is_refused(monkeypatch):
    resolving(monkeypatch, "93.184.215.14", "10.0.0.1")
    assert send("https://example.org/hook").text == "the host has a private address"
    assert send("https://example.org/hook", private_webhooks=True).delivered


def test_the_connection_is_made_to_the_address_that_was_looked_at_under_the_hosts_name(monkeypatch):
    resolving(monkeypatch, "93.184.215.14")
    got = []
    assert send("https://example.org:8443/hook?a=1", lambda one: got.append(one) or httpx.Response(200)).delivered
    [request] = got
    assert str(request.url) == "https://93.184.215.14:8443/hook?a=1"
    assert request.headers["host"] == "example.org:8443"
    assert request.extensions["sni_hostname"] == "example.org"


def test_the_next_address_is_tried_where_one_is_deaf(monkeypatch):
    resolving(monkeypatch, "2606:2800:21f::1", "93.184.215.14")
    tried = []

    def answer(request):
        tried.append(request.url.host)
        if ":" in request.url.host:
            raise httpx.ConnectError("no route")
        return httpx.Response(200)

    assert send("https://example.org/hook", answer).delivered
    assert tried == ["2606:2800:21f::1", "93.184.215.14"]


def test_a_name_that_leads_nowhere_is_an_outcome(monkeypatch):
    def getaddrinfo(*_, **__):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    assert send("https://example.org/hook").text == "the host's name can't be resolved"


def test_a_subscription_is_told_of_its_kinds_alone():
    assert wants(["signal.raised"], {}, Signal())
    assert not wants(["signal.cleared"], {}, Signal())


@pytest.mark.parametrize(
    ("filters", "data", "told"),
    [
        ({"segments": ["lost"]}, {"segment": "lost"}, True), ({"segments": ["lost"]}, {"segment": "won_back"}, False),
        ({"channels": ["chat", "call"]}, {"channel": "call"}, True), ({"channels": ["chat"]}, {}, False),
        ({"min_risk": 60}, {"risk": 60}, True), ({"min_risk": 60}, {"risk": 59}, False),
        ({"min_risk": 0}, {}, False), ({"min_risk": 0}, {"risk": None}, False),
        ({"drivers": ["price"]}, {"drivers": ["billing", "price"]}, True),
        ({"drivers": ["price"]}, {"drivers": []}, False), ({"drivers": ["price"]}, {"drivers": None}, False),
        ({"channels": ["chat"], "min_risk": 50}, {"channel": "chat", "risk": 40}, False),
    ],
)  # fmt: skip
def test_filters_let_through_what_meets_all_of_them(filters, data, told):
    assert wants(["signal.raised"], filters, Signal(data=data)) == told


def test_a_message_has_type_timestamp_and_data():
    customer = {"id": "dana", "identities": []}
    assert json.loads(json.dumps(message(Signal(data={"risk": 70}), customer))) == {
        "type": "signal.raised",
        "timestamp": "2026-11-20T07:30:00+00:00",
        "data": {"signal": 7, "customer": customer, "risk": 70},
    }


def test_message_ids_are_stable_and_never_two_alike():
    one, other = "7b9f6c0e-5f0a-4d0b-9d52-6f2a3a0f7c11", "0f3c2f5e-64e3-4ab5-9a1b-4a4a4b8a2f10"
    ids = {message_id(id, Signal(kind=kind, cause=cause)) for id in (one, other) for kind in "ab" for cause in "12"}
    assert len(ids) == 8
    assert message_id(one, Signal(pk=1)) == message_id(one, Signal(pk=2))
