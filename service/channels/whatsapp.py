"""WhatsApp by the webhooks of Meta's Cloud API, proven and signed like those of `meta`.

Identities: `whatsapp` is a person's business-scoped user id, which stays though the phone number may be hidden; the parent id (of several
portfolios of one company) is an alias of the same kind, and the phone number one of the kind `phone`. Where there is no such id, the phone
number is the identity. User names are not taken: they may be changed, and another's may be taken over.
Sources: https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/reference/messages,
https://developers.facebook.com/documentation/business-messaging/whatsapp/business-scoped-user-ids
"""

from service.channels import meta
from service.channels.webhook import Heard, dig, each, identity, kept, known_id

NEEDS, verify, handshake = meta.NEEDS, meta.verify, meta.handshake

TEXTS = (
    ("text", "body"),
    ("button", "text"),
    ("interactive", "button_reply", "title"),
    ("interactive", "list_reply", "title"),
    ("reaction", "emoji"),
    ("image", "caption"),
    ("video", "caption"),
    ("document", "caption"),
    ("order", "text"),
)
LISTS = {"statuses": "delivery", "message_echoes": "echo", "errors": "other"}
REASONS = {"edit": "edited", "revoke": "deleted"} | dict.fromkeys(("system", "request_welcome", "unsupported"), "other")


def listen(delivery, account):
    """Heard of `{"object", "entry"}` of a WhatsApp business account; raises BadRequest."""
    heard, payload = Heard(), delivery.json()
    changes = [change for entry in each(payload, "entry") for change in each(entry, "changes")]
    if not changes:
        heard.ignore("malformed")
    for change in changes:
        # While another partner answers, the same comes within `standby`.
        value = dig(change, "value", "standby", kind=dict) or dig(change, "value", kind=dict)
        number = known_id(dig(change, "value", "metadata", "phone_number_id"))
        messages = each(value, "messages")
        reasons = [reason for name, reason in LISTS.items() for _ in each(value, name)]
        for message in messages:
            _listen_to_message(heard, message, _contact(value, message), number, delivery.at, account)
        for reason in reasons or ([] if messages else ["malformed" if value is None else "other"]):
            heard.ignore(reason)
    return heard


def _listen_to_message(heard, message, contact, number, received_at, account):
    type = known_id(dig(message, "type"))
    text = next((found for path in TEXTS if (found := dig(message, *path, kind=str))), None)
    if type in REASONS:
        return heard.ignore(REASONS[type])
    if type == "reaction" and not text:
        return heard.ignore("reaction_removed")
    sender, wa_id = known_id(dig(message, "from")), known_id(dig(contact, "wa_id"))
    phone = next((f"+{one}" for one in (sender, wa_id) if one.isdecimal()), None)
    user = dig(message, "from_user_id") or dig(contact, "user_id") or (sender if not sender.isdecimal() else None)
    parent = dig(message, "from_parent_user_id") or dig(contact, "parent_user_id")
    names = (
        identity("whatsapp", user),
        identity("whatsapp", parent),
        identity("phone", phone, account.phone_region),
    )
    known = next((name for name in names if name), None)
    return heard.add(
        id=dig(message, "id"),
        at=dig(message, "timestamp"),
        channel="chat",
        received_at=received_at,
        # A group's messages are kept apart by person: a conversation here has one customer.
        conversation="-".join(filter(None, (number, known_id(dig(message, "group_id")), known and known.value))),
        text=text,
        identity=known,
        aliases=names,
        attributes=kept({"phone_number_id": number, **message}, "phone_number_id", "group_id"),
    )


def _contact(value, message):
    """The contact who wrote the message: the only one, or the one of the same number or id."""
    contacts = each(value, "contacts")
    sender = {known_id(dig(message, name)) for name in ("from", "from_user_id")} - {""}
    same = [one for one in contacts if sender & {known_id(dig(one, name)) for name in ("wa_id", "user_id")}]
    return next(iter(same), contacts[0] if len(contacts) == 1 else None)
