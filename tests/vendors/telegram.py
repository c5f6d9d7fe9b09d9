"""Telegram: nothing is signed, the secret of setWebhook comes with every update (https://core.telegram.org/bots/api#setwebhook)."""

from tests.vendors import Sample, written

SECRET, WRONG = "mood_line-2026_S3cret", "mood_line-2026_s3cret"
CHAT, GROUP, CHANNEL = 510771234, -1001840000017, -1001750000002
SETTINGS = {"secret": SECRET, "chats": [str(CHAT), str(GROUP), str(CHANNEL)]}
SIGNS_TIME = SIGNS_BODY = False

DANA = {"id": CHAT, "is_bot": False, "first_name": "דנה", "username": "Dana_Levi", "language_code": "he"}
PRIVATE = {"id": CHAT, "first_name": "דנה", "username": "Dana_Levi", "type": "private"}
PUBLIC = {"id": GROUP, "title": "לקוחות ותמיכה", "username": "support_il", "type": "supergroup"}
NOA = {"id": 8, "is_bot": False, "first_name": "נועה"}
BOT = {"id": 7012345678, "is_bot": True, "first_name": "Support", "username": "support_il_bot"}
MESSAGE = {
    "message_id": 1365,
    "from": DANA,
    "chat": PRIVATE,
    "date": 1795245400,
    "text": "הזמנתי לפני שבועיים ועדיין אין מספר מעקב. מתי זה יגיע?",
}
REACTION = {
    "chat": PUBLIC,
    "message_id": 880,
    "user": DANA,
    "date": 1795245460,
    "old_reaction": [],
    "new_reaction": [{"type": "emoji", "emoji": "👎"}],
}
BUSINESS = MESSAGE | {"business_connection_id": "ZhkRAAGdSUhPDQAAHuBxYjdDqlQ"}
KNOWN, BY_NAME = ("telegram", str(CHAT)), ("telegram", "dana_levi")


def update(name, kind, told, customer=None):
    return Sample(name, written({"update_id": 10000 + len(name), kind: told}), customer)


def message(name, customer=KNOWN, **changed):
    return update(name, "message", MESSAGE | changed, customer)


def unspoken(name, customer=None, **told):
    """A message without text."""
    return update(name, "message", without("text", MESSAGE) | told, customer)


def without(name, told):
    return {key: value for key, value in told.items() if key != name}


def reaction(name, customer=None, **changed):
    return update(name, "message_reaction", REACTION | changed, customer)


START = [{"offset": 0, "length": 6, "type": "bot_command"}]
HEARD = [{"offset": 5, "length": 5, "type": "bot_command"}]
PICTURE = {"photo": [{"file_id": "AgACAgQ", "file_unique_id": "AQADwb", "width": 90, "height": 51, "file_size": 1101}]}
CHANNEL_POST = {
    "message_id": 91,
    "sender_chat": {"id": CHANNEL, "title": "חדשות", "type": "channel"},
    "chat": {"id": CHANNEL, "title": "חדשות", "type": "channel"},
    "date": 1795245400,
    "text": "מבצע סוף שבוע: עשרים אחוז הנחה על הכול",
}
FORWARDED = CHANNEL_POST | {
    "chat": PUBLIC,
    "is_automatic_forward": True,
    "from": {"id": 777000, "is_bot": False, "first_name": "Telegram"},
}
ADMIN = {"id": 1087968824, "is_bot": True, "first_name": "Group", "username": "GroupAnonymousBot"}
SAMPLES = [
    message("a message to the bot"),
    message("known by name", customer=BY_NAME),
    message("in a group", chat=PUBLIC, text="האפליקציה החדשה מצוינת, סוף סוף אפשר לשלם מהטלפון"),
    message("a command in the middle", text="כתבת /stop וזה לא מפסיק, די כבר", entities=HEARD),
    unspoken("a picture with words", KNOWN, caption="ככה הגיע הארגז, מעוך לגמרי", **PICTURE),
    update("to the company's own account", "business_message", BUSINESS, KNOWN),
    reaction("a reaction", KNOWN),
]  # fmt: skip
LEFT_OUT = [
    (message("another chat", chat=PRIVATE | {"id": 99}), "not_chosen"),
    (message("a bot in the group", chat=PUBLIC, **{"from": BOT}), "bot"),
    (update("a bot for the company", "business_message", BUSINESS | {"sender_business_bot": BOT}), "bot"),
    (update("the company's own answer", "business_message", BUSINESS | {"from": NOA}), "outgoing"),
    (update("a post", "channel_post", CHANNEL_POST), "echo"),
    (update("a post in the group", "message", FORWARDED), "echo"),
    (message("an administrator without a name", chat=PUBLIC, sender_chat=PUBLIC, **{"from": ADMIN}), "echo"),
    (message("somebody as a channel", chat=PUBLIC, sender_chat={"id": -1005, "type": "channel"}, **{"from": ADMIN}), "other"),
    (update("edited", "edited_message", MESSAGE | {"edit_date": 1795245500}), "edited"),
    (update("an edited post", "edited_channel_post", CHANNEL_POST | {"edit_date": 1795245500}), "edited"),
    (update("deleted", "deleted_business_messages", {"business_connection_id": "Zh", "chat": PRIVATE, "message_ids": [1, 2]}), "deleted"),
    (message("the start", text="/start", entities=START), "other"),
    (unspoken("somebody joins", new_chat_members=[DANA], chat=PUBLIC), "other"),
    (unspoken("a voice message", voice={"file_id": "AwACAgQ", "duration": 4}), "no_text"),
    (reaction("a reaction taken back", old_reaction=REACTION["new_reaction"], new_reaction=[]), "reaction_removed"),
    (update("a reaction of the group", "message_reaction", without("user", REACTION) | {"actor_chat": PUBLIC}), "other"),
    (reaction("a reaction that is no emoji", new_reaction=[{"type": "custom_emoji", "custom_emoji_id": "54"}]), "other"),
    (reaction("a bot's reaction", user=BOT), "bot"),
    (update("a button", "callback_query", {"id": "43", "from": DANA, "data": "rate:5", "message": MESSAGE}), "other"),
    (message("of nobody", **{"from": None}), "malformed"),
]  # fmt: skip


def sign(sample, secret, at):
    return {**sample.headers, "x-telegram-bot-api-secret-token": secret}
