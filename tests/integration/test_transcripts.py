import json
from pathlib import Path

import pytest

from service.channels.transcripts.contract import HEBREW_CALL
from tests.standin import NEGATIVE, POSITIVE, at

SAMPLES = Path(__file__).parents[1] / "samples" / "transcripts"
QUERY = {"customer": "dana", "id": "7", "occurred_at": at(1).isoformat()}
CALL = f"A: מוקד שירות שלום מדברת נועה איך אפשר לעזור\nB: חייבתם אותי פעמיים השירות {NEGATIVE}\nA: אני בודקת\nB: אני רוצה את הכסף"


def post(house, content, **query):
    return house.client.post("/v1/transcripts", content=content, params=QUERY | query)


def faults(answer):
    assert answer.status_code == 422, answer.text
    return {one["field"]: one["message"] for one in answer.json()["errors"]}


def test_a_file_is_stored_and_read_and_answered_with_format_and_speakers(house):
    answer = post(house, CALL.encode(), format="text")
    assert answer.status_code == 201
    body = answer.json()
    assert (body["source"], body["id"], body["status"], body["format"]) == ("text", "7", "scored", "text")
    assert {name: one["role"] for name, one in body["speakers"].items()} == {"A": "agent", "B": "customer"}
    assert all(0.8 <= one["confidence"] < 1 for one in body["speakers"].values())
    assert body["mood"]["label"] == "negative"
    whole = house.client.get("/v1/interactions/text/7").json()
    assert [turn["speaker"] for turn in whole["turns"]] == ["agent", "customer", "agent", "customer"]
    assert (whole["channel"], house.client.get("/v1/customers/dana/mood").json()["mood"]["label"]) == (
        "call",
        "negative",
    )


def test_the_same_transcript_again_is_stored_once(house):
    post(house, CALL)
    again = post(house, CALL.replace(NEGATIVE, POSITIVE))
    assert again.status_code == 200
    assert (again.json()["mood"]["label"], house.model.texts_read) == ("negative", 4)


def test_it_need_not_be_waited_for(house):
    answer = post(house, CALL, wait="false")
    assert (answer.status_code, answer.json()["status"], answer.json()["format"]) == (202, "pending", "text")
    house.parts.worker.drain()
    assert house.client.get("/v1/customers/dana/mood").json()["mood"]["label"] == "negative"


def test_an_object_brings_the_particulars_and_the_transcript(house):
    answer = house.client.post("/v1/transcripts", json=HEBREW_CALL)
    assert answer.status_code == 201
    assert answer.json()["speakers"] == {
        "A": {"role": "agent", "confidence": 1.0},
        "B": {"role": "customer", "confidence": 1.0},
    }
    body = HEBREW_CALL | {"id": "88b", "transcript": CALL, "rating": {"kind": "csat", "value": 1}, "stage": "keep"}
    answer = house.client.post("/v1/transcripts?format=text", json=body)
    assert (answer.status_code, answer.json()["format"]) == (201, "text")
    whole = house.client.get("/v1/interactions/call-centre/88b").json()
    assert (whole["stage"], whole["rating"]) == ("keep", {"kind": "csat", "value": 1})


@pytest.mark.parametrize("name", sorted(path.name for path in SAMPLES.iterdir()))
def test_no_file_is_taken_for_an_object_with_particulars(house, name):
    content = (SAMPLES / name).read_bytes()
    answer = house.client.post(
        "/v1/transcripts", content=content, params=QUERY, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 201, answer.text
    assert "customer" in {one["role"] for one in answer.json()["speakers"].values()}


def test_who_is_not_sure_is_asked_for_by_name_and_told(house):
    vague = "SPEAKER_00: כן\nSPEAKER_01: הלו\nSPEAKER_00: שומעים\nSPEAKER_01: שומעים"
    asked = faults(post(house, vague))
    assert set(asked) == {"speakers.SPEAKER_00", "speakers.SPEAKER_01"}
    assert all("agent or customer?" in message for message in asked.values())
    for speakers in ("SPEAKER_00=agent,SPEAKER_01=customer", '{"SPEAKER_00": "agent", "*": "customer"}'):
        answer = post(house, vague, speakers=speakers, id=speakers)
        assert answer.status_code == 201
        assert answer.json()["speakers"]["SPEAKER_01"] == {"role": "customer", "confidence": 1.0}


def test_what_names_no_speakers_can_be_all_the_customers(house):
    data = json.dumps(
        {"text": f"השירות {NEGATIVE}", "segments": [{"start": 0, "end": 2, "text": f"השירות {NEGATIVE}"}]}
    )
    assert list(faults(post(house, data))) == ["speakers.*"]
    answer = post(house, data, speakers="*=customer")
    assert (answer.json()["speakers"], answer.json()["mood"]["label"]) == (
        {"*": {"role": "customer", "confidence": 1.0}},
        "negative",
    )


def test_words_that_the_recogniser_was_unsure_of_weigh_less(house):
    def heard(confidence, id):
        segments = [
            {
                "start": 0,
                "end": 3,
                "text": f"השירות {NEGATIVE}",
                "speaker": "B",
                "words": [{"word": "השירות", "score": confidence}],
            }
        ]
        answer = post(house, json.dumps({"segments": segments}), speakers="B=customer", id=id, customer=id)
        [reading] = answer.json()["readings"]
        return reading["sentiment"]["valence"], answer.json()["mood"]["valence"]

    clear, unclear = heard(1.0, "clear"), heard(0.4, "unclear")
    assert clear[0] == pytest.approx(-0.88)
    assert unclear[0] == pytest.approx(0.4 * -0.88)
    assert clear[1] < unclear[1] < 0


def test_identities_times_and_plus_signs_come_in_the_query(house):
    query = "identity=phone:050-555-0101&id=9&occurred_at=2026-11-01T10:00:00+02:00"
    answer = house.client.post(f"/v1/transcripts?{query}", content=CALL)
    assert answer.status_code == 201
    assert answer.json()["customer"]["identities"] == [{"kind": "phone", "value": "+972505550101"}]
    whole = house.client.get("/v1/interactions/text/9").json()
    assert whole["occurred_at"] == "2026-11-01T08:00:00+00:00"


def test_what_is_missing_is_named(house):
    assert list(faults(house.client.post("/v1/transcripts", content=CALL))) == ["customer"]
    assert list(faults(house.client.post("/v1/transcripts?customer=dana", content=CALL))) == ["id"]
    assert list(faults(house.client.post("/v1/transcripts?customer=dana&id=1", content=CALL))) == ["occurred_at"]
    own = (SAMPLES / "contact-lens-chat.json").read_bytes()
    assert house.client.post("/v1/transcripts?customer=dana", content=own).status_code == 201


BAD = {
    "unknown format": ({"format": "mp3"}, CALL, "format"),
    "unknown particular": ({"mood": "good"}, CALL, "mood"),
    "no transcript": ({}, "שלום", "format"),
    "empty": ({}, "", "format"),
    "another format": ({"format": "deepgram"}, CALL, "transcript"),
    "unknown speaker": ({"speakers": "C=agent"}, CALL, "speakers.C"),
    "unknown role": ({"speakers": "A=boss"}, CALL, "speakers.A"),
    "no customer": ({"speakers": "A=agent,B=agent"}, CALL, "speakers"),
    "two customers": ({"identity": "phone:1"}, CALL, "customer"),
    "identity without a kind": ({"customer": None, "identity": "050"}, CALL, "customer.identity.kind"),
    "future": ({"occurred_at": "2999-01-01T00:00:00Z"}, CALL, "occurred_at"),
    "channel": ({"channel": "fax"}, CALL, "channel"),
    "slash in the source": ({"source": "a/b"}, CALL, "source"),
    "encoding": ({}, b"WEBVTT \xff\xd9\xda", "transcript"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_refused_with_its_field_and_nothing_is_stored(house, case):
    query, content, field = BAD[case]
    merged = {name: value for name, value in (QUERY | query).items() if value is not None}
    content = content if isinstance(content, bytes) else content.encode()
    assert next(iter(faults(house.client.post("/v1/transcripts", content=content, params=merged)))) == field
    assert house.client.get("/v1/customers/dana/mood").status_code == 404


def test_an_object_with_a_wrong_particular_names_it(house):
    for body, field in (
        (HEBREW_CALL | {"customer": 5}, "customer"),
        (HEBREW_CALL | {"transcript": 5}, "transcript"),
        (HEBREW_CALL | {"speakers": {"A": None}}, "speakers.A"),
        (HEBREW_CALL | {"mood": 1}, "mood"),
        (HEBREW_CALL | {"attributes": {"a": "\0"}}, "attributes"),
    ):
        assert next(iter(faults(house.client.post("/v1/transcripts", json=body)))) == field


def test_a_body_too_large_is_refused(house):
    most = house.parts.settings.max_body_bytes
    assert post(house, b"A" * (most + 1)).status_code == 413


def test_a_form_is_refused_with_the_way_to_send_a_file(house):
    answer = house.client.post("/v1/transcripts", files={"file": ("call.txt", CALL.encode())}, params=QUERY)
    assert (answer.status_code, "--data-binary" in answer.json()["detail"]) == (415, True)


def test_the_description_of_the_api_refers_to_nothing_that_is_not_there(house):
    described = house.client.get("/openapi.json").json()
    wanted = {part.split('"')[0] for part in json.dumps(described).split('"$ref": "')[1:]}
    assert wanted
    assert {f"#/components/schemas/{name}" for name in described["components"]["schemas"]} >= wanted


def test_nothing_of_a_transcript_is_in_the_log(house, caplog):
    caplog.set_level("INFO", "moodline")
    post(house, CALL.replace("הכסף", "סודסוד"), customer="דנה")
    post(house, "סודסוד: כן\nסודסוד: לא")
    assert "/v1/transcripts" in caplog.text
    assert "סודסוד" not in caplog.text and "דנה" not in caplog.text
