"""Intercom: what contacts write, how they rate a conversation, and when it is closed.

A contact is the identity `intercom`, with the e-mail as alias; a user's external id is the company's own (a lead's is made by Intercom).
Bodies are HTML; what is kept of them is what their reader sees.
Sources: https://developers.intercom.com/docs/webhooks/setting-up-webhooks,
https://developers.intercom.com/docs/references/2.16/webhooks/webhook-models
"""

import hashlib
import hmac

from service.channels.webhook import Heard, Reply, dig, each, identity, known_id, label, verify_signature
from service.text.markup import show

NEEDS = ("secret",)
CHANNELS = {"email": "email", "sms": "sms", "phone_call": "call", "phone_switch": "call"}
CONTACTS = ("user", "lead", "contact", "visitor")
SPEAKERS = {"admin": "outgoing", "team": "outgoing", "bot": "bot"}
TOPICS = {
    "conversation.admin.replied": "outgoing",
    "conversation.admin.single.created": "outgoing",
    "conversation.admin.noted": "private",
    "conversation.operator.replied": "bot",
    "conversation.deleted": "deleted",
    "conversation_part.redacted": "deleted",
    "conversation.read": "delivery",
    "conversation.admin.assigned": "status",
    "conversation.admin.open.assigned": "status",
    "conversation.admin.opened": "status",
    "conversation.admin.snoozed": "status",
    "conversation.admin.unsnoozed": "status",
    "conversation.priority.updated": "status",
}


def verify(delivery, account):
    """Let pass what is signed with the app's client secret (HMAC-SHA1; no time is signed); raises BadSignature."""
    expected = ["sha1=" + _sign(secret, delivery.body) for secret in account.secrets]
    verify_signature([delivery.headers.get("x-hub-signature", "")], expected)


def _sign(secret, body):
    return hmac.new(secret.encode(), body, hashlib.sha1).hexdigest()


def handshake(delivery, account):
    """A Reply to the HEAD request by which Intercom tries a new address, else None."""
    return Reply() if delivery.method == "HEAD" else None


def listen(delivery, account):
    """Heard of conversation.user.created and .replied, conversation.rating.added and conversation.admin.closed; raises BadRequest."""
    heard, payload = Heard(), delivery.json()
    topic, item = dig(payload, "topic", kind=str), dig(payload, "data", "item")
    at = dig(payload, "created_at")
    if topic in ("conversation.user.created", "conversation.user.replied"):
        first = [_source(item) | {"created_at": dig(item, "created_at")}] if topic.endswith("created") else []
        for one in [*first, *_parts(item)] or [{}]:
            _hear_message(heard, one, item, delivery)
    elif topic == "conversation.rating.added":
        rating = dig(item, "conversation_rating")
        heard.add(
            id=f"{known_id(dig(item, 'id'))}:rating",
            at=dig(rating, "updated_at") or at,
            text=dig(rating, "remark"),
            rating=("csat", dig(rating, "rating")),
            ended=dig(item, "open") is False,
            received_at=delivery.at,
            **_place(item),
            **_customer(item, dig(rating, "contact", "id") or _first_contact(item)),
        )
    elif topic == "conversation.admin.closed":
        heard.add(
            id=f"{known_id(dig(item, 'id'))}:closed",
            at=at,
            ended=True,
            received_at=delivery.at,
            **_place(item),
            **_customer(item, _first_contact(item)),
        )
    else:
        heard.ignore(TOPICS.get(topic, "other"))
    return heard


def _hear_message(heard, one, item, delivery):
    speaker = dig(one, "author", "type", kind=str)
    if dig(one, "redacted") is True:
        return heard.ignore("deleted")
    if dig(one, "part_type") == "note":
        return heard.ignore("private")
    if speaker not in CONTACTS:
        return heard.ignore(SPEAKERS.get(speaker, "malformed"))
    subject = label(dig(_source(item), "subject"), 200)
    heard.add(
        id=dig(one, "id"),
        at=dig(one, "created_at"),
        text=show(dig(one, "body", kind=str) or "").strip(),
        attributes={"subject": subject} if subject else None,
        received_at=delivery.at,
        **_place(item),
        **_customer(item, dig(one, "author", "id")),
    )


def _source(item):
    """What began the conversation, {} where it is missing; `conversation_message` was its name before version 2.0 of the API."""
    return dig(item, "source", kind=dict) or dig(item, "conversation_message", kind=dict) or {}


def _parts(item):
    return each(item, "conversation_parts", "conversation_parts")


def _place(item):
    """Where it was said: conversation, channel, agent and team, as Heard.add takes them."""
    return {
        "conversation": known_id(dig(item, "id")),
        "channel": CHANNELS.get(dig(_source(item), "type", kind=str), "chat"),
        "agent": dig(item, "assignee", "name", kind=str) or known_id(dig(item, "admin_assignee_id")),
        "team": known_id(dig(item, "team_assignee_id")),
    }


def _first_contact(item):
    return dig(item, "contacts", "contacts", 0, "id") or dig(item, "user", "id")


def _customer(item, id):
    """Who the contact with the id is, as Heard.add takes it, of all that the conversation tells of that contact."""
    authors = [dig(one, "author") for one in (_source(item), *_parts(item))]
    told = [*authors, dig(item, "user"), *each(item, "contacts", "contacts")]
    id = known_id(id)
    same = [one for one in told if id and known_id(dig(one, "id")) == id]

    def first(*names):
        return next((found for one in same for name in names if (found := known_id(dig(one, name)))), None)

    is_user = any(dig(one, "type") == "user" for one in same)
    return {
        "identity": identity("intercom", id),
        "customer_id": first("external_id", "user_id") if is_user else None,
        "aliases": (identity("email", first("email")),),
    }
