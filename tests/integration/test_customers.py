import threading
from datetime import timedelta

import pytest
from sqlalchemy import event

from service.database import reading
from tests.integration.test_interactions import post
from tests.standin import LEAVING, NEGATIVE, POSITIVE, at, sent

PHONE = {"identity": {"kind": "phone", "value": "050-555 0101"}}


def mood(house, customer="dana"):
    return house.client.get(f"/v1/customers/{customer}/mood")


def join(house, customer, *identities):
    return house.client.put(f"/v1/customers/{customer}/identities", json={"identities": list(identities)})


def test_a_customer_nobody_has_heard_of_is_not_found(house):
    answer = mood(house, "nobody")
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")


def test_a_customer_without_feedback_has_no_mood(house):
    join(house, "dana", PHONE["identity"])
    assert mood(house).json() == {
        "customer": {"id": "dana", "identities": [{"kind": "phone", "value": "+972505550101"}]},
        "mood": None,
        "pending": 0,
    }


def test_feedback_of_an_unknown_identity_moves_when_it_is_joined(house):
    answer = post(house, sent("1", NEGATIVE, PHONE)).json()
    assert answer["customer"] == {"id": None, "identities": [{"kind": "phone", "value": "+972505550101"}]}
    assert house.client.get("/v1/identities/phone/0505550101/mood").json()["mood"]["label"] == "negative"
    post(house, sent("2", POSITIVE))
    joined = join(house, "dana", {"kind": "phone", "value": "+972-50-5550101"})
    assert (joined.status_code, joined.json()["moved"]) == (200, 1)
    assert mood(house).json()["mood"]["evidence"]["interactions"] == 2
    assert post(house, sent("3", NEGATIVE, PHONE)).json()["customer"]["id"] == "dana"
    assert mood(house).json()["mood"]["evidence"]["interactions"] == 3
    signals = house.client.get("/v1/churn-signals", params={"min_risk": 0}).json()["signals"]
    assert all(one["customer"]["id"] == "dana" for one in signals)


@pytest.mark.parametrize("body", [PHONE["identity"], [PHONE["identity"]]], ids=["one", "array"])
def test_identities_may_come_without_their_wrapping(house, body):
    answer = house.client.put("/v1/customers/dana/identities", json=body)
    assert answer.json()["customer"]["identities"] == [{"kind": "phone", "value": "+972505550101"}]


def test_joining_again_changes_nothing(house):
    post(house, sent("1", NEGATIVE, PHONE))
    assert [join(house, "dana", PHONE["identity"]).json()["moved"] for _ in range(2)] == [1, 0]


def test_another_customers_identity_is_a_conflict_and_nothing_is_joined(house):
    join(house, "dana", PHONE["identity"])
    answer = join(house, "avi", {"kind": "email", "value": "Avi@Example.com"}, PHONE["identity"])
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (409, "identities[1]")
    assert mood(house, "avi").status_code == 404
    assert house.client.get("/v1/identities/email/avi@example.com/mood").status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"identities": []},
        {"identities": [{"kind": "phone"}]},
        {"identities": [{"kind": "Phone!", "value": "1"}]},
        {"identities": [{"kind": "phone", "value": " "}]},
        {"identities": PHONE, "more": 1},
        [],
    ],
)
def test_bad_identities_are_refused(house, body):
    assert house.client.put("/v1/customers/dana/identities", json=body).status_code == 422
    assert mood(house).status_code == 404


def test_what_waits_unread_moves_along_too(house):
    post(house, sent("1", NEGATIVE, PHONE), wait=False)
    join(house, "dana", PHONE["identity"])
    house.parts.worker.drain()
    assert mood(house).json()["mood"]["label"] == "negative"


def test_sending_and_joining_at_once_loses_nothing(house):
    """Forty messages of one phone while it is joined: all end under the customer."""

    def send(first):
        for number in range(first, first + 10):
            assert post(house, sent(str(number), NEGATIVE, PHONE)).status_code == 201

    threads = [threading.Thread(target=send, args=(first,)) for first in (0, 10, 20, 30)]
    for thread in threads:
        thread.start()
    joined = join(house, "dana", PHONE["identity"])
    for thread in threads:
        thread.join()
    assert joined.status_code == 200
    assert mood(house).json()["mood"]["evidence"]["interactions"] == 40


def test_the_order_of_arrival_does_not_change_the_mood(house):
    texts = [(NEGATIVE, 1), (POSITIVE, 5), ("שלום", 9), (NEGATIVE, 12), (POSITIVE, 20)]
    for customer, order in (("dana", texts), ("avi", texts[::-1])):
        for text, day in order:
            post(house, sent(f"{customer}{day}", text, customer, occurred_at=at(day).isoformat()))
    one, other = (mood(house, customer).json()["mood"] for customer in ("dana", "avi"))
    assert (one["valence"], one["trend"], one["churn"]["risk"]) == (
        other["valence"],
        other["trend"],
        other["churn"]["risk"],
    )


def test_the_timeline_tells_moods_and_the_interactions_behind_them(house):
    times = ["2026-06-01T09:00Z", "2026-06-01T20:00Z", "2026-06-03T09:00Z", "2026-06-10T09:00Z"]
    for number, (text, time) in enumerate(zip([POSITIVE, NEGATIVE, NEGATIVE, "שלום"], times, strict=True)):
        post(house, sent(str(number), text, occurred_at=time))

    def timeline(**query):
        return house.client.get("/v1/customers/dana/timeline", params={"from": "2026-06-01T00:00Z"} | query).json()[
            "timeline"
        ]

    entries = timeline(to="2026-06-10T00:00Z")
    assert [entry["start"][:10] for entry in entries] == ["2026-06-01", "2026-06-03"]
    assert [one["id"] for one in entries[0]["interactions"]] == ["0", "1"]
    assert entries[1]["mood"]["label"] == "negative"
    by = {bucket: len(timeline(bucket=bucket)) for bucket in ("hour", "day", "week", "month")}
    assert by == {"hour": 4, "day": 3, "week": 2, "month": 1}
    assert (
        house.client.get("/v1/customers/dana/timeline", params={"to": "2026-07-01T00:00Z"}).json()["timeline"]
        == timeline()
    )


def test_a_plus_sign_left_bare_in_a_url_is_understood(house):
    post(house, sent())
    answer = house.client.get("/v1/customers/dana/timeline?from=2026-06-01T00:00:00+03:00&to=2026-07-01T00:00:00Z")
    assert answer.json()["from"] == "2026-05-31T21:00:00+00:00"


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"from": "2026-11-01"}, "from"),
        ({"from": "2026-11-01T00:00:00"}, "from"),
        ({"bucket": "year"}, "bucket"),
        ({"from": at(2).isoformat(), "to": at(1).isoformat()}, "from"),
    ],
)
def test_a_bad_timeline_query_names_the_field(house, query, field):
    post(house, sent())
    answer = house.client.get("/v1/customers/dana/timeline", params=query)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field)
    assert house.client.get("/v1/customers/nobody/timeline").status_code == 404


def test_churn_signals_come_worst_first_page_by_page_and_each_once(house):
    now = at(1)
    for number in range(12):
        texts = [POSITIVE, NEGATIVE, f"{NEGATIVE} {LEAVING}"]
        post(
            house,
            sent(str(number), texts[number % 3], f"c{number}", occurred_at=(now + timedelta(hours=number)).isoformat()),
        )
    seen, cursor = [], None
    while True:
        page = house.client.get(
            "/v1/churn-signals", params={"min_risk": 1, "limit": 3} | ({"cursor": cursor} if cursor else {})
        ).json()
        seen += page["signals"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert sorted(one["customer"]["id"] for one in seen) == sorted(f"c{n}" for n in range(12) if n % 3)
    assert [one["risk"] for one in seen] == sorted((one["risk"] for one in seen), reverse=True)
    worst = seen[0]
    assert {reason["code"] for reason in worst["reasons"]} >= {"churn_intent", "low_mood"}
    assert worst["reasons"][0]["evidence"][0]["text"] == f"{NEGATIVE} {LEAVING}"
    assert set(worst["reasons"][0]["text"]) == {"en", "he"}


def test_churn_signals_can_be_limited_by_risk_and_by_change(house):
    post(house, sent("1", NEGATIVE, "angry"))
    post(house, sent("2", f"{NEGATIVE} {LEAVING}", "leaving"))
    risks = {
        one["customer"]["id"]: one
        for one in house.client.get("/v1/churn-signals", params={"min_risk": 0}).json()["signals"]
    }
    floor = risks["leaving"]["risk"]
    assert [
        one["customer"]["id"]
        for one in house.client.get("/v1/churn-signals", params={"min_risk": floor}).json()["signals"]
    ] == ["leaving"]
    since = risks["leaving"]["changed_at"]
    changed = house.client.get("/v1/churn-signals", params={"min_risk": 0, "since": since}).json()["signals"]
    assert [one["customer"]["id"] for one in changed] == ["leaving"]


def test_a_texts_reading_is_not_stored(house):
    answer = house.client.post("/v1/sentiment", json={"texts": [NEGATIVE, "שלום", POSITIVE], "channel": "chat"})
    assert [one["sentiment"]["label"] for one in answer.json()["readings"]] == ["negative", "neutral", "positive"]
    assert house.client.get("/v1/churn-signals", params={"min_risk": 0}).json()["signals"] == []


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"texts": []}, "texts"),
        ({"texts": ["א"] * 257}, "texts"),
        ({"texts": ["א", " "]}, "texts[1]"),
        ({"texts": "א"}, "texts"),
        ({"texts": ["א"], "channel": "fax"}, "channel"),
        ({"text": "א"}, "texts"),
        ({"texts": ["א", "ב" * 100_001]}, "texts[1]"),
    ],
)
def test_bad_texts_are_refused(house, body, field):
    answer = house.client.post("/v1/sentiment", json=body)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field)


STRANGE = [
    "/v1/customers/%00/mood", "/v1/customers/%00/timeline", "/v1/interactions/%00/1", "/v1/interactions/desk/%00",
    "/v1/identities/phone/%00/mood", "/v1/identities/Phone%20/1/mood", f"/v1/customers/{'a' * 201}/mood",
    "/v1/customers/dana/timeline?from=9999-12-31T23:59:59-14:00", "/v1/customers/dana/timeline?to=0001-01-02T00:00:00Z",
    "/v1/customers/dana/timeline?from=0001-01-01T00:00:00%2B14:00", "/v1/churn-signals?since=0001-01-01T00:00:00%2B14:00",
    "/v1/churn-signals?cursor=%00", "/v1/churn-signals?cursor=OTk5OTk5OTk5OTk5OTkuMQ", "/v1/churn-signals?min_risk=-1",
    "/v1/churn-signals?limit=0", "/v1/churn-signals?since=yesterday",
]  # fmt: skip


@pytest.mark.parametrize("path", STRANGE)
def test_strange_paths_and_queries_are_the_callers_fault(house, path):
    post(house, sent())
    answer = house.client.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert answer.json()["errors"][0]["field"]


def test_a_mood_is_looked_up_without_reading_what_was_said_before(house):
    house.client.post("/v1/interactions", json=sent())
    asked = []

    def listen(connection, cursor, statement, parameters, context, many):
        asked.append((statement, parameters))

    event.listen(house.parts.engine, "before_cursor_execute", listen)
    house.client.get("/v1/customers/dana/mood")
    event.remove(house.parts.engine, "before_cursor_execute", listen)
    [(statement, parameters)] = [one for one in asked if "FROM interactions" in one[0]]
    if house.parts.engine.dialect.name == "sqlite":
        with reading(house.parts.engine) as connection:
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()
        assert "ix_interactions_status (customer_pk=? AND status=?)" in plan[0][-1]
