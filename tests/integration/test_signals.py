"""Events, signals, segments, common causes, conversations that go on: decided from what was read, and told once."""

import random
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from service import rollups
from service.database import reading, transaction
from service.record import refresh
from service.tables import customers, daily, daily_agents, daily_customers, interactions, signals, wishes
from tests.integration.test_interactions import post
from tests.standin import LEAVING, NEGATIVE, POSITIVE, at, sent

NOW = datetime.now(UTC)
SHARES = {"bad": (0.9, 0.08, 0.02), "plain": (0.02, 0.96, 0.02), "good": (0.02, 0.08, 0.9)}


def read_as(feeling, churn=0.02, drivers=(), acts=()):
    """A supplied reading."""
    shares = dict(zip(("negative", "neutral", "positive"), SHARES[feeling]))
    return {"sentiment": shares, "churn_intent": churn, "drivers": list(drivers), "acts": list(acts)}


def turn(feeling, text="מה שנאמר", speaker="customer", **marks):
    return {"speaker": speaker, "text": text, "reading": read_as(feeling, **marks)}


def happened(id, kind, when=NOW, customer="dana", **fields):
    return {
        "id": id,
        "source": "crm",
        "kind": kind,
        "customer": {"id": customer},
        "occurred_at": when.isoformat(),
    } | fields


def card(house, customer="dana"):
    return house.client.get(f"/v1/customers/{customer}").json()


def told(house, *kinds):
    with reading(house.parts.engine) as connection:
        rows = connection.execute(select(signals).order_by(signals.c.pk)).all()
    return [row for row in rows if not kinds or row.kind in kinds]


def renew(house, days=0):
    """Compute all moods anew as of so many days from now."""
    with transaction(house.parts.engine) as connection:
        refresh(
            connection, connection.scalars(select(customers.c.pk)), NOW + timedelta(days=days), house.parts.settings
        )


def test_events_are_stored_once_and_move_the_risk(house):
    first = house.client.post("/v1/events", json=happened("1", "app_uninstalled"))
    assert (first.status_code, first.json()) == (
        201,
        {"accepted": 1, "duplicates": 0, "events": [{"source": "crm", "id": "1", "new": True}]},
    )
    batch = [happened("1", "app_uninstalled"), happened("2", "unsubscribed"), happened("2", "unsubscribed")]
    again = house.client.post("/v1/events", json=batch)
    assert [one["new"] for one in again.json()["events"]] == [False, True, False]
    assert house.client.post("/v1/events", json=batch).status_code == 200
    mood = card(house)["mood"]
    assert (mood["valence"], mood["churn"]["risk"]) == (None, 35)
    assert [reason["evidence"][0]["event"] for reason in mood["churn"]["reasons"]] == [
        "app_uninstalled",
        "unsubscribed",
    ]
    assert [one["kind"] for one in card(house)["events"]] == ["unsubscribed", "app_uninstalled"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"kind": "left"}, "kind"),
        ({"customer": {}}, "customer"),
        ({"occurred_at": "yesterday"}, "occurred_at"),
        ({"attributes": [1]}, "attributes"),
        ({"id": ""}, "id"),
        ({"note": "x"}, "note"),
        ({"occurred_at": "2999-01-01T00:00:00Z"}, "occurred_at"),
    ],
)
def test_a_bad_event_is_refused_by_its_field_and_nothing_of_the_batch_is_stored(house, change, field):
    answer = house.client.post("/v1/events", json=[happened("1", "refund"), happened("2", "refund") | change])
    assert answer.status_code == 422
    assert (answer.json()["errors"][0]["index"], answer.json()["errors"][0]["field"]) == (1, field)
    assert house.client.get("/v1/customers/dana").status_code == 404


def test_a_customer_who_left_is_lost_and_one_who_returned_is_won_back(house):
    post(house, sent("1", f"{NEGATIVE} {LEAVING}", occurred_at=(NOW - timedelta(days=3)).isoformat()))
    assert card(house)["segment"]["name"] == "at_risk"
    house.client.post("/v1/events", json=happened("1", "churned", NOW - timedelta(days=2)))
    lost = card(house)
    assert (lost["segment"]["name"], lost["mood"]["churn"]) == ("lost", {"risk": 0, "by": "lost", "reasons": []})
    assert house.client.get("/v1/churn-signals", params={"min_risk": 0}).json()["signals"] == []
    house.client.post("/v1/events", json=happened("2", "won_back", NOW - timedelta(days=1)))
    back = card(house)
    assert back["segment"]["name"] == "won_back"
    assert [one["segment"] for one in back["history"]] == ["won_back", "lost", "at_risk"]


def test_customers_are_listed_by_segment_with_what_to_do_next(house):
    post(house, sent("1", f"{NEGATIVE} {LEAVING}", stage="keep", occurred_at=NOW.isoformat()))
    post(house, sent("2", POSITIVE, "avi"))
    listed = house.client.get("/v1/customers", params={"segment": "at_risk"}).json()["customers"]
    assert [(one["customer"]["id"], one["stage"], one["channel"]) for one in listed] == [("dana", "keep", "chat")]
    assert listed[0]["next_step"]["driver"] == "price" and listed[0]["next_step"]["say"]["he"]
    assert [one["customer"]["id"] for one in house.client.get("/v1/customers").json()["customers"]] == ["dana", "avi"]
    first = house.client.get("/v1/customers", params={"limit": 1}).json()
    second = house.client.get("/v1/customers", params={"limit": 1, "cursor": first["next_cursor"]}).json()
    assert (second["customers"][0]["customer"]["id"], second["next_cursor"]) == ("avi", None)
    for wanted, found in (({"stage": "grow"}, 0), ({"channel": "chat"}, 2), ({"from": NOW.isoformat()}, 1)):
        assert len(house.client.get("/v1/customers", params=wanted).json()["customers"]) == found
    assert house.client.get("/v1/customers", params={"segment": "angry"}).status_code == 422
    lines = house.client.get("/v1/customers", headers={"Accept": "text/csv"}).content.decode("utf-8-sig").splitlines()
    assert (
        lines[0].startswith("customer,identities,segment") and lines[1].startswith("dana,,at_risk") and len(lines) == 3
    )


def test_a_signal_is_raised_and_cleared_once_and_does_not_flap(house):
    def say(id, feeling, hours):
        body = sent(id, turns=[turn(feeling)], occurred_at=(NOW - timedelta(hours=hours)).isoformat())
        return post(house, body).json()["mood"]["churn"]["risk"]

    risks = [say("1", "bad", 90)]
    raised = house.parts.settings.signal_raise
    assert risks[0] >= raised
    for number, feeling in enumerate(["plain", "bad", "plain", "bad", "plain", "plain"], 2):
        risks.append(say(str(number), feeling, 90 - number))
    assert [row.kind for row in told(house, "signal.raised", "signal.cleared")] == ["signal.raised"]
    for number in range(10, 14):
        risks.append(say(str(number), "good", 50 - number))
    assert risks[-1] < house.parts.settings.signal_clear
    assert [row.kind for row in told(house, "signal.raised", "signal.cleared")] == ["signal.raised", "signal.cleared"]
    for _ in range(3):
        renew(house)
    assert len(told(house, "signal.raised", "signal.cleared")) == 2
    data = told(house, "signal.raised")[0].data
    assert data["risk"] == risks[0] and data["segment"] == "at_risk" and data["reasons"][0]["text"]["he"]


def test_what_one_cause_raised_is_not_raised_again_by_it(house):
    post(house, sent("1", f"{NEGATIVE} {LEAVING}", occurred_at=(NOW - timedelta(days=1)).isoformat()))
    renew(house, days=300)
    assert card(house)["segment"]["name"] != "at_risk"
    renew(house)
    kinds = [row.kind for row in told(house, "signal.raised", "signal.cleared")]
    assert kinds == ["signal.raised", "signal.cleared"]
    assert card(house)["segment"]["name"] != "at_risk"


def test_a_fall_and_a_delight_and_a_wish_are_told_once(house):
    for day, feeling in ((12, "good"), (14, "good")):
        post(house, sent(str(day), turns=[turn(feeling)], occurred_at=(NOW - timedelta(days=30 - day)).isoformat()))
    post(house, sent("a", turns=[turn("bad"), turn("bad")], occurred_at=(NOW - timedelta(hours=3)).isoformat()))
    assert [row.data["scope"] for row in told(house, "mood.fell")] == ["customer"]
    post(house, sent("b", turns=[turn("bad")], occurred_at=(NOW - timedelta(hours=2)).isoformat()))
    assert len(told(house, "mood.fell")) == 1
    body = sent(
        "c", "", "avi", occurred_at=NOW.isoformat(),
        turns=[turn("good", acts=["praise"]), turn("plain", "הלוואי שהיה משלוח עד הבית", acts=["wish"])],
    )  # fmt: skip
    for _ in range(2):
        post(house, body)
    assert [row.data["text"] for row in told(house, "wish.voiced")] == ["הלוואי שהיה משלוח עד הבית"]
    assert len(told(house, "customer.delighted")) == 1
    hint = card(house, "avi")["hints"][0]
    assert (hint["text"], hint["turn"]) == ("הלוואי שהיה משלוח עד הבית", 1)


def test_changes_are_listed_latest_first_and_page_by_page(house):
    for number, name in enumerate(("dana", "avi", "noa")):
        post(house, sent(str(number), f"{NEGATIVE} {LEAVING}", name, occurred_at=NOW.isoformat()))
    listed = house.client.get("/v1/signals").json()
    assert [one["data"]["customer"]["id"] for one in listed["signals"]] == ["noa", "avi", "dana"]
    first = house.client.get("/v1/signals", params={"limit": 2}).json()
    rest = house.client.get("/v1/signals", params={"before": first["next_before"]}).json()
    assert [first["signals"] + rest["signals"], rest["next_before"]] == [listed["signals"], None]
    one = house.client.get("/v1/signals", params={"customer": "avi", "kind": "signal.raised"}).json()["signals"]
    assert [each["type"] for each in one] == ["signal.raised"]
    assert house.client.get("/v1/signals", params={"kind": "mood.fell"}).json()["signals"] == []
    assert house.client.get("/v1/signals", params={"from": "2100-01-01T00:00:00Z"}).json()["signals"] == []
    assert house.client.get("/v1/signals", params={"customer": "nobody"}).status_code == 404


def test_history_that_arrives_late_is_told_to_nobody(house):
    long_ago = (NOW - timedelta(days=40)).isoformat()
    post(house, sent("1", turns=[turn("good", acts=["praise", "wish"])], occurred_at=long_ago))
    assert told(house) == []
    assert len(card(house)["hints"]) == 1


def outage(house, many, driver="reliability"):
    for number in range(many):
        name = f"c{number}"
        for day in (20, 15):
            at_day = (NOW - timedelta(days=day)).isoformat()
            post(house, sent(f"{name}-{day}", "", name, turns=[turn("good")], occurred_at=at_day))
        post(house, sent(f"{name}-now", "", name, turns=[turn("bad", drivers=[driver])], occurred_at=NOW.isoformat()))


def test_one_outage_is_one_common_cause_and_not_many_crises(house):
    outage(house, 12)
    before = {one["customer"]["id"]: one["risk"] for one in house.client.get("/v1/customers").json()["customers"]}
    assert house.parts.worker.find_causes() == []
    [cause] = told(house, "common_cause.started")
    assert (cause.customer_pk, cause.data["customers"], cause.data["drivers"]) == (None, 10, ["reliability"])
    fell = {row.customer_pk for row in told(house, "mood.fell")}
    assert len(fell) == house.parts.settings.common_cause_customers - 1
    assert house.parts.worker.refresh_old() == len(fell)
    after = {one["customer"]["id"]: one["risk"] for one in house.client.get("/v1/customers").json()["customers"]}
    assert sum(after[name] < before[name] / 2 for name in before) == len(fell)
    assert max(after.values()) < house.parts.settings.signal_clear
    reasons = card(house, "c0")["mood"]["churn"]["reasons"]
    assert reasons == [] or reasons[-1]["code"] == "common_cause"


def test_a_few_complaints_and_the_usual_ones_are_no_common_cause(house):
    outage(house, 9)
    assert house.parts.worker.find_causes() == []
    for day in range(1, 29):
        when = (NOW - timedelta(days=day)).isoformat()
        angry = {"turns": [turn("bad", drivers=["reliability"])], "occurred_at": when}
        post(house, [sent(f"u{day}-{number}", "", f"u{number}", **angry) for number in range(8)])
    house.parts.worker.drain()
    outage(house, 12)
    assert told(house, "common_cause.started") == []


def test_a_large_company_s_first_days_are_no_common_cause(house):
    for day in (1, 0):
        when = (NOW - timedelta(days=day)).isoformat()
        spoken = [turn("bad", drivers=["price"])] * 12 + [turn("good")] * 188
        post(house, [sent(f"{day}-{n}", "", f"c{n}", turns=[one], occurred_at=when) for n, one in enumerate(spoken)])
    house.parts.worker.drain()
    assert house.parts.worker.find_causes() == []


def test_a_fall_in_a_conversation_that_goes_on_is_told_at_once(house):
    post(
        house, sent("1", turns=[turn("plain"), turn("plain", speaker="agent")], open=True, occurred_at=NOW.isoformat())
    )
    assert told(house, "mood.fell") == []
    more = {"turns": [turn("bad", "זה פשוט לא ייאמן", drivers=["wait_time"])], "position": 2}
    answer = house.client.post("/v1/interactions/desk/1/turns", json=more)
    assert (answer.status_code, answer.json()["new_turns"], len(answer.json()["readings"])) == (201, 1, 3)
    [fall] = told(house, "mood.fell")
    assert (fall.data["scope"], fall.data["text"], fall.data["id"]) == ("conversation", "זה פשוט לא ייאמן", "1")
    assert house.client.post("/v1/interactions/desk/1/turns", json=more).status_code == 200
    house.client.post("/v1/interactions/desk/1/turns", json={"turns": [turn("bad")], "open": False})
    assert len(told(house, "mood.fell")) == 1
    assert house.client.get("/v1/interactions/desk/1").json()["open"] is False
    evidence = card(house)["mood"]["evidence"]
    assert evidence == {"interactions": 1, "turns": 3}


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({"turns": [turn("bad")], "position": 5}, 409, "position"),
        ({"turns": [turn("bad", "אחר")], "position": 0}, 409, "position"),
        ({"turns": []}, 422, "body"),
        ({"turns": [{"speaker": "customer", "text": ""}]}, 422, "turns[0].text"),
        ({"turns": [turn("bad")], "position": -1}, 422, "position"),
    ],
)
def test_turns_that_do_not_fit_are_refused(house, body, status, field):
    post(house, sent("1", turns=[turn("plain")], open=True))
    answer = house.client.post("/v1/interactions/desk/1/turns", json=body)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (status, field)


def test_a_closed_or_unknown_conversation_takes_no_turns(house):
    post(house, sent("1", "שלום"))
    answer = house.client.post("/v1/interactions/desk/1/turns", json={"turns": [turn("bad")]})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (409, "open")
    assert house.client.post("/v1/interactions/desk/9/turns", json={"turns": [turn("bad")]}).status_code == 404


def test_supplied_readings_spare_the_model(house):
    body = sent("1", turns=[turn("bad", drivers=["price", "billing"], churn=0.9), turn("plain", speaker="agent")])
    answer = post(house, body).json()
    assert house.model.texts_read == 0
    assert answer["readings"][0]["model"] == {"name": "supplied", "version": ""}
    assert answer["readings"][0]["churn_intent"] == {"label": True, "probability": 0.9}
    assert [one["name"] for one in answer["conversation"]["drivers"]] == ["billing", "price"]
    refused = house.client.post("/v1/interactions", json=sent("2", turns=[turn("bad")]) | {"x": 1})
    assert refused.status_code == 422
    wrong = turn("bad")
    wrong["reading"]["sentiment"] = {"negative": 0.9, "neutral": 0.9, "positive": 0.1}
    assert post(house, sent("2", turns=[wrong])).json()["errors"][0]["field"] == "turns[0].reading.sentiment"


def test_a_rating_alone_moves_the_mood_and_one_that_contradicts_the_words_is_shown(house):
    alone = {"kind": "nps", "value": 1}
    body = {key: value for key, value in sent("1", rating=alone).items() if key != "text"}
    mood = post(house, body).json()["mood"]
    assert (mood["label"], mood["reasons"][0]["rating"], mood["reasons"][0].get("text")) == ("negative", alone, None)
    answer = post(house, sent("2", f"שירות {NEGATIVE}", rating={"kind": "csat", "value": 5})).json()
    assert answer["conversation"]["disagreement"] > 1.5
    [apart] = card(house)["mood"]["disagreements"]
    assert (apart["rating"], apart["text"]) == ({"kind": "csat", "value": 5}, f"שירות {NEGATIVE}")
    del body["rating"]
    assert house.client.post("/v1/interactions", json=body).status_code == 422


def story(seed):
    """Some thirty interactions of four customers, and events, in no order."""
    dice = random.Random(seed)
    sent_ones = [
        sent(
            f"s{number}", "", f"p{dice.randrange(4)}", channel=dice.choice(["chat", "call", "email"]),
            occurred_at=at(dice.randrange(1, 21), dice.randrange(24)).isoformat(), agent=dice.choice(["noa", "avi"]),
            **({"rating": {"kind": "csat", "value": dice.randrange(1, 6)}} if dice.random() < 0.3 else {}),
            turns=[
                turn(dice.choice(list(SHARES)), drivers=dice.sample(["price", "billing", "delivery"], dice.randrange(3)),
                     acts=dice.sample(["wish", "praise"], dice.randrange(2)), churn=round(dice.random(), 2))
                for _ in range(dice.randrange(1, 5))
            ],
        )
        for number in range(30)
    ]  # fmt: skip
    dice.shuffle(sent_ones)
    return sent_ones


def stored(house):
    """What is derived from the interactions: the customers' states and all roll-ups."""
    with reading(house.parts.engine) as connection:
        names = dict(connection.execute(select(customers.c.pk, customers.c.external_id)).all())
        people = {
            row.external_id: (
                {key: value for key, value in row.mood.items() if key != "as_of"}, row.risk, row.segment,
                row.read_interactions, row.read_turns, row.last_at,
            )
            for row in connection.execute(select(customers))
        }  # fmt: skip
        rolled = {
            table.name: sorted(
                tuple(
                    names[value] if column == "customer_pk" else value
                    for column, value in row._mapping.items()
                    if not column.startswith(("example", "interaction_pk"))
                )
                for row in connection.execute(select(table))
            )
            for table in (daily, daily_customers, daily_agents, wishes)
        }
    return people, rolled


@pytest.mark.parametrize("seed", range(3))
def test_any_order_and_any_batching_store_the_same_and_recomputing_changes_nothing(house, seed):
    told_all = story(seed)
    for one in told_all:
        open_one = one | {"turns": one["turns"][:1], "open": True}
        post(house, open_one)
        if one["turns"][1:]:
            house.client.post(f"/v1/interactions/desk/{one['id']}/turns", json={"turns": one["turns"][1:]})
    renew(house)
    incremental = stored(house)
    with transaction(house.parts.engine) as connection:
        assert rollups.forget(connection) == 30
    house.parts.worker.drain()
    renew(house)
    assert stored(house) == incremental
    assert incremental[1]["daily"] and incremental[1]["wishes"]


@pytest.mark.parametrize("seed", range(2))
def test_another_order_of_arrival_gives_the_same_moods(house, seed, tmp_path):
    from tests.integration.conftest import open_house

    other = open_house(f"sqlite:///{tmp_path / 'other.db'}")
    told_all = story(seed)
    for one in told_all:
        post(house, one)
    for start in range(0, 30, 10):
        post(other, sorted(told_all, key=lambda one: one["id"])[start : start + 10], wait=True)
    renew(house), renew(other)
    assert stored(house) == stored(other)
    other.parts.engine.dispose()


def test_joining_moves_events_wishes_and_roll_ups(house):
    phone = {"identity": {"kind": "phone", "value": "050-555-0101"}}
    post(house, sent("1", "", phone, turns=[turn("bad", drivers=["price"], acts=["wish"])]))
    post(house, sent("2", turns=[turn("bad", drivers=["price"])]))
    house.client.post("/v1/events", json=happened("1", "disliked") | {"customer": phone})
    assert house.client.get("/v1/identities/phone/0505550101").json()["events"][0]["kind"] == "disliked"
    house.client.put("/v1/customers/dana/identities", json=phone["identity"])
    joined = card(house)
    assert (len(joined["hints"]), len(joined["events"]), joined["mood"]["evidence"]["interactions"]) == (1, 1, 2)
    with reading(house.parts.engine) as connection:
        assert {row.negative for row in connection.execute(select(daily_customers))} == {2}
        assert connection.scalar(select(interactions.c.pk).where(interactions.c.customer_pk.is_(None))) is None


def test_complaints_about_nothing_in_common_are_no_common_cause(house):
    for number in range(14):
        post(house, sent(str(number), "", f"c{number}", turns=[turn("bad")], occurred_at=NOW.isoformat()))
    assert house.parts.worker.find_causes() == []
    assert len(told(house, "signal.raised")) == 14


def test_events_of_one_moment_mean_the_same_in_any_order(house):
    when = NOW - timedelta(days=1)
    for customer, kinds in (("a", ("churned", "won_back")), ("b", ("won_back", "churned"))):
        for kind in kinds:
            house.client.post("/v1/events", json=happened(f"{customer}-{kind}", kind, when, customer))
        assert card(house, customer)["segment"]["name"] == "won_back"


def test_a_repeated_event_makes_no_customer(house):
    house.client.post("/v1/events", json=happened("1", "refund"))
    assert house.client.post("/v1/events", json=happened("1", "refund", customer="other")).status_code == 200
    assert house.client.get("/v1/customers/other").status_code == 404


def test_a_rating_may_end_a_conversation(house):
    post(house, sent("1", turns=[turn("bad")], open=True))
    rated = {"rating": {"kind": "csat", "value": 5}, "open": False}
    answer = house.client.post("/v1/interactions/desk/1/turns", json=rated)
    assert (answer.status_code, answer.json()["new_turns"], answer.json()["open"]) == (201, 0, False)
    assert answer.json()["conversation"]["disagreement"] > 1.5
    assert house.client.post("/v1/interactions/desk/1/turns", json=rated).status_code == 200
    rated["rating"]["value"] = 1
    assert house.client.post("/v1/interactions/desk/1/turns", json=rated).status_code == 409


def test_joined_customers_have_one_history_of_segments(house):
    phone = {"kind": "phone", "value": "050-555-0101"}
    post(house, sent("1", POSITIVE, {"identity": phone}))
    post(house, sent("2", NEGATIVE))
    house.client.put("/v1/customers/dana/identities", json=phone)
    assert [one["before"] for one in card(house)["history"]].count(None) == 1
    post(house, sent("3", POSITIVE, {"identity": {"kind": "facebook", "value": "x"}}))
    house.client.put("/v1/customers/new/identities", json={"kind": "facebook", "value": "x"})
    assert [(one["before"], one["segment"]) for one in card(house, "new")["history"]] == [(None, "satisfied")]


@pytest.mark.parametrize("path", ["/v1/churn-signals", "/v1/signals"])
def test_signals_are_had_as_csv(house, path):
    post(house, sent("1", f"{NEGATIVE} {LEAVING}", occurred_at=NOW.isoformat()))
    answer = house.client.get(path, headers={"Accept": "text/csv"})
    lines = answer.content.decode("utf-8-sig").splitlines()
    assert len(lines) == 2 and "dana" in lines[1]


def test_a_number_is_no_time(house):
    refused = house.client.get("/v1/customers", params={"from": "1700000000"})
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "from")
