"""Zendesk, written after its documentation of webhooks and of ticket events, and the trigger's body that our README gives."""

import base64
import hashlib
import hmac
import json
import re
from datetime import UTC, datetime

from tests.vendors import Sample

SECRET, WRONG = "Zp3vR8wK1mXc7QnT5yHs2LdF9gJ4bA6e", "Zp3vR8wK1mXc7QnT5yHs2LdF9gJ4bA6f"
SETTINGS = {"secret": SECRET}
SIGNS_TIME = True

TRIGGER = """{
  "moodline": "comment",
  "ticket": "{{ticket.id}}",
  "at": "{{ticket.updated_at_with_timestamp}}",
  "via": "{{ticket.via}}",
  "group": "{{ticket.group.name}}",
  "assignee": "{{ticket.assignee.name}}",
  "requester": "{{ticket.requester.id}}",
  "external_id": "{{ticket.requester.external_id}}",
  "email": "{{ticket.requester.email}}",
  "phone": "{{ticket.requester.phone}}",
  "actor": "{{current_user.id}}",
  "actor_role": "{{current_user.role}}",
  "comment": "{{ticket.latest_public_comment.id}}",
  "subject": "{{ticket.title}}",
  "text": "{{ticket.latest_public_comment.value}}"
}"""
RATED = TRIGGER.replace("ticket.latest_public_comment.value", "satisfaction.current_comment")
PLACEHOLDERS = {
    "ticket.id": "5158",
    "ticket.updated_at_with_timestamp": "2026-11-20T14:25:30Z",
    "ticket.via": "Mail",
    "ticket.group.name": "חיובים",
    "ticket.assignee.name": "יואב שגיא",
    "ticket.requester.id": "31415926535",
    "ticket.requester.external_id": "crm-8841",
    "ticket.requester.email": "Tamar.Peretz@example.com",
    "ticket.requester.phone": "+972 52-555-0177",
    "current_user.id": "31415926535",
    "current_user.role": "End-user",
    "ticket.latest_public_comment.id": "27182818284",
    "ticket.latest_public_comment.value": "שלום, חויבתי פעמיים על אותו חודש ואף אחד לא חוזר אליי. אני ממש מאוכזבת.",
    "ticket.title": "חיוב כפול באוקטובר",
    "satisfaction.current_comment": "",
}


def triggered(event="comment", *, escaped=True, **changed):
    """A trigger's body with its placeholders filled in, their quotes and line breaks escaped or not."""
    filled = PLACEHOLDERS | {name.replace("__", "."): value for name, value in changed.items()}
    template = (RATED if event in ("good", "bad") else TRIGGER).replace('"comment"', f'"{event}"', 1)

    def fill(match):
        value = filled[match[1]]
        return json.dumps(value, ensure_ascii=False)[1:-1] if escaped else value

    return re.sub(r"\{\{([\w.]+)\}\}", fill, template).encode()


def ticket_event(kind, event, **changed):
    detail = {
        "actor_id": "31415926535",
        "assignee_id": "8447388090494",
        "brand_id": "8447346621310",
        "created_at": "2026-11-20T10:12:07Z",
        "custom_status": "8447320465790",
        "description": "האפליקציה לא נותנת לי להתחבר",
        "external_id": None,
        "form_id": "8646151517822",
        "group_id": "8447320466430",
        "id": "6012",
        "is_public": True,
        "organization_id": None,
        "priority": "HIGH",
        "requester_id": "31415926535",
        "status": "OPEN",
        "subject": "לא מצליחה להתחבר לאפליקציה",
        "submitter_id": "31415926535",
        "tags": ["mobile", "login"],
        "type": "PROBLEM",
        "updated_at": "2026-11-20T14:25:30Z",
        "via": {"channel": "web_service"},
    }
    payload = {
        "account_id": 22129848,
        "detail": detail,
        "event": event | {"meta": {"sequence": {"id": "CE4A698AF24F35B3208649C6951E000E", "position": 1}}},
        "id": "d4f5c389-8f4a-4c2e-a1b9-8e4f39c71d52",
        "subject": "zen:ticket:6012",
        "time": "2026-11-20T14:25:30.123456789Z",
        "type": f"zen:event-type:{kind}",
        "zendesk_event_version": "2022-11-06",
    }
    return json.dumps(payload | changed, ensure_ascii=False).encode()


def commented(body="מחקתי והתקנתי מחדש והאפליקציה עדיין זורקת אותי החוצה, פשוט בזבוז זמן", **changed):
    author = {"id": "31415926535", "is_staff": False, "name": "תמר פרץ"}
    comment = {"id": "9876543210", "body": body, "is_public": True, "author": author}
    return ticket_event("ticket.comment_added", {"comment": comment | changed})


STAFF = {"id": "8447388090495", "is_staff": True, "name": "יואב שגיא"}
QUOTED = 'הנציג אמר לי "אין מה לעשות" וניתק.\n\nהקובץ C:\\חשבוניות\\10.pdf מצורף {שוב},\n"text": "זה השירות שלכם?"'
SAMPLES = [
    Sample("a trigger", triggered(), "crm-8841"),
    Sample("a trigger, known by its phone", triggered(), ("phone", "+972525550177")),
    Sample("a trigger, quotes escaped", triggered(ticket__latest_public_comment__value=QUOTED), "crm-8841"),
    Sample(
        "a trigger, quotes as they are",
        triggered(escaped=False, ticket__latest_public_comment__value=QUOTED, ticket__title='חיוב "כפול"'),
        "crm-8841",
    ),
    Sample("a trigger, by somebody in copy", triggered(current_user__id="27000000001"), ("zendesk", "27000000001")),
    Sample("a good rating", triggered("good"), "crm-8841"),
    Sample(
        "a bad rating with its comment",
        triggered("bad", satisfaction__current_comment="לקח לכם שבוע לענות"),
        "crm-8841",
    ),
    Sample("a comment", commented(), ("zendesk", "31415926535")),
    Sample(
        "a rated ticket",
        ticket_event("ticket.csat_received", {"satisfaction_score": {"score": "BAD", "comment": "לא נפתרה הבעיה"}}),
        ("zendesk", "31415926535"),
    ),
    Sample(
        "a rated ticket, in numbers",
        ticket_event("ticket.csat_received", {"satisfaction_score": {"score": 4}}),
        ("zendesk", "31415926535"),
    ),
]
LEFT_OUT = [
    (
        Sample("a trigger, by an agent", triggered(current_user__id="8447388090494", current_user__role="Agent")),
        "outgoing",
    ),
    (Sample("a trigger, an attachment alone", triggered(ticket__latest_public_comment__value="")), "no_text"),
    (Sample("a trigger without a ticket", triggered(ticket__id="")), "malformed"),
    (Sample("a trigger of another kind", triggered("assigned")), "other"),
    (Sample("an agent's comment", commented(author=STAFF)), "outgoing"),
    (Sample("an internal note", commented(is_public=False, author=STAFF)), "private"),
    (Sample("a reopened ticket", ticket_event("ticket.status_changed", {"current": "OPEN"})), "status"),
    (Sample("another priority", ticket_event("ticket.priority_changed", {"current": "HIGH"})), "status"),
    (Sample("a redacted comment", ticket_event("ticket.comment_redacted", {"comment": {"id": "1"}})), "deleted"),
    (Sample("a new ticket, whose comment comes on its own", ticket_event("ticket.created", {})), "other"),
    (Sample("a survey that is sent", ticket_event("ticket.csat_requested", {})), "other"),
    (Sample("a score of nothing", ticket_event("ticket.csat_received", {"satisfaction_score": {}})), "malformed"),
]


def sign(sample, secret, at):
    timestamp = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    digest = hmac.new(secret.encode(), timestamp.encode() + sample.body, hashlib.sha256).digest()
    return {
        **sample.headers,
        "x-zendesk-account-id": "22129848",
        "x-zendesk-webhook-id": "01F1KRFQ6BG29CNWFR60NK5FNY",
        "x-zendesk-webhook-invocation-id": "8350205582",
        "x-zendesk-webhook-signature": base64.b64encode(digest).decode(),
        "x-zendesk-webhook-signature-timestamp": timestamp,
    }
