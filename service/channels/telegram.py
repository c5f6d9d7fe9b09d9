"""Telegram: what people write to a bot, or where it listens, and their reactions.

Identity: `telegram`, the user's id; the name (@…) is an alias. A chat is a conversation of each who writes in it.
Sources: https://core.telegram.org/bots/api#update, https://core.telegram.org/bots/api#setwebhook
"""

from service.channels.webhook import Heard, dig, each, identity, known_id, verify_signature

NEEDS = ("secret",)
LEFT_OUT = {
    "channel_post": "echo",
    "edited_message": "edited",
    "edited_channel_post": "edited",
    "edited_business_message": "edited",
    "deleted_business_messages": "deleted",
}
MEDIA = (
    "animation", "audio", "contact", "document", "location", "paid_media", "photo", "poll", "sticker", "story", "venue", "video",
    "video_note", "voice",
)  # fmt: skip


def verify(delivery, account):
    """Let pass what brings a secret as the setWebhook call has told it; nothing is signed. Raises BadSignature."""
    verify_signature([delivery.headers.get("x-telegram-bot-api-secret-token", "")], account.secrets)


def handshake(delivery, account):
    """None: there is no handshake."""


def listen(delivery, account):
    """Heard of an Update; raises BadRequest."""
    heard, update = Heard(), delivery.json()
    for name, take in (
        ("message", _hear_message),
        ("business_message", _hear_message),
        ("message_reaction", _hear_reaction),
    ):
        told = dig(update, name, kind=dict)
        if told is not None:
            chat = known_id(dig(told, "chat", "id"))
            if account.chats and chat not in account.chats:
                heard.ignore("not_chosen")
            else:
                take(heard, told, chat, delivery.at)
            return heard
    found = [reason for name, reason in LEFT_OUT.items() if dig(update, name, kind=dict) is not None]
    heard.ignore(found[0] if found else "other")
    return heard


def _hear_message(heard, message, chat, at):
    business = known_id(message.get("business_connection_id"))
    text = _text(message)
    if isinstance(message.get("forward_origin"), dict):  # somebody else's words
        heard.ignore("other")
    elif isinstance(message.get("sender_chat"), dict):  # beside it `from` is made up
        ours = message.get("is_automatic_forward") is True or known_id(dig(message, "sender_chat", "id")) == chat
        heard.ignore("echo" if ours else "other")
    elif dig(message, "from", "is_bot", kind=bool) or "sender_business_bot" in message:
        heard.ignore("bot")
    elif business and known_id(dig(message, "from", "id")) != chat:
        heard.ignore("outgoing")
    elif _is_command(message) or (text is None and not any(name in message for name in MEDIA)):
        heard.ignore("other")
    else:
        _add(heard, message, message.get("from"), chat, known_id(message.get("message_id")), text, at, business)


def _is_command(message):
    return any(one.get("type") == "bot_command" and one.get("offset") == 0 for one in each(message, "entities"))


def _text(message):
    text = dig(message, "text", kind=str)
    return dig(message, "caption", kind=str) if text is None else text


def _hear_reaction(heard, reaction, chat, at):
    before, after = (
        [dig(one, "emoji", kind=str) for one in each(reaction, name)] for name in ("old_reaction", "new_reaction")
    )
    added = [emoji for emoji in after if emoji and emoji not in before]
    user = known_id(dig(reaction, "user", "id"))
    id = ":".join(known_id(part) for part in (reaction.get("message_id"), "reaction", user, reaction.get("date")))
    if dig(reaction, "user", "is_bot", kind=bool):
        heard.ignore("bot")
    elif not user:
        heard.ignore("other")  # of a group in its own name
    elif added:
        _add(heard, reaction, reaction.get("user"), chat, id, "".join(added), at)
    else:
        heard.ignore("reaction_removed" if len(after) < len(before) else "other")


def _add(heard, told, writer, chat, id, text, at, business=""):
    user = known_id(dig(writer, "id", kind=int))
    if not (chat and id and user):
        return heard.ignore("malformed")
    where = f"{business}:{chat}" if business else chat  # each business account numbers its messages anew
    heard.add(
        id=f"{where}:{id}",
        at=told.get("date"),
        channel="chat",
        received_at=at,
        conversation=f"{where}:{user}",
        text=text,
        identity=identity("telegram", user),
        aliases=[_name(writer)],
        attributes={"chat": chat},
    )


def _name(writer):
    name = known_id(dig(writer, "username", kind=str))
    return None if name.isdecimal() else identity("telegram", name)  # digits alone would be somebody's id
