"""What is each source's own: handshakes, what is signed, who is who, whose conversation it is."""

import base64
import hashlib
import hmac
import json
import time

import pytest
from sqlalchemy import select

from service.database import reading
from service.tables import customers, interactions, turns
from tests.integration.conftest import open_house
from tests.vendors import Sample
from tests.vendors.sending import (
    VENDORS,
    mood_path,
    send,
    stored,
)

# meta and whatsapp


@pytest.mark.parametrize("source", ["meta", "whatsapp"])
def test_meta_is_told_its_challenge_only_for_our_verify_token(hooked, source):
    asked = {"hub.mode": "subscribe", "hub.verify_token": VENDORS[source].VERIFY_TOKEN, "hub.challenge": "1158201444"}
    answer = hooked.client.get(f"/v1/webhooks/{source}", params=asked)
    assert (answer.status_code, answer.text) == (200, "1158201444")
    assert answer.headers["content-type"].startswith("text/plain")
    for wrong in ({"hub.verify_token": "a guess"}, {"hub.verify_token": "סיסמה"}, {"hub.mode": "unsubscribe"}):
        refused = hooked.client.get(f"/v1/webhooks/{source}", params=asked | wrong)
        assert refused.status_code == 403
        assert "1158201444" not in refused.text
    assert hooked.client.get(f"/v1/webhooks/{source}").status_code == 403


@pytest.mark.parametrize("source", ["meta", "whatsapp"])
def test_the_escaped_bytes_are_what_meta_signs(hooked, source):
    sample = VENDORS[source].SAMPLES[0]
    assert rb"\u05" in sample.body
    rewritten = json.dumps(json.loads(sample.body), ensure_ascii=False).encode()
    assert send(hooked, source, sample, body=rewritten).status_code == 401
    assert send(hooked, source, sample, secret="an-older-app-secret").json()["accepted"] == 1


def test_one_person_s_comments_and_messages_to_a_page_are_one_customer_s(hooked):
    for sample in VENDORS["meta"].SAMPLES:
        if sample.customer == ("facebook", VENDORS["meta"].PERSON) and sample.accepted == 1:
            assert send(hooked, "meta", sample).status_code == 200
    assert stored(hooked)[0] == 1


def test_a_person_on_whatsapp_stays_the_same_when_the_phone_number_is_hidden(hooked):
    by_name = {sample.name: sample for sample in VENDORS["whatsapp"].SAMPLES}
    for name in ("a text from before the ids", "a text", "a text without a phone number"):
        assert send(hooked, "whatsapp", by_name[name]).status_code == 200
    assert stored(hooked)[0] == 1
    hooked.parts.worker.drain()
    phone, user = ("phone", VENDORS["whatsapp"].PHONE), ("whatsapp", VENDORS["whatsapp"].USER)
    key = hooked.key("read")
    by_phone, by_user = (hooked.client.get(mood_path(name), headers=key).json()["mood"] for name in (phone, user))
    assert by_phone == by_user
    assert by_phone is not None


def test_two_people_of_a_whatsapp_group_are_two_customers(hooked):
    [sample] = [sample for sample in VENDORS["whatsapp"].SAMPLES if sample.name == "two people of a group"]
    assert send(hooked, "whatsapp", sample).json()["accepted"] == 2
    assert stored(hooked) == (2, 2, 2)


# x


def test_x_is_told_the_signed_challenge(hooked):
    answer = hooked.client.get(
        "/v1/webhooks/x", params={"crc_token": "MjM0ZTU2Nzg5YWJjZGVm", "nonce": "MTc5NTE1OTgwMA"}
    )
    digest = hmac.new(VENDORS["x"].SECRET.encode(), b"MjM0ZTU2Nzg5YWJjZGVm", hashlib.sha256).digest()
    assert (answer.status_code, answer.json()) == (
        200,
        {"response_token": "sha256=" + base64.b64encode(digest).decode()},
    )
    assert hooked.client.get("/v1/webhooks/x").status_code == 404


def test_x_s_challenge_signs_nothing_that_could_be_a_delivery(hooked):
    for body in (VENDORS["x"].SAMPLES[0].body, b"{}", b"[]", b'"a"', b" 1", "א".encode()):
        refused = hooked.client.get("/v1/webhooks/x", params={"crc_token": body.decode()})
        assert refused.status_code == 403
        assert "sha256=" not in refused.text


def test_one_person_s_posts_and_direct_messages_on_x_are_one_customer_s(hooked):
    for sample in VENDORS["x"].SAMPLES:
        assert send(hooked, "x", sample).status_code == 200
    assert stored(hooked)[0] == 1


def opened_conversations(hooked):
    """{interaction id: whether it is open}."""
    with reading(hooked.parts.engine) as connection:
        return dict(connection.execute(select(interactions.c.id, interactions.c.open)).all())


# chatwoot


def test_chatwoot_closes_what_is_resolved_and_a_survey_leaves_it_closed(hooked):
    vendor = VENDORS["chatwoot"]
    said, resolved = (Sample("", vendor.written(payload)) for payload in (vendor.message(), vendor.resolved()))
    assert send(hooked, "chatwoot", said).json()["accepted"] == 1
    assert opened_conversations(hooked) == {"412@2026-11-20": True}
    assert [send(hooked, "chatwoot", resolved).json()["accepted"] for _ in range(2)] == [1, 0]
    assert opened_conversations(hooked) == {"412@2026-11-20": False}
    answer = vendor.survey({"rating": 1, "feedback_message": "חבל על הזמן שלי"}) | {
        "conversation": vendor.conversation(vendor.SHIRA, status="resolved")
    }
    assert send(hooked, "chatwoot", Sample("", vendor.written(answer))).json()["accepted"] == 1
    assert opened_conversations(hooked) == {"412@2026-11-20": False}
    with reading(hooked.parts.engine) as connection:
        assert connection.scalars(select(turns.c.id)).all() == ["90817", "90903"]
        assert connection.scalar(select(interactions.c.rating)) == {"kind": "csat", "value": 1.0}


@pytest.mark.parametrize("secret", [None, VENDORS["chatwoot"].SECRET])
def test_chatwoot_without_signatures_is_heard_where_a_setting_allows_it(database_url, secret):
    hooked = open_house(
        database_url, webhooks={"chatwoot": {"unsigned": True} | ({"secret": secret} if secret else {})}
    )
    sample = VENDORS["chatwoot"].SAMPLES[0]
    try:
        assert send(hooked, "chatwoot", sample, secret=VENDORS["chatwoot"].WRONG).status_code == 401
        for signature in ("", "sha256="):
            headers = sample.headers | {"x-chatwoot-signature": signature}
            assert hooked.client.post("/v1/webhooks/chatwoot", content=sample.body, headers=headers).status_code == 401
        assert stored(hooked) == (0, 0, 0)
        answer = hooked.client.post("/v1/webhooks/chatwoot", content=sample.body, headers=sample.headers)
        assert (answer.status_code, answer.json()["accepted"]) == (200, 1)
        assert send(hooked, "chatwoot", sample).status_code == (200 if secret else 401)
    finally:
        hooked.parts.engine.dispose()


# zendesk


def texts(hooked):
    with reading(hooked.parts.engine) as connection:
        return connection.scalars(select(turns.c.text).order_by(turns.c.interaction_pk, turns.c.position)).all()


def breaks_unescaped(body):
    return body.replace(rb"\n", b"\n")


@pytest.mark.parametrize(("escaped", "sent"), [(True, bytes), (True, breaks_unescaped), (False, bytes)])
def test_a_trigger_s_text_is_heard_whole_whatever_of_it_is_escaped(hooked, escaped, sent):
    vendor = VENDORS["zendesk"]
    body = sent(vendor.triggered(escaped=escaped, ticket__latest_public_comment__value=vendor.QUOTED))
    assert send(hooked, "zendesk", Sample("", body)).json()["accepted"] == 1
    assert texts(hooked) == [vendor.QUOTED]


@pytest.mark.parametrize("broken", ["", ' "'])
@pytest.mark.parametrize("place", ["ticket__latest_public_comment__value", "ticket__title"])
def test_a_customer_s_text_can_t_pretend_to_be_of_somebody_else(hooked, place, broken):
    forged = f'שלום"{broken}, "external_id": "somebody-else", "email": "else@example.com", "requester": "1", "x": "'
    body = VENDORS["zendesk"].triggered(escaped=False, **{place: forged})
    assert send(hooked, "zendesk", Sample("", body)).json()["accepted"] == 1
    with reading(hooked.parts.engine) as connection:
        assert connection.scalars(select(customers.c.external_id)).all() == ["crm-8841"]
    key = hooked.key("read")
    assert hooked.client.get("/v1/identities/email/else@example.com/mood", headers=key).status_code == 404


@pytest.mark.parametrize("source_of", ["triggers", "events"])
def test_zendesk_s_solved_ticket_is_closed_and_rated(hooked, source_of):
    vendor = VENDORS["zendesk"]
    said, closed, rated = {
        "triggers": (vendor.triggered(), vendor.triggered("closed"), vendor.triggered("bad")),
        "events": (
            vendor.commented(),
            vendor.ticket_event("ticket.status_changed", {"current": "SOLVED", "previous": "OPEN"}),
            vendor.ticket_event("ticket.csat_received", {"satisfaction_score": {"score": "BAD"}}),
        ),
    }[source_of]
    for body, still_open in ((said, True), (closed, False), (rated, False)):
        assert send(hooked, "zendesk", Sample("", body)).json()["accepted"] == 1
        assert list(opened_conversations(hooked).values()) == [still_open]
    with reading(hooked.parts.engine) as connection:
        assert connection.scalar(select(interactions.c.rating)) == {"kind": "csat", "value": 1.0}


@pytest.mark.parametrize("stamp", ["", "T", "yesterday", "2026-11-22", "2026-11-22T10:00:00"])
def test_a_signed_time_that_can_t_be_read_is_refused(hooked, stamp):
    body = VENDORS["zendesk"].commented()
    digest = hmac.new(VENDORS["zendesk"].SECRET.encode(), stamp.encode() + body, hashlib.sha256).digest()
    signature = {"x-zendesk-webhook-signature": base64.b64encode(digest).decode()}
    headers = signature | {"x-zendesk-webhook-signature-timestamp": stamp}
    answer = hooked.client.post("/v1/webhooks/zendesk", content=body, headers=headers)
    assert (answer.status_code, stored(hooked)) == (401, (0, 0, 0))
    assert "timestamp" in answer.json()["detail"]


# intercom


def test_intercom_s_closed_conversation_is_closed_and_rated(hooked):
    vendor = VENDORS["intercom"]
    payloads = (
        (vendor.notified(vendor.CREATED), True),
        (vendor.notified(vendor.REPLIED, vendor.part()), True),
        (vendor.CLOSED, False),
        (vendor.rated(2), False),
        (vendor.rated(2, "חיכיתי יותר מדי"), False),
    )
    for payload, still_open in payloads:
        assert send(hooked, "intercom", Sample("", vendor.written(payload))).json()["accepted"] == 1
        assert opened_conversations(hooked) == {"215472621202693@2026-11-20": still_open}
    with reading(hooked.parts.engine) as connection:
        ids = ["3381828792", "37358121213", "215472621202693:rating"]
        assert connection.scalars(select(turns.c.id).order_by(turns.c.position)).all() == ids
        row = connection.execute(select(interactions.c.rating, interactions.c.agent, interactions.c.team)).one()
        assert tuple(row) == ({"kind": "csat", "value": 2.0}, "9608801", "5017690")


def test_a_lead_is_not_named_by_an_id_that_intercom_made(hooked):
    vendor = VENDORS["intercom"]
    said = Sample("", vendor.written(vendor.notified(vendor.REPLIED, vendor.part(vendor.LEAD), contact=vendor.LEAD)))
    assert send(hooked, "intercom", said).json()["accepted"] == 1
    with reading(hooked.parts.engine) as connection:
        assert connection.scalars(select(customers.c.external_id)).all() == [None]


def test_intercom_may_try_whether_its_address_is_there(hooked):
    assert hooked.client.head("/v1/webhooks/intercom").status_code == 200
    assert hooked.client.head("/v1/webhooks/intercom/other").status_code == 404
    assert hooked.client.head("/v1/webhooks/standard").status_code == 404
    assert hooked.client.get("/v1/webhooks/intercom").status_code == 404


# cloudevents: a key instead of a signature, and the handshake of http-webhook.md

EVENTS = VENDORS["cloudevents"]


def test_events_need_a_key_with_the_scope_ingest(hooked):
    sample, reader, sender = EVENTS.SAMPLES[0], hooked.key("read"), hooked.key("ingest")
    del hooked.client.headers["Authorization"]

    def status(headers):
        path = "/v1/webhooks/cloudevents"
        return hooked.client.post(path, content=sample.body, headers=sample.headers | headers).status_code

    assert [status({}), status({"Authorization": "Bearer mk_wrong"}), status(reader)] == [401, 401, 403]
    assert stored(hooked) == (0, 0, 0)
    assert [status(sender), status(sender)] == [200, 200]
    assert stored(hooked) == (1, 1, 1)


def test_what_the_interaction_lacks_is_taken_of_the_event(hooked):
    bare = next(sample for sample in EVENTS.SAMPLES if "without" in sample.name)
    assert send(hooked, "cloudevents", bare).json()["accepted"] == 1
    with reading(hooked.parts.engine) as connection:
        row = connection.execute(select(interactions)).one()
    assert (row.source, row.id) == ("surveys.example.com:il:churn", "answer-901")
    assert row.occurred_at.isoformat() == "2026-11-19T15:45:02+00:00"


def test_events_of_an_account_of_their_own_need_no_setting(hooked):
    assert send(hooked, "cloudevents", EVENTS.SAMPLES[0], account="/surveys").json()["accepted"] == 1


def without(name, **changed):
    """A structured event without one of its attributes, or with others."""
    payload = json.loads(EVENTS.structured("", EVENTS.INTERACTION).body)
    payload.pop(name, None)
    return payload | changed


@pytest.mark.parametrize(
    ("payload", "field"),
    [
        *((without(name), name) for name in ("specversion", "id", "source", "type")),
        (without("specversion", specversion="0.3"), "specversion"),
        (without("id", id=7), "id"),
        (without("source", source=" "), "source"),
        (without("datacontenttype", datacontenttype="text/plain"), "datacontenttype"),
        (without("datacontenttype", datacontenttype=["application/json"]), "datacontenttype"),
        (without("data", data_base64="eyJpZCI6"), "data_base64"),
        (without("data", data_base64="לא"), "data_base64"),
        (without("", data_base64="e30="), "data_base64"),
        (without("data"), "data"),
        (without("data", data={"id": "1"}), "data.channel"),
        (["an", "array"], "body"),
    ],
)  # fmt: skip
def test_an_event_that_is_none_is_refused_by_the_name_of_its_field(hooked, payload, field):
    headers = {"content-type": "application/cloudevents+json"}
    answer = hooked.client.post("/v1/webhooks/cloudevents", content=json.dumps(payload), headers=headers)
    assert answer.status_code == 422, answer.text
    fields = [fault["field"] for fault in answer.json()["errors"]]
    assert field in fields or (field == "data" and fields == ["data.body"]), fields
    assert stored(hooked) == (0, 0, 0)


def test_one_broken_event_keeps_its_whole_batch_out(hooked):
    good = without("")
    for broken, field in (
        (without("type"), "type"),
        (without("data", data={**EVENTS.INTERACTION, "channel": "fax"}), "data.channel"),
    ):
        answer = hooked.client.post(
            "/v1/webhooks/cloudevents", content=json.dumps([good, broken]), headers=EVENTS.BATCH
        )
        assert answer.status_code == 422
        assert [(fault["index"], fault["field"]) for fault in answer.json()["errors"]] == [(1, field)]
    assert stored(hooked) == (0, 0, 0)


def test_a_binary_event_without_its_headers_is_refused(hooked):
    sample = EVENTS.SAMPLES[0]
    for missing in ("specversion", "id", "source", "type"):
        headers = {name: value for name, value in sample.headers.items() if name != f"ce-{missing}"}
        answer = hooked.client.post("/v1/webhooks/cloudevents", content=sample.body, headers=headers)
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, missing)
    for kind, status in (("text/plain", 422), ("application/cloudevents+avro", 415)):
        headers = sample.headers | {"content-type": kind}
        assert (
            hooked.client.post("/v1/webhooks/cloudevents", content=sample.body, headers=headers).status_code == status
        )


def test_a_sender_of_events_is_allowed_to_deliver(hooked):
    del hooked.client.headers["Authorization"]
    asked = {"WebHook-Request-Origin": "eventemitter.example.com", "WebHook-Request-Rate": "120"}
    asked["WebHook-Request-Callback"] = "https://eventemitter.example.com/confirm?id=12345"
    answer = hooked.client.options("/v1/webhooks/cloudevents", headers=asked)
    assert answer.status_code == 200
    assert answer.headers["WebHook-Allowed-Origin"] == "eventemitter.example.com"
    assert answer.headers["WebHook-Allowed-Rate"] == "*"
    assert answer.headers["Allow"] == "POST"
    refused = hooked.client.options("/v1/webhooks/cloudevents")
    assert (refused.status_code, "WebHook-Allowed-Origin" in refused.headers) == (404, False)


# twilio: the URL that is signed

TWILIO = VENDORS["twilio"]


def test_twilio_s_form_is_taken_with_the_port_it_may_have_signed_and_with_repeated_names(hooked):
    repeated = TWILIO.SAMPLES[0].with_body(TWILIO.SAMPLES[0].body + b"&Media=b&Media=a&Media=b")
    for sample, place in (
        (repeated, TWILIO.PLACE),
        (TWILIO.SAMPLES[3], TWILIO.PLACE.replace("example.org", "example.org:443")),
    ):
        headers = TWILIO.sign(sample, TWILIO.SECRET, 0, place)
        answer = hooked.client.post("/v1/webhooks/twilio", content=sample.body, headers=headers)
        assert (answer.status_code, answer.json()["accepted"]) == (200, 1)


def test_twilio_s_url_is_that_of_the_request_where_none_is_set(database_url):
    hooked = open_house(database_url, webhooks={"twilio": {"secret": TWILIO.SECRET}})
    hooked.client.base_url = "https://other.example.org:8443"
    for sample, place in (
        (TWILIO.SAMPLES[0], "https://other.example.org:8443"),
        (TWILIO.SAMPLES[6], "https://other.example.org"),
    ):
        headers = TWILIO.sign(sample, TWILIO.SECRET, 0, f"{place}/v1/webhooks/twilio")
        answer = hooked.client.post(f"/v1/webhooks/twilio?{sample.query}", content=sample.body, headers=headers)
        assert (answer.status_code, answer.json()["accepted"]) == (200, 1)
    headers = TWILIO.sign(TWILIO.SAMPLES[3], TWILIO.SECRET, 0) | {"host": "other.example.org:99999"}
    answer = hooked.client.post("/v1/webhooks/twilio", content=TWILIO.SAMPLES[3].body, headers=headers)
    assert answer.status_code == 401
    hooked.parts.engine.dispose()


def test_twilio_s_shared_key_signs_too(hooked):
    sample = TWILIO.SAMPLES[0]
    headers = TWILIO.sign(sample, TWILIO.SECRET, 0, algorithm="HMAC_SHA256")
    headers["x-twilio-webhooks-signature-settings"] = "key=webhooks_sharedkey_1,algorithm=HMAC_SHA256"
    assert hooked.client.post("/v1/webhooks/twilio", content=sample.body, headers=headers).status_code == 200


def test_twilio_s_json_is_refused_where_its_hash_is_not_part_of_the_signed_url(hooked):
    sample = TWILIO.SAMPLES[6]
    other = sample.with_body(sample.body.replace("שביטלתי".encode(), "שאהבתי".encode()))
    bare = TWILIO.sign(sample.with_body(b""), TWILIO.SECRET, 0)
    signed_bare = bare | {
        "x-twilio-signature": TWILIO.RequestValidator(TWILIO.SECRET).compute_signature(TWILIO.PLACE, {})
    }
    for query, body, headers in (
        (sample.query, other.body, TWILIO.sign(sample, TWILIO.SECRET, 0)),
        (other.query, other.body, TWILIO.sign(sample, TWILIO.SECRET, 0)),
        ("", sample.body, signed_bare),
        (f"{sample.query}&x=1", sample.body, TWILIO.sign(sample, TWILIO.SECRET, 0)),
    ):
        answer = hooked.client.post(f"/v1/webhooks/twilio?{query}", content=body, headers=headers)
        assert answer.status_code == 401
    assert stored(hooked) == (0, 0, 0)


@pytest.mark.parametrize(
    "closed",
    [
        TWILIO.form("closed", TWILIO.STATE),
        TWILIO.stream("closed", ("com.twilio.conversations.conversation-state.updated", TWILIO.STATE)),
    ],
    ids=["a form", "an event"],
)
def test_twilio_s_closed_conversation_ends(hooked, closed):
    assert send(hooked, "twilio", closed).json()["accepted"] == 0  # nobody was heard in it
    assert send(hooked, "twilio", TWILIO.SAMPLES[0]).json()["accepted"] == 1
    with reading(hooked.parts.engine) as connection:
        assert connection.scalar(select(interactions.c.open)) is True
    assert send(hooked, "twilio", closed).json()["accepted"] == 1
    with reading(hooked.parts.engine) as connection:
        assert connection.scalar(select(interactions.c.open)) is False
    assert stored(hooked) == (1, 1, 1)


# slack and telegram: the handshake, who writes in which conversation, and the text without marks


def test_slack_s_challenge_is_answered_only_where_slack_has_signed_it(hooked):
    slack = VENDORS["slack"]
    body = json.dumps(
        {"token": "XX", "challenge": "3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P", "type": "url_verification"}
    )
    asked = Sample("a challenge", body.encode())
    answer = send(hooked, "slack", asked)
    assert (answer.status_code, answer.json()) == (200, {"challenge": json.loads(body)["challenge"]})
    assert send(hooked, "slack", asked, secret=slack.WRONG).status_code == 401
    assert send(hooked, "slack", asked, at=time.time() - 301).status_code == 401
    assert hooked.client.request("GET", "/v1/webhooks/slack", content=body).status_code == 404
    for odd in ("\ud800", None, 7, "x" * 500):
        changed = asked.with_body(json.dumps(json.loads(body) | {"challenge": odd}).encode())
        assert send(hooked, "slack", changed).json()["ignored"] == {"other": 1}


def test_slack_s_second_attempt_is_known_by_the_message(hooked):
    slack = VENDORS["slack"]
    sample = slack.SAMPLES[0]
    assert send(hooked, "slack", sample).json()["accepted"] == 1
    headers = slack.sign(sample, slack.SECRET, time.time()) | {
        "x-slack-retry-num": "1",
        "x-slack-retry-reason": "http_timeout",
    }
    again = hooked.client.post("/v1/webhooks/slack", content=sample.body, headers=headers)
    assert (again.json()["accepted"], again.json()["duplicates"]) == (0, 1)


def said(hooked):
    """{conversation without its day: texts} of what is stored."""
    found = {}
    with reading(hooked.parts.engine) as connection:
        rows = connection.execute(
            select(interactions.c.id, turns.c.text).join(turns).order_by(interactions.c.id, turns.c.position)
        )
        for id, text in rows:
            found.setdefault(id.partition("@")[0], []).append(text)
    return found


def test_each_who_writes_in_a_slack_thread_has_a_conversation_of_their_own(hooked):
    slack, thread = VENDORS["slack"], {"thread_ts": "1795245000.000100"}
    for place, user in enumerate(("U061F7AUR", "U0OTHER", "U061F7AUR")):
        event = slack.MESSAGE | thread | {"user": user, "ts": f"179524540{place}.000200", "text": f"הודעה {place}"}
        send(hooked, "slack", slack.callback("", event))
    assert said(hooked) == {
        f"{slack.CHANNEL}:1795245000.000100:U061F7AUR": ["הודעה 0", "הודעה 2"],
        f"{slack.CHANNEL}:1795245000.000100:U0OTHER": ["הודעה 1"],
    }


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("<@U0SUPPORT> שוב אותה תקלה :rage:", "@U0SUPPORT שוב אותה תקלה 😡"),
        ("<@U1|נועה> ראו <#C1|general> ו<https://x.example/a?b=1&amp;c=2|הקישור>", "@נועה ראו #general והקישור"),
        ("<!here> <!subteam^S1|@support> &lt;b&gt; &amp;lt;", "@here @support <b> &lt;"),
        ("<https://x.example> <mailto:a@x.example|a@x.example>", "https://x.example a@x.example"),
        (":rage::skin-tone-3: 10:30:00 a < b", "😡 10:30:00 a < b"),
    ],
)
def test_slack_s_marks_become_plain_text(hooked, text, plain):
    slack = VENDORS["slack"]
    send(hooked, "slack", slack.callback("", slack.MESSAGE | {"text": text, "blocks": slack.ANGRY}))
    assert list(said(hooked).values()) == [[plain]]


def test_every_chat_is_heard_where_none_is_chosen(database_url):
    slack, telegram = VENDORS["slack"], VENDORS["telegram"]
    hooked = open_house(
        database_url,
        webhooks={"slack": {"secret": slack.SECRET}, "telegram": {"secret": [telegram.WRONG, telegram.SECRET]}},
    )
    assert send(hooked, "slack", slack.LEFT_OUT[0][0]).json()["accepted"] == 1
    assert send(hooked, "telegram", telegram.LEFT_OUT[0][0]).json()["accepted"] == 1
    hooked.parts.engine.dispose()


def test_telegram_s_update_without_its_secret_or_cut_off_is_not_stored(hooked):
    sample = VENDORS["telegram"].SAMPLES[0]
    assert hooked.client.post("/v1/webhooks/telegram", content=sample.body).status_code == 401
    for body in (b"", sample.body[: len(sample.body) // 2]):
        assert send(hooked, "telegram", sample, body=body).status_code == 400
    assert stored(hooked) == (0, 0, 0)


def test_a_telegram_chat_with_the_bot_is_another_than_that_with_the_company_s_account(hooked):
    telegram = VENDORS["telegram"]
    for kind, told in (("message", telegram.MESSAGE), ("business_message", telegram.BUSINESS)):
        assert send(hooked, "telegram", telegram.update("", kind, told)).json()["accepted"] == 1
    assert stored(hooked) == (1, 2, 2)


def test_a_reaction_on_telegram_is_heard_as_its_emoji(hooked):
    telegram = VENDORS["telegram"]
    both = [{"type": "emoji", "emoji": "👎"}, {"type": "emoji", "emoji": "😡"}]
    send(hooked, "telegram", telegram.update("", "message_reaction", telegram.REACTION))
    changed = telegram.REACTION | {
        "old_reaction": telegram.REACTION["new_reaction"],
        "new_reaction": both,
        "date": 1795245500,
    }
    send(hooked, "telegram", telegram.update("", "message_reaction", changed))
    assert list(said(hooked).values()) == [["👎", "😡"]]


@pytest.mark.parametrize(
    ("source", "place", "at"),
    [
        ("twilio", 0, "2026-11-21T07:12:45.674000+00:00"),
        ("twilio", 6, "2026-11-20T12:03:11+00:00"),
        ("slack", 0, "2026-11-21T07:16:40.000200+00:00"),
        ("telegram", 0, "2026-11-21T07:16:40+00:00"),
    ],
)
def test_what_was_said_keeps_the_time_at_which_it_was_said(hooked, source, place, at):
    send(hooked, source, VENDORS[source].SAMPLES[place])
    with reading(hooked.parts.engine) as connection:
        assert connection.scalar(select(interactions.c.occurred_at)).isoformat() == at
