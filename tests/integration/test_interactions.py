import json

import pytest

from service.channels.native import CALL, HEBREW_CHAT, SOCIAL_POST
from tests.standin import LEAVING, NEGATIVE, POSITIVE, sent

TURNS = [
    {"speaker": "customer", "text": f"היה {NEGATIVE}"},
    {"speaker": "agent", "text": f"הכול {POSITIVE}"},
    {"speaker": "bot", "text": f"גם {NEGATIVE}"},
    {"speaker": "customer", "text": f"עכשיו {POSITIVE}"},
]


def post(house, body, **query):
    return house.client.post("/v1/interactions", json=body, params=query)


def test_one_interaction_is_answered_with_its_readings_and_the_new_mood(house):
    answer = post(house, sent(text=f"השירות {NEGATIVE}"))
    assert answer.status_code == 201
    body = answer.json()
    assert body["status"] == "scored"
    assert body["readings"][0]["sentiment"]["label"] == "negative"
    assert body["readings"][0]["model"] == {"name": "stand-in", "version": "1"}
    assert body["mood"]["label"] == "negative"
    assert body["mood"]["reasons"][0]["text"] == f"השירות {NEGATIVE}"


def test_the_same_source_and_id_is_stored_once_and_answered_with_what_is_there(house):
    post(house, sent(text=f"השירות {NEGATIVE}"))
    again = post(house, sent(text=f"השירות {POSITIVE}"))
    assert again.status_code == 200
    assert again.json()["readings"][0]["sentiment"]["label"] == "negative"
    assert again.json()["mood"]["evidence"] == {"interactions": 1, "turns": 1}
    assert house.model.texts_read == 1


def test_a_repeated_interaction_makes_no_other_customer(house):
    post(house, sent())
    assert post(house, sent(customer="avi")).json()["customer"]["id"] == "dana"
    assert house.client.get("/v1/customers/avi/mood").status_code == 404


def test_the_same_id_of_another_source_is_another_interaction(house):
    assert post(house, sent()).status_code == 201
    assert post(house, sent() | {"source": "other"}).status_code == 201


def test_an_array_is_durable_and_read_later(house):
    answer = post(house, [sent("1", POSITIVE), sent("2", NEGATIVE), sent("1", NEGATIVE)])
    assert answer.status_code == 202
    assert (answer.json()["accepted"], answer.json()["duplicates"]) == (2, 1)
    assert [one["status"] for one in answer.json()["interactions"]] == ["pending"] * 3
    assert house.client.get("/v1/customers/dana/mood").json() == {
        "customer": {"id": "dana", "identities": []},
        "mood": None,
        "pending": 2,
    }
    house.parts.worker.drain()
    assert house.client.get("/v1/customers/dana/mood").json()["mood"]["evidence"]["interactions"] == 2
    assert post(house, [sent("1"), sent("2")]).status_code == 200


def test_an_array_can_be_waited_for(house):
    answer = post(house, [sent(str(n), POSITIVE) for n in range(500)], wait=True)
    assert answer.status_code == 201
    assert {one["status"] for one in answer.json()["interactions"]} == {"scored"}


def test_one_interaction_need_not_be_waited_for(house):
    answer = post(house, sent(), wait=False)
    assert (answer.status_code, answer.json()["status"], answer.json()["readings"]) == (202, "pending", [])
    assert house.client.get("/v1/interactions/desk/1").json()["conversation"] is None
    assert post(house, sent(), wait=True).json()["status"] == "scored"


def test_only_the_customers_turns_count_and_the_agents_are_kept_apart(house):
    body = post(house, sent(turns=TURNS)).json()
    assert [one["speaker"] for one in body["readings"]] == ["customer", "agent", "customer"]
    assert body["mood"]["evidence"]["turns"] == 2
    whole = house.client.get("/v1/interactions/desk/1").json()
    assert [turn["reading"] is None for turn in whole["turns"]] == [False, False, True, False]
    assert whole["conversation"]["agent"]["label"] == "positive"
    assert whole["conversation"]["lowest_turn"]["turn"] == 0
    assert whole["conversation"]["first_third"]["label"] == "negative"
    assert whole["conversation"]["last_third"]["label"] == "positive"
    assert whole["conversation"]["shift"] > 1


def test_a_call_in_which_only_the_agent_spoke_moves_no_mood(house):
    body = post(house, sent(turns=[{"speaker": "agent", "text": f"{NEGATIVE}"}])).json()
    assert (body["status"], body["mood"], body["conversation"]["overall"]) == ("scored", None, None)


@pytest.mark.parametrize("example", [HEBREW_CHAT, CALL, SOCIAL_POST], ids=["chat", "call", "post"])
def test_the_documented_examples_are_accepted(house, example):
    assert post(house, example).status_code == 201


BAD = {
    "unknown field": (sent(mood="good"), "mood"),
    "missing id": ({k: v for k, v in sent().items() if k != "id"}, "id"),
    "number for text": (sent(text=5), "text"),
    "blank text": (sent(text=" \n\t"), "text"),
    "invisible text": (sent(text="\u200b\u200f"), "text"),
    "empty text": (sent(text=""), "text"),
    "long text": (sent(text="א" * 100_001), "text"),
    "NUL in text": (sent(text="a\0b"), "text"),
    "no text": ({k: v for k, v in sent().items() if k != "text"}, "body"),
    "text and turns": (sent(text="א") | {"turns": TURNS}, "body"),
    "no turns": (sent(turns=[]), "turns"),
    "blank turn": (sent(turns=[TURNS[0], {"speaker": "customer", "text": ""}]), "turns[1].text"),
    "unknown speaker": (sent(turns=[{"speaker": "robot", "text": "א"}]), "turns[0].speaker"),
    "backward turn": (sent(turns=[{"speaker": "customer", "text": "א", "start_s": 5, "end_s": 4}]), "turns[0]"),
    "naive time": (sent(occurred_at="2026-11-01T10:00:00"), "occurred_at"),
    "a number for a time": (sent(occurred_at=1_700_000_000), "occurred_at"),
    "a date for a time": (sent(occurred_at="2026-11-01"), "occurred_at"),
    "no such time": (sent(occurred_at="2026-13-01T10:00:00Z"), "occurred_at"),
    "a far future": (sent(occurred_at="2999-01-01T10:00:00Z"), "occurred_at"),
    "the first year": (sent(occurred_at="0001-01-01T00:00:00+14:00"), "occurred_at"),
    "unknown channel": (sent(channel="fax"), "channel"),
    "no customer": (sent(customer={}), "customer"),
    "two customers": (sent(customer={"id": "a", "identity": {"kind": "phone", "value": "1"}}), "customer"),
    "rating out of range": (sent(rating={"kind": "csat", "value": 6}), "rating"),
    "a word for a rating": (sent(rating={"kind": "nps", "value": "9"}), "rating.value"),
    "slash in source": (sent(source="a/b"), "source"),
    "control in id": (sent(id="a\nb"), "id"),
    "long attributes": (sent(attributes={"a": "x" * 20_000}), "attributes"),
    "a list for attributes": (sent(attributes=[]), "attributes"),
}


@pytest.mark.parametrize(("body", "field"), BAD.values(), ids=BAD)
def test_bad_input_names_the_field_and_stores_nothing(house, body, field):
    for sent_body, index in ((body, None), ([sent("good"), body], 1)):
        answer = post(house, sent_body)
        assert answer.status_code == 422
        assert answer.headers["content-type"] == "application/problem+json"
        fault = answer.json()["errors"][0]
        assert (fault["index"], fault["field"]) == (index, field)
    assert house.client.get("/v1/interactions/desk/good").status_code == 404


RAW = {
    "half an object": (b'{"id": ', 400),
    "broken UTF-8": (b'{"id": "\xff\xfe"}', 400),
    "a word": (b'"hello"', 422),
    "null": (b"null", 422),
    "nothing": (b"", 422),
    "an empty array": (b"[]", 422),
    "501": (json.dumps([sent()] * 501).encode(), 422),
    "lone surrogate": (json.dumps(sent(text="\ud83d")).encode(), 422),
    "deep": (b"[" * 100_000, 400),
    "NaN": (json.dumps(sent(attributes={"a": float("nan")})).encode(), 422),
}


@pytest.mark.parametrize(("raw", "status"), RAW.values(), ids=RAW)
def test_a_broken_body_is_a_problem_of_the_senders(house, raw, status):
    answer = house.client.post("/v1/interactions", content=raw, headers={"Content-Type": "application/json"})
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["errors"][0]["field"]


def test_a_body_not_declared_as_json_is_told_so(house):
    answer = house.client.post("/v1/interactions", content=json.dumps(sent()), headers={"Content-Type": "text/plain"})
    assert answer.status_code == 415


def test_a_body_over_the_limit_is_refused(database_url):
    from tests.integration.conftest import open_house

    house = open_house(database_url, max_body_bytes=2_000)
    assert post(house, sent()).status_code == 201
    assert post(house, sent("2", "א" * 5_000)).status_code == 413
    chunks = house.client.post(
        "/v1/interactions",
        content=(b"[" + b" " * 1_500 for _ in range(3)),
        headers={"Content-Type": "application/json"},
    )
    assert chunks.status_code == 413
    house.parts.engine.dispose()


def test_all_fields_come_back(house):
    body = sent(
        occurred_at="2026-11-01T10:00:00+02:00",
        stage="keep",
        agent="noa",
        rating={"kind": "stars", "value": 4},
        attributes={"מספר": [1, {"a": None}]},
        turns=[{"speaker": "customer", "text": "שָׁלוֹם 👨‍👩‍👧 \n שורה", "start_s": 0, "end_s": 1.5}],
    )
    post(house, body)
    whole = house.client.get("/v1/interactions/desk/1").json()
    assert {name: whole[name] for name in ("stage", "agent", "rating", "attributes")} == {
        name: body[name] for name in ("stage", "agent", "rating", "attributes")
    }
    assert {name: whole["turns"][0][name] for name in ("speaker", "text", "start_s", "end_s")} == body["turns"][0]
    assert whole["occurred_at"] == "2026-11-01T08:00:00+00:00"


def test_ids_with_slashes_and_hebrew_are_found_again(house):
    post(house, sent("a/b ג", customer="לקוח/1"))
    assert house.client.get("/v1/interactions/desk/a%2Fb%20%D7%92").json()["id"] == "a/b ג"
    assert house.client.get("/v1/customers/לקוח%2F1/mood").json()["customer"]["id"] == "לקוח/1"


def test_what_the_model_fails_on_is_tried_again_and_given_up_in_the_end(house):
    def fail():
        raise RuntimeError("no")

    house.model.before_score = fail
    answer = post(house, sent(text=LEAVING))
    assert answer.status_code == 202 or answer.json()["status"] == "failed"
    house.parts.worker.drain()
    house.parts.worker.step()
    assert house.client.get("/v1/interactions/desk/1").json()["status"] == "failed"
