"""Chatwoot: what contacts write in any inbox, how they rate the conversation, and when it is resolved.

A contact is the identity `chatwoot`, with e-mail and phone as aliases; the contact's `identifier` is the company's own id.
A delivery that comes twice (one X-Chatwoot-Delivery, or a new one of the same event) is known by the message's id.
Source: https://www.chatwoot.com/hc/user-guide/articles/1677693021-how-to-use-webhooks
"""

import hashlib
import hmac

from service.channels.webhook import Heard, dig, identity, known_id, label, verify_signature, verify_time

NEEDS = ("secret",)
CHANNELS = {
    "Channel::Email": "email",
    "Channel::Sms": "sms",
    "Channel::TwilioSms": "sms",
    "Channel::Voice": "call",
    "Channel::TwitterProfile": "social",
}
LEFT_OUT = {
    **dict.fromkeys(("outgoing", 1), "outgoing"),
    **dict.fromkeys(("activity", 2), "status"),
    **dict.fromkeys(("template", 3), "bot"),
}
INCOMING = ("incoming", 0)
BOTS = ("agent_bot", "captain_assistant")


def verify(delivery, account):
    """Let pass what is signed over `timestamp.body` (HMAC-SHA256), or not at all where `unsigned` allows it; raises BadSignature."""
    claimed, timestamp = (delivery.headers.get(f"x-chatwoot-{name}", "") for name in ("signature", "timestamp"))
    if account.unsigned and "x-chatwoot-signature" not in delivery.headers:
        return
    signed = f"{timestamp}.".encode() + delivery.body
    verify_signature([claimed], ["sha256=" + _sign(secret, signed) for secret in account.secrets])
    verify_time(timestamp, delivery.at)


def _sign(secret, signed):
    return hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


def handshake(delivery, account):
    """None: there is no handshake."""


def listen(delivery, account):
    """Heard of message_created, of message_updated where it answers a survey, and of conversation_status_changed; raises BadRequest."""
    heard, payload = Heard(), delivery.json()
    event = dig(payload, "event")
    if event == "message_created":
        _hear_message(heard, payload, delivery, account)
    elif event == "message_updated":
        _hear_update(heard, payload, delivery, account)
    elif event == "conversation_status_changed":
        _hear_status(heard, payload, delivery, account)
    else:
        heard.ignore("other")
    return heard


def _hear_message(heard, payload, delivery, account):
    kind = dig(payload, "message_type", kind=(str, int))
    if dig(payload, "private") is True:
        return heard.ignore("private")
    if dig(payload, "sender", "type") in BOTS:
        return heard.ignore("bot")
    if kind not in INCOMING:
        return heard.ignore(LEFT_OUT.get(kind, "malformed"))
    mail, conversation = dig(payload, "content_attributes", "email"), dig(payload, "conversation")
    subject = label(dig(mail, "subject"), 200)
    heard.add(
        id=dig(payload, "id"),
        at=dig(payload, "created_at"),
        # A mail's content may be its HTML, or hold what it answers.
        text=dig(mail, "text_content", "reply", kind=str) or dig(payload, "content"),
        attributes={"subject": subject} if subject else None,
        received_at=delivery.at,
        **_place(conversation, dig(payload, "inbox")),
        **_customer(account, dig(payload, "sender"), dig(payload, "contact"), dig(conversation, "meta", "sender")),
    )


def _hear_update(heard, payload, delivery, account):
    conversation = dig(payload, "conversation")
    answer = dig(payload, "content_attributes", "submitted_values", "csat_survey_response", kind=dict)
    if answer is None or dig(payload, "content_type") != "input_csat":
        return heard.ignore("deleted" if dig(payload, "content_attributes", "deleted") is True else "edited")
    heard.add(
        id=dig(payload, "id"),
        at=dig(payload, "created_at"),
        text=dig(answer, "feedback_message"),
        rating=("csat", dig(answer, "rating")),
        ended=dig(conversation, "status") == "resolved",
        received_at=delivery.at,
        **_place(conversation, dig(payload, "inbox")),
        **_customer(account, dig(conversation, "meta", "sender"), dig(payload, "contact")),
    )


def _hear_status(heard, conversation, delivery, account):
    if dig(conversation, "status") != "resolved":
        return heard.ignore("status")
    heard.add(
        id=dig(conversation, "id"),
        at=dig(conversation, "updated_at"),
        ended=True,
        received_at=delivery.at,
        **_place(conversation, None),
        **_customer(account, dig(conversation, "meta", "sender")),
    )


def _place(conversation, inbox):
    """Where it was said: conversation, channel, agent and team, as Heard.add takes them."""
    return {
        # `id` is what newer versions call the number of a conversation within its account.
        "conversation": dig(conversation, "display_id") or dig(conversation, "id") or "",
        "channel": CHANNELS.get(dig(conversation, "channel", kind=str), "chat"),
        "agent": dig(conversation, "meta", "assignee", "name"),
        "team": dig(conversation, "meta", "team", "name", kind=str) or dig(inbox, "name"),
    }


def _customer(account, *told):
    """Who said it, as Heard.add takes it: the first contact with an id, and what the others tell of the same contact."""
    id = next((found for one in told if (found := known_id(dig(one, "id")))), "")
    same = [one for one in told if known_id(dig(one, "id")) == id]

    def first(name):
        return next((found for one in same if (found := known_id(dig(one, name)))), None)

    return {
        "identity": identity("chatwoot", account.own(id)) if id else None,
        "customer_id": first("identifier"),
        "aliases": (identity("email", first("email")), identity("phone", first("phone_number"), account.phone_region)),
    }
