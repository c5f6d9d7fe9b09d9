"""Twilio: Conversations webhooks and incoming messages (forms), and Event Streams (CloudEvents in JSON).

Who wrote is told by how: agents and bots write by the SDK or the REST API, customers from a phone, WhatsApp, Messenger or by e-mail. So
what has the Source SDK, API or CHAT is outgoing; events don't tell it, there only an Author that is such an address is a customer. The
visitor of a web chat can't be told from an agent and is left out.
A plain incoming message stands alone: its form has no time by which a later replay could be known.
Identity: `phone` (also of WhatsApp and RCS), `facebook` (messenger:), `email`, or the name of another channel's prefix.
Sources: https://www.twilio.com/docs/usage/webhooks/webhooks-security, https://www.twilio.com/docs/conversations/conversations-webhooks,
https://www.twilio.com/docs/messaging/guides/webhook-request, https://www.twilio.com/docs/events/event-types
"""

import base64
import hashlib
import hmac
import re
from urllib.parse import urlsplit

from service.channels.webhook import Heard, dig, identity, label, verify_signature
from service.errors import BadRequest, BadSignature

NEEDS = ("secret",)
STAFF = ("sdk", "api", "chat")
CHANNELS = {"": "sms", "sms": "sms", "email": "email"}
KINDS = {"messenger": "facebook"}  # of identities, where the channel's prefix is not its name
PREFIXES = ("whatsapp", "messenger", "rcs", "sms")
LEFT_OUT = {
    "onMessageUpdated": "edited",
    "onMessageRemoved": "deleted",
    "onDeliveryUpdated": "delivery",
    "com.twilio.conversations.message.updated": "edited",
    "com.twilio.conversations.message.removed": "deleted",
}
_ADDRESS = re.compile(r"(?:([a-z][a-z0-9_-]{0,31}):)?(\+?[^:]+)", re.IGNORECASE)


def verify(delivery, account):
    """Let pass what is signed with a secret: the URL and the form's parameters in order, or the URL that has the JSON body's SHA-256.

    HMAC-SHA1 of the auth token, or HMAC-SHA256 of a shared key; with or without the port, as Twilio isn't consistent in that.
    Raises BadSignature.
    """
    digest = delivery.asked("bodySHA256")
    if digest:
        verify_signature([digest.lower()], [hashlib.sha256(delivery.body).hexdigest()])
    signed = [f"{url}{'' if digest else _written(delivery)}".encode() for url in _urls(delivery, account)]
    expected = [
        base64.b64encode(hmac.digest(secret.encode(), one, algorithm)).decode()
        for secret in account.secrets
        for one in signed
        for algorithm in ("sha1", "sha256")
    ]
    verify_signature([delivery.headers.get("x-twilio-signature", "")], expected)


def _written(delivery):
    """The form's names and values as they are signed: sorted, each value of a name once."""
    try:
        return "".join(name + value for name, value in sorted(set(delivery.form())))
    except BadRequest:
        raise BadSignature("the body is no form, and the URL has no bodySHA256") from None


def _urls(delivery, account):
    """The URL that Twilio called, as it may have written it: without its port, and with it."""
    try:
        url = urlsplit((account.url or delivery.url).partition("?")[0])
        port = url.port
    except ValueError:
        raise BadSignature("the URL can't be read") from None
    host = url.netloc.removesuffix(f":{port}")
    hosts = (host, f"{host}:{port or (443 if url.scheme == 'https' else 80)}")
    query = delivery.url.partition("?")[2]
    return [url._replace(netloc=one, query=query).geturl() for one in hosts]


def handshake(delivery, account):
    """None: there is no handshake."""


def listen(delivery, account):
    """Heard of a form, or of a JSON array of events where the URL has bodySHA256; raises BadRequest."""
    heard = Heard()
    if delivery.asked("bodySHA256"):
        events = delivery.json()
        for event in events if isinstance(events, list) else [events]:
            _hear(heard, dig(event, "type", kind=str), dig(event, "data", kind=dict) or {}, account, delivery.at)
    else:
        form = dict(reversed(delivery.form()))
        _hear(heard, form.get("EventType"), form, account, delivery.at)
    return heard


def _hear(heard, kind, told, account, at):
    """What one event tells; `told` are a form's parameters or an event's data."""
    if kind in ("onMessageAdded", "com.twilio.conversations.message.added"):
        _hear_conversation(heard, told, account, at)
    elif kind in ("onConversationStateUpdated", "com.twilio.conversations.conversation-state.updated"):
        if dig(told, "StateTo") != "closed":
            return heard.ignore("status")
        sid = told.get("ConversationSid")
        heard.add(id=sid, at=told.get("StateUpdated"), channel="chat", received_at=at, conversation=sid, ended=True)
    elif kind == "com.twilio.messaging.inbound-message.received":
        _hear_alone(heard, told, account, at, "from", "to", "body", "messageSid", "timestamp")
    elif "MessageStatus" in told or str(kind).startswith("com.twilio.messaging.message."):
        heard.ignore("delivery")
    elif kind is None and "From" in told and "MessageSid" in told:
        _hear_alone(heard, told, account, at, "From", "To", "Body", "MessageSid")
    else:
        heard.ignore(LEFT_OUT.get(kind, "other"))


def _hear_conversation(heard, told, account, at):
    author, source = (dig(told, name, kind=str) or "" for name in ("Author", "Source"))
    prefix, who = _author(author, account)
    if source.lower() in STAFF or not (source or author.startswith("+") or prefix in PREFIXES):
        return heard.ignore("outgoing")
    heard.add(
        id=told.get("MessageSid"),
        at=told.get("DateCreated"),
        channel=CHANNELS.get(source.lower() if source else prefix, "chat"),
        received_at=at,
        conversation=told.get("ConversationSid"),
        text=told.get("Body", told.get("MessageBody")),
        identity=who,
    )


def _hear_alone(heard, told, account, received_at, sender, to, text, id, at=None):
    """A message to a number of ours; sender, to, text, id and at are the names of its fields."""
    prefix, who = _author(dig(told, sender, kind=str) or "", account)
    number = label(told.get(to), 64)
    heard.add(
        id=told.get(id),
        at=told.get(at),
        channel=CHANNELS.get(prefix, "chat"),
        received_at=received_at,
        text=told.get(text),
        identity=who,
        attributes=number and {"to": number},
    )


def _author(address, account):
    """(the channel's prefix, Identity or None) of an address such as +972…, whatsapp:+972…, messenger:123 or an e-mail."""
    found = _ADDRESS.fullmatch(address.strip())
    if not found:
        return "", None
    prefix, value = (found[1] or "").lower(), found[2]
    if "@" in value:
        return "email", identity("email", value)
    if value.startswith("+") or not prefix or prefix == "sms":
        return prefix, identity("phone", value, account.phone_region)
    return prefix, identity(KINDS.get(prefix, prefix), value)
