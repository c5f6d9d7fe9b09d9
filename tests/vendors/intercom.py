"""Intercom, written after its documentation of webhook topics and of the conversation object of version 2 of its API."""

import hashlib
import hmac
import json

from tests.vendors import Sample

SECRET, WRONG = "c4f0a2d6-71be-4e0a-9b7e-5d2f8a3c6e10", "c4f0a2d6-71be-4e0a-9b7e-5d2f8a3c6e11"
SETTINGS = {"secret": SECRET}
SIGNS_TIME = False

DAY = 1795160400  # 2026-11-20T07:40:00Z
MAYA = {"type": "user", "id": "696205460674dbb9050aa7fd", "name": "מאיה אזולאי", "email": "maya@example.com"}
LEAD = {"type": "lead", "id": "696301120674dbb9050ab112", "name": None, "email": ""}
ADMIN = {"type": "admin", "id": "9608801", "name": "גיל רון", "email": "gil@example.com"}
FIN = {"type": "bot", "id": "9608808", "name": "Fin", "email": "operator+abc123def@intercom.io"}


def part(author=MAYA, body="<p>עברו יומיים ועדיין אין לי תשובה, זה לא מקצועי</p>", **changed):
    return {
        "type": "conversation_part",
        "id": "37358121213",
        "part_type": "comment",
        "body": body,
        "created_at": DAY + 300,
        "updated_at": DAY + 300,
        "notified_at": DAY + 300,
        "assigned_to": None,
        "author": author,
        "attachments": [],
        "external_id": None,
        "redacted": False,
        "metadata": {},
        "email_message_metadata": None,
        "state": "open",
        "tags": [],
    } | changed


def notified(topic, *parts, contact=MAYA, author=None, source=None, **changed):
    item = {
        "type": "conversation",
        "id": "215472621202693",
        "created_at": DAY,
        "updated_at": DAY + 300,
        "waiting_since": DAY,
        "snoozed_until": None,
        "source": {
            "type": "conversation",
            "id": "3381828792",
            "delivered_as": "customer_initiated",
            "subject": "",
            "body": "<p>היי, שדרגתי אתמול את החבילה והכול עובד נהדר. תודה &amp; יום טוב!</p>",
            "author": author or contact,
            "attachments": [],
            "url": "https://shop.example.com/plans",
            "redacted": False,
        }
        | (source or {}),
        "contacts": {
            "type": "contact.list",
            "contacts": [{"type": "contact", "id": contact["id"], "external_id": f"crm-{contact['id'][-4:]}"}],
        },
        "first_contact_reply": {"created_at": DAY, "type": "conversation", "url": None},
        "admin_assignee_id": 9608801,
        "team_assignee_id": "5017690",
        "open": True,
        "state": "open",
        "read": False,
        "priority": "not_priority",
        "conversation_rating": None,
        "teammates": {"type": "admin.list", "admins": [{"type": "admin", "id": "9608801"}]},
        "title": "",
        "conversation_parts": {
            "type": "conversation_part.list",
            "conversation_parts": list(parts),
            "total_count": len(parts),
        },
    } | changed
    return {
        "type": "notification_event",
        "app_id": "abc123def",
        "data": {"type": "notification_event_data", "item": item},
        "links": {},
        "id": "notif_9108e504-998b-4afb-afd2-405cff43b99f",
        "topic": topic,
        "delivery_status": "pending",
        "delivery_attempts": 1,
        "delivered_at": 0,
        "first_sent_at": DAY + 301,
        "created_at": DAY + 300,
        "self": None,
    }


def rated(rating, remark=None, contact=MAYA):
    told = {
        "rating": rating,
        "remark": remark,
        "created_at": DAY + 200,
        "updated_at": DAY + 290,
        "contact": {"type": "contact", "id": contact["id"]},
        "teammate": {"type": "admin", "id": "9608801"},
    }
    return notified("conversation.rating.added", conversation_rating=told, open=False, state="closed", contact=contact)


CLOSED = notified(
    "conversation.admin.closed", part(ADMIN, "<p>סגרתי את הפנייה</p>", part_type="close"), open=False, state="closed"
)
PING = {
    "type": "notification_event",
    "app_id": "abc123def",
    "data": {"type": "notification_event_data", "item": {"type": "ping", "message": "something something interzen"}},
    "id": None,
    "topic": "ping",
    "delivery_attempts": 1,
    "created_at": DAY,
}


def written(payload):
    return json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()


CREATED, REPLIED = "conversation.user.created", "conversation.user.replied"
OLD = {
    "type": "conversation",
    "id": "21322009097",
    "created_at": DAY,
    "user": {"type": "user", "id": "5c9553cb27e377f24eed49f7", "user_id": "crm-7", "email": "old@example.com"},
    "assignee": {"type": "admin", "id": "1957471", "name": "גיל רון", "email": "gil@example.com"},
    "conversation_message": {
        "type": "conversation_message",
        "id": "331499307",
        "subject": "",
        "body": "<p>המשלוח הגיע שבור וביקשתי החלפה כבר שלוש פעמים</p>",
        "author": {"type": "user", "id": "5c9553cb27e377f24eed49f7"},
    },
    "conversation_parts": {"type": "conversation_part.list", "conversation_parts": [], "total_count": 0},
}
SAMPLES = [
    Sample("a new conversation", written(notified(CREATED)), "crm-a7fd"),
    Sample("a new conversation, known by its contact", written(notified(CREATED)), ("intercom", MAYA["id"])),
    Sample("a new mail", written(notified(CREATED, source={"type": "email", "subject": "שדרוג"})), "crm-a7fd"),
    Sample("a conversation of an old version", written({**PING, "topic": CREATED, "data": {"item": OLD}}), "crm-7"),
    Sample("a reply", written(notified(REPLIED, part())), "crm-a7fd"),
    Sample("a reply to the company's message", written(notified(REPLIED, part(), author=ADMIN)), "crm-a7fd"),
    Sample("a lead's reply", written(notified(REPLIED, part(LEAD), contact=LEAD)), ("intercom", LEAD["id"])),
    Sample("two replies at once", written(notified(REPLIED, part(), part(id="2"))), "crm-a7fd", accepted=2),
    Sample("a rating", written(rated(5)), "crm-a7fd"),
    Sample("a rating with its remark", written(rated(1, "ביקשתי נציג אנושי ולא קיבלתי")), "crm-a7fd"),
]
LEFT_OUT = [
    (Sample("a ping", written(PING)), "other"),
    (Sample("an answer", written(notified("conversation.admin.replied", part(ADMIN)))), "outgoing"),
    (Sample("a note", written(notified("conversation.admin.noted", part(ADMIN, part_type="note")))), "private"),
    (Sample("Fin's answer", written(notified("conversation.operator.replied", part(FIN)))), "bot"),
    (Sample("an assignment", written(notified("conversation.admin.assigned", part(ADMIN)))), "status"),
    (Sample("what was read", written(notified("conversation.read"))), "delivery"),
    (Sample("a deleted conversation", written(notified("conversation.deleted"))), "deleted"),
    (Sample("an answer among replies", written(notified(REPLIED, part(ADMIN)))), "outgoing"),
    (Sample("a bot among replies", written(notified(REPLIED, part(FIN)))), "bot"),
    (Sample("a note among replies", written(notified(REPLIED, part(ADMIN, part_type="note")))), "private"),
    (Sample("a redacted reply", written(notified(REPLIED, part(redacted=True)))), "deleted"),
    (Sample("a picture", written(notified(REPLIED, part(body=None)))), "no_text"),
    (Sample("a reply without its parts", written(notified(REPLIED))), "malformed"),
    (Sample("a rating of nothing", written(rated(None))), "malformed"),
]


def sign(sample, secret, at):
    digest = hmac.new(secret.encode(), sample.body, hashlib.sha1).hexdigest()
    return {**sample.headers, "x-hub-signature": f"sha1={digest}"}
