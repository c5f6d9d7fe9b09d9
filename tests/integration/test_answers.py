"""Every answer has the shape that the documentation tells."""

import pytest

from service.api import answers
from service.channels.native import CALL, HEBREW_CHAT, SOCIAL_POST
from service.channels.transcripts.contract import HEBREW_CALL
from tests.integration.test_interactions import post
from tests.standin import LEAVING, NEGATIVE, sent


def test_every_answer_has_its_documented_shape(house):
    def check(shape, answer):
        assert answer.status_code < 300
        shape.model_validate_json(answer.content)

    get = house.client.get
    check(answers.Outcome, post(house, HEBREW_CHAT))
    check(answers.Outcome, post(house, HEBREW_CHAT))
    check(answers.Outcomes, post(house, [CALL, SOCIAL_POST]))
    check(answers.Interaction, get("/v1/interactions/call-centre/call-5"))
    check(answers.TranscriptOutcome, house.client.post("/v1/transcripts", json=HEBREW_CALL))
    check(answers.Outcomes, post(house, [CALL, SOCIAL_POST], wait=True))
    low = {"kind": "csat", "value": 1}
    for number in range(3):
        check(answers.Outcome, post(house, sent(str(number), f"{NEGATIVE} {LEAVING}", rating=low)))
    check(answers.Interaction, get("/v1/interactions/chat-desk/chat-1001"))
    check(answers.CustomerMood, get("/v1/customers/dana/mood"))
    check(answers.CustomerMood, get("/v1/identities/facebook/yossi.cohen/mood"))
    check(
        answers.JoinedMood,
        house.client.put("/v1/customers/new/identities", json={"identities": [{"kind": "x", "value": "y"}]}),
    )
    check(answers.CustomerMood, get("/v1/customers/new/mood"))
    check(answers.Timeline, get("/v1/customers/dana/timeline"))
    check(answers.Signals, get("/v1/churn-signals", params={"min_risk": 0, "limit": 1}))
    check(answers.Readings, house.client.post("/v1/sentiment", json={"texts": [NEGATIVE]}))


def test_the_documentation_has_hebrew_examples_and_needs_no_cdn(house):
    described = house.client.get("/openapi.json").text
    assert "שוב חייבתם" in described
    page = house.client.get("/docs").text
    assert "https://" not in page
    assert house.client.get("/static-offline-docs/swagger-ui-bundle.js").status_code == 200


@pytest.mark.parametrize(
    "path", ["customers", "signals", "segments", "wishes", "insights/journey", "customers/dana/timeline"]
)
def test_a_period_that_ends_before_it_begins_is_refused(house, path):
    house.client.post("/v1/interactions", json=sent())
    asked = {"from": "2026-11-02T00:00:00Z", "to": "2026-11-01T00:00:00Z"}
    answer = house.client.get(f"/v1/{path}", params=asked)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "from")
