"""Zendesk: what end users write in tickets, how they rate them, and when they are solved, from triggers or ticket events.

A trigger sends the body that the README tells of: `moodline` says what happened (`comment`, `good`, `bad`, `closed`), then come
`ticket`, `at`, `via`, `group`, `assignee`, the requester's `requester`, `external_id`, `email`, `phone`, who did it, `actor` and
`actor_role`, the `comment`'s id, `subject` and last `text`.
A user is the identity `zendesk`, with e-mail and phone as aliases; the user's external id is the company's own.
Sources: https://developer.zendesk.com/documentation/webhooks/verifying/,
https://developer.zendesk.com/api-reference/webhooks/event-types/ticket-events/,
https://support.zendesk.com/hc/en-us/articles/4408886858138-Zendesk-Support-placeholders-reference
"""

import base64
import hashlib
import hmac
import json
import re

from service.channels.webhook import Heard, dig, identity, known_id, label, verify_signature, verify_time

NEEDS = ("secret",)
EVENT = "zen:event-type:"
CHANNELS = {
    "email": "email",
    "mail": "email",
    "sms": "sms",
    "voice": "call",
    "twitter": "social",
    "facebook": "social",
}
SOLVED = ("solved", "closed")
DELETED = ("ticket.comment_redacted", "ticket.soft_deleted", "ticket.permanently_deleted")
_TEXT = re.compile(r'"text"\s*:\s*"')
_FIELD = re.compile(r'"(\w+)"\s*:\s*"([^"\n]*)"')
_END = re.compile(r'"\s*\}\s*\Z')


def verify(delivery, account):
    """Let pass what is signed over the timestamp and the body (HMAC-SHA256); raises BadSignature."""
    prefix = "x-zendesk-webhook-signature"
    timestamp = delivery.headers.get(f"{prefix}-timestamp", "")
    signed = timestamp.encode() + delivery.body
    verify_signature([delivery.headers.get(prefix, "")], [_sign(secret, signed) for secret in account.secrets])
    verify_time(timestamp, delivery.at)


def _sign(secret, signed):
    return base64.b64encode(hmac.new(secret.encode(), signed, hashlib.sha256).digest()).decode()


def handshake(delivery, account):
    """None: there is no handshake."""


def listen(delivery, account):
    """Heard of our trigger's body, or of ticket.comment_added, ticket.status_changed and ticket.csat_received; raises BadRequest."""
    heard, payload = Heard(), _read(delivery)
    hear = _hear_trigger if dig(payload, "moodline") is not None else _hear_event
    hear(heard, payload, delivery, account)
    return heard


def _read(delivery):
    # Zendesk does not promise to escape what it puts in for a placeholder. So of repeated names the first counts (what a
    # customer wrote stands last), lines may break within a text, and a text with bare quotes goes on to the end of the body.
    try:
        return json.loads(delivery.body, strict=False, object_pairs_hook=lambda pairs: dict(reversed(pairs)))
    except (ValueError, RecursionError):
        head, *rest = _TEXT.split(delivery.body.decode(errors="replace"), maxsplit=1)
        fields = dict(reversed(_FIELD.findall(head)))
        if not rest or "moodline" not in fields:
            return delivery.json()  # which says what is wrong
        return fields | {"text": _END.sub("", rest[0])}


def _hear_trigger(heard, payload, delivery, account):
    event, ticket = dig(payload, "moodline"), known_id(dig(payload, "ticket"))
    at, requester, actor = (known_id(dig(payload, name)) for name in ("at", "requester", "actor"))
    own = event != "comment" or actor == requester
    if event not in ("comment", "good", "bad", "closed"):
        return heard.ignore("other")
    if not own and not (dig(payload, "actor_role", kind=str) or "").lower().startswith("end"):
        return heard.ignore("outgoing")
    ids = {"comment": known_id(dig(payload, "comment")) or f"{ticket}:{at}", "closed": f"{ticket}:closed"}
    subject = label(dig(payload, "subject"), 200)
    heard.add(
        id=ids.get(event) or f"{ticket}:rating:{at}",
        at=at,
        conversation=ticket,
        channel=_channel(dig(payload, "via")),
        text=None if event == "closed" else dig(payload, "text"),
        rating=_rating(event) if event in ("good", "bad") else None,
        ended=event != "comment",
        agent=dig(payload, "assignee"),
        team=dig(payload, "group"),
        attributes={"subject": subject} if subject else None,
        received_at=delivery.at,
        # Somebody in copy is another customer than the requester.
        **(_requester(payload, account) if own else {"identity": _user(account, actor)}),
    )


def _requester(payload, account):
    email, phone = identity("email", dig(payload, "email")), dig(payload, "phone")
    return {
        "identity": _user(account, dig(payload, "requester")),
        "customer_id": dig(payload, "external_id"),
        "aliases": (email, identity("phone", phone, account.phone_region)),
    }


def _hear_event(heard, payload, delivery, account):
    kind = (dig(payload, "type", kind=str) or "").removeprefix(EVENT)
    event, ticket = dig(payload, "event"), dig(payload, "detail")
    if kind == "ticket.comment_added":
        comment = dig(event, "comment")
        if dig(comment, "is_public") is False:
            return heard.ignore("private")
        if dig(comment, "author", "is_staff") is True:
            return heard.ignore("outgoing")
        told = {"id": dig(comment, "id"), "text": dig(comment, "body")}
        author = dig(comment, "author", "id")
    elif kind == "ticket.status_changed" and (dig(event, "current", kind=str) or "").lower() in SOLVED:
        told, author = {"id": dig(payload, "id"), "ended": True}, dig(ticket, "requester_id")
    elif kind == "ticket.csat_received":
        score = dig(event, "satisfaction_score")
        told = {"id": dig(payload, "id"), "text": dig(score, "comment"), "rating": _rating(dig(score, "score"))}
        author = dig(ticket, "requester_id")
    elif kind in DELETED:
        return heard.ignore("deleted")
    else:
        return heard.ignore("status" if kind.startswith("ticket.") and kind.endswith("_changed") else "other")
    subject = label(dig(ticket, "subject"), 200)
    heard.add(
        **{"ended": kind == "ticket.csat_received"} | told,
        at=dig(payload, "time"),
        conversation=known_id(dig(ticket, "id")),
        channel=_channel(dig(ticket, "via", "channel")),
        agent=known_id(dig(ticket, "assignee_id")),
        team=known_id(dig(ticket, "group_id")),
        attributes={"subject": subject} if subject else None,
        identity=_user(account, author),
        received_at=delivery.at,
    )


def _user(account, id):
    id = known_id(id)
    return identity("zendesk", account.own(id)) if id else None


def _channel(via):
    return CHANNELS.get(via.lower(), "chat") if isinstance(via, str) else "chat"


def _rating(score):
    """A good rating is the best csat, a bad one the worst; a survey's number is itself."""
    word = score.lower() if isinstance(score, str) else ""
    return "csat", 5 if word.startswith("good") else 1 if word.startswith("bad") else score
