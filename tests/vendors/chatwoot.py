"""Chatwoot, written after its documentation of webhook events; it writes Hebrew as it is, and escapes the signs of HTML."""

import hashlib
import hmac
import json

from tests.vendors import Sample

SECRET, WRONG = "8pXkQm2vR5tZ1cJ7wN4yB9aL", "8pXkQm2vR5tZ1cJ7wN4yB9aM"
SETTINGS = {"secret": SECRET}
SIGNS_TIME = True

ACCOUNT = {"id": 1, "name": "חשמל לכל"}
AGENT = {"id": 7, "name": "נועה ברק", "email": "noa@example.com", "type": "user"}
BOT = {"id": 2, "name": "בוט קבלת פנים", "type": "agent_bot"}
SHIRA = {
    "account": ACCOUNT,
    "additional_attributes": {},
    "avatar": "",
    "custom_attributes": {},
    "email": "shira.levi@example.com",
    "id": 5021,
    "identifier": None,
    "name": "שירה לוי",
    "phone_number": "+972545550142",
    "thumbnail": "",
    "blocked": False,
    "type": "contact",
}
ORI = SHIRA | {"id": 5188, "name": "אורי כהן", "identifier": "crm-20418", "email": None, "phone_number": None}


def conversation(contact, channel="Channel::WebWidget", status="open", id=412):
    return {
        "additional_attributes": {"browser_language": "he", "referer": "https://shop.example.com/orders"},
        "can_reply": True,
        "channel": channel,
        "contact_inbox": {"id": 918, "contact_id": contact["id"], "inbox_id": 3, "source_id": "b7a1f6d2-0f4c"},
        "id": id,
        "inbox_id": 3,
        "messages": [],
        "labels": [],
        "meta": {
            "sender": contact,
            "assignee": AGENT,
            "assignee_type": "User",
            "team": None,
            "hmac_verified": False,
        },
        "status": status,
        "custom_attributes": {},
        "snoozed_until": None,
        "unread_count": 1,
        "first_reply_created_at": "2026-11-20T07:40:11.000Z",
        "priority": None,
        "waiting_since": 1795160400,
        "agent_last_seen_at": 1795160300,
        "contact_last_seen_at": 1795160400,
        "last_activity_at": 1795160400,
        "timestamp": 1795160400,
        "created_at": 1795160000,
        "updated_at": 1795160400.184,
    }


def message(event="message_created", contact=SHIRA, **changed):
    return {
        "account": ACCOUNT,
        "additional_attributes": {},
        "content_attributes": {},
        "content_type": "text",
        "content": "אתמול קבעתם איתי טכנאי בין שמונה לעשר וחיכיתי לו עד הצהריים, אף אחד לא בא ואף אחד לא התקשר",
        "conversation": conversation(contact),
        "created_at": "2026-11-20T07:41:52.310Z",
        "id": 90817,
        "inbox": {"id": 3, "name": "צ'אט באתר"},
        "message_type": "incoming",
        "private": False,
        "sender": contact,
        "source_id": None,
        "event": event,
    } | changed


def survey(answer, **changed):
    return message(
        "message_updated",
        ORI,
        id=90903,
        message_type="template",
        content_type="input_csat",
        content="נשמח לדעת איך היה השירות",
        content_attributes={"display_type": "emoji"}
        | ({"submitted_values": {"csat_survey_response": answer}} if answer else {}),
        conversation=conversation(ORI, status="resolved", id=420),
        sender=AGENT,
        **changed,
    )


def written(payload):
    text = json.dumps(payload, ensure_ascii=False, separators=(",", ":"))
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text.encode()


def resolved(contact=SHIRA, status="resolved"):
    changed = [{"status": {"previous_value": "open", "current_value": status}}]
    return conversation(contact, status=status) | {
        "event": "conversation_status_changed",
        "changed_attributes": changed,
    }


MAIL = {
    "subject": "החזר על הזמנה 7741",
    "from": ["ori@example.com"],
    "text_content": {
        "full": "שלום, ההחזר נכנס היום לחשבון. תודה רבה על הטיפול המהיר!\n\nבתאריך יום ה׳ כתבה נועה ברק:\n> הבקשה הועברה",
        "reply": "שלום, ההחזר נכנס היום לחשבון. תודה רבה על הטיפול המהיר!",
        "quoted": "שלום, ההחזר נכנס היום לחשבון. תודה רבה על הטיפול המהיר!",
    },
}
SAMPLES = [
    Sample("a message in the widget", written(message()), ("chatwoot", "5021")),
    Sample("known by its e-mail too", written(message()), ("email", "shira.levi@example.com")),
    Sample(
        "a mail",
        written(
            message(
                contact=ORI,
                id=90850,
                message_type=0,
                content_type="incoming_email",
                content="<p>שלום, ההחזר נכנס היום לחשבון.</p><blockquote>הבקשה הועברה</blockquote>",
                content_attributes={"email": MAIL},
                conversation=conversation(ORI, "Channel::Email", id=418),
                inbox={"id": 4, "name": "דואר שירות"},
            )
        ),
        "crm-20418",
    ),
    Sample(
        "an answered survey", written(survey({"rating": 2, "feedback_message": "הנציגה לא הקשיבה לי"})), "crm-20418"
    ),
    Sample("a rating alone", written(survey({"rating": 5, "feedback_message": ""})), "crm-20418"),
]
LEFT_OUT = [
    (Sample("an agent's answer", written(message(message_type="outgoing", sender=AGENT))), "outgoing"),
    (Sample("an agent's note", written(message(message_type=1, private=True, sender=AGENT))), "private"),
    (Sample("a bot's answer", written(message(message_type="outgoing", sender=BOT))), "bot"),
    (Sample("a greeting", written(message(message_type="template", sender=None))), "bot"),
    (Sample("who was assigned", written(message(message_type="activity", sender=None))), "status"),
    (Sample("a picture", written(message(content=None, attachments=[{"id": 1, "file_type": "image"}]))), "no_text"),
    (Sample("nobody's message", written(message(sender=None, conversation={"id": 412}))), "no_author"),
    (Sample("a rating of nothing", written(survey({"rating": 11, "feedback_message": ""}))), "malformed"),
    (Sample("an edited message", written(message("message_updated"))), "edited"),
    (Sample("a deleted one", written(message("message_updated", content_attributes={"deleted": True}))), "deleted"),
    (Sample("a survey that is sent", written(survey(None))), "edited"),
    (Sample("a reopened conversation", written(resolved(status="open"))), "status"),
    (Sample("typing", written({"event": "conversation_typing_on", "conversation": conversation(SHIRA)})), "other"),
]


def sign(sample, secret, at):
    timestamp = str(int(at))
    digest = hmac.new(secret.encode(), timestamp.encode() + b"." + sample.body, hashlib.sha256).hexdigest()
    return {
        **sample.headers,
        "x-chatwoot-delivery": "3b0a2f3e-5d0c-4b2a-9d8e-7c1f0f6f2a11",
        "x-chatwoot-timestamp": timestamp,
        "x-chatwoot-signature": f"sha256={digest}",
    }
