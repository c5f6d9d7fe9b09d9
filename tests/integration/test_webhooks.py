"""Every source of webhooks, with what its vendor sends."""

import json
import re
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from service.database import reading
from service.tables import interactions
from tests.vendors.sending import LEFT_OUT, SAMPLES, SIGNED, VENDORS, mood_path, named, send, signs_body, stored


@pytest.mark.parametrize(("source", "sample"), SAMPLES, ids=named(SAMPLES))
def test_what_a_customer_said_is_stored_once_however_often_it_comes(hooked, source, sample):
    answer = send(hooked, source, sample)
    assert answer.status_code == 200, answer.text
    assert answer.json()["accepted"] == sample.accepted
    hooked.parts.worker.drain()
    there = stored(hooked)
    again = send(hooked, source, sample, at=time.time() - 60)
    assert (again.status_code, again.json()["accepted"], again.json()["duplicates"]) == (200, 0, sample.accepted)
    assert stored(hooked) == there
    key = hooked.key("read")
    mood = hooked.client.get(mood_path(sample.customer), headers=key)
    assert mood.status_code == 200, mood.text
    assert mood.json()["mood"] is not None


@pytest.mark.parametrize(("source", "sample", "reason"), LEFT_OUT, ids=named(LEFT_OUT))
def test_what_is_no_customer_s_feedback_is_ignored_with_its_reason(quiet, source, sample, reason):
    before = stored(quiet)
    answer = send(quiet, source, sample)
    assert (answer.status_code, answer.json()["accepted"]) == (200, 0), answer.text
    assert answer.json()["ignored"] == {reason: 1}
    assert stored(quiet) == before
    told = quiet.client.get("/metrics").text
    assert re.search(rf'moodline_webhooks_total{{result="{reason}",source="{source}"}} [1-9]', told)


@pytest.mark.parametrize(("source", "sample"), SIGNED, ids=named(SIGNED))
def test_what_is_not_signed_by_the_vendor_is_refused_and_not_stored(quiet, source, sample):
    body, before = sample.body, stored(quiet)
    changed = body[:-2] + bytes([body[-2] ^ 1]) + body[-1:]
    refused = [
        send(quiet, source, sample, secret=VENDORS[source].WRONG),
        quiet.client.post(f"/v1/webhooks/{source}?{sample.query}", content=body, headers=sample.headers),
    ]
    if signs_body(source):
        refused += [send(quiet, source, sample, body=other) for other in (changed, body[: len(body) // 2], b"")]
    if VENDORS[source].SIGNS_TIME:
        refused += [send(quiet, source, sample, at=time.time() + gone) for gone in (-301, -86_400, 302)]
    for answer in refused:
        assert answer.status_code == 401, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
    assert stored(quiet) == before


def mutate(data, body):
    """A body with some of its values, keys or bytes made something else."""
    if data.draw(st.booleans()):
        raw = bytearray(body)
        for _ in range(data.draw(st.integers(1, 4))):
            place = data.draw(st.integers(0, len(raw) - 1))
            raw[place : place + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=4))
        return bytes(raw)
    try:
        payload = json.loads(body)
    except ValueError:
        return body[: data.draw(st.integers(0, len(body)))]
    places = list(walk(payload))
    for _ in range(data.draw(st.integers(1, 3))):
        inside, key = places[data.draw(st.integers(0, len(places) - 1))]
        if data.draw(st.booleans()):
            inside[key] = data.draw(ODD)
        elif isinstance(inside, dict):
            inside.pop(key, None)
    return json.dumps(payload).encode()


ODD = st.one_of(
    st.none(), st.booleans(), st.integers(-(10**30), 10**30), st.floats(), st.text(max_size=20), st.just("\x00"), st.just("\ud800"),
    st.just([]), st.just({}), st.just("א" * 500), st.just([[[]]]), st.just({"id": {"id": []}}), st.just("9" * 400), st.just(1e308),
)  # fmt: skip


def walk(value):
    """Every (container, key) of parsed JSON."""
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield value, key
            yield from walk(inner)


@pytest.mark.parametrize("source", VENDORS)
def test_mutated_bodies_never_break_the_service(quiet, source):
    @settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True, database=None)
    @given(st.data())
    def run(data):
        sample = data.draw(st.sampled_from(VENDORS[source].SAMPLES))
        body = mutate(data, sample.body)
        signed = data.draw(st.booleans())
        try:
            answer = send(quiet, source, sample.with_body(body) if signed else sample, body=body)
        except UnicodeDecodeError:
            return  # the vendor's own library can't sign what is no text
        assert answer.status_code in (
            (200, 400, 401, 422) if signed or body == sample.body or not signs_body(source) else (401,)
        )
        if answer.status_code == 200 and "accepted" in answer.json():
            quiet.parts.worker.drain()

    run()
    with reading(quiet.parts.engine) as connection:
        assert connection.scalar(select(func.count()).where(interactions.c.status != "scored")) == 0


def test_an_unknown_source_or_account_is_not_found(hooked):
    assert hooked.client.post("/v1/webhooks/nothing", content=b"{}").status_code == 404
    assert hooked.client.post("/v1/webhooks/standard/other", content=b"{}").status_code == 404
    assert hooked.client.get("/v1/webhooks/standard").status_code == 404
