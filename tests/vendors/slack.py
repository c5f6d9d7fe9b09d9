"""Slack, signed by its own library."""

from slack_sdk.signature import SignatureVerifier

from tests.vendors import Sample, written

SECRET, WRONG = "8f742231b10e8888abcd99yyyzzz85a5", "1c0ffee231b10e8888abcd99yyyzzz85"
CHANNEL, DIRECT = "C0LAN2Q65", "D024BE91L"
SETTINGS = {"secret": SECRET, "chats": [CHANNEL, DIRECT]}
SIGNS_TIME = True

OURS, THEIRS = "T061EG9R6", "T0CUSTOMER"
MESSAGE = {
    "client_msg_id": "3a1f2f7e-6b1c-4d4e-9c0a-0f6f2f0b7a11",
    "type": "message",
    "channel": CHANNEL,
    "user": "U061F7AUR",
    "text": "החיבור נופל כל עשר דקות כבר מהבוקר, ואצלכם במוקד אף אחד לא עונה",
    "ts": "1795245400.000200",
    "team": THEIRS,
    "event_ts": "1795245400.000200",
    "channel_type": "channel",
}
CALLBACK = {
    "token": "XXYYZZ",
    "team_id": OURS,
    "context_team_id": OURS,
    "context_enterprise_id": None,
    "api_app_id": "A0FFV41KK",
    "type": "event_callback",
    "event_id": "Ev0PV52K25",
    "event_time": 1795245400,
    "authorizations": [
        {"enterprise_id": None, "team_id": OURS, "user_id": "U0BOT0000", "is_bot": True, "is_enterprise_install": False}
    ],
    "is_ext_shared_channel": False,
    "event_context": "EC12345",
}
WRITER = ("slack", f"{THEIRS}:U061F7AUR")
ANGRY = [
    {
        "type": "rich_text",
        "block_id": "yQ1",
        "elements": [
            {
                "type": "rich_text_section",
                "elements": [
                    {"type": "user", "user_id": "U0SUPPORT"},
                    {"type": "text", "text": " שוב אותה תקלה "},
                    {"type": "emoji", "name": "rage", "unicode": "1f621"},
                ],
            }
        ],
    }
]


def callback(name, event, customer=None, **changed):
    """An event as Slack posts it: with its slashes escaped too."""
    return Sample(name, written(CALLBACK | {"event": event} | changed).replace(b"/", rb"\/"), customer)


FILE = MESSAGE | {"subtype": "file_share", "files": [{"id": "F0FILE1234", "mimetype": "image/png"}]}
STAFF = {"is_ext_shared_channel": True}
SAMPLES = [
    callback("a message", MESSAGE, WRITER),
    callback("an answer in a thread", MESSAGE | {"thread_ts": "1795245000.000100", "parent_user_id": "U0SUPPORT"}, WRITER),
    callback("with marks and an emoji", MESSAGE | {"text": "<@U0SUPPORT> שוב אותה תקלה :rage:", "blocks": ANGRY}, WRITER),
    callback("a file with words", FILE | {"text": "הנה צילום המסך, זה פשוט לא עובד"}, WRITER),
    callback("a direct message", MESSAGE | {"channel": DIRECT, "channel_type": "im", "text": "תודה, עכשיו הכול עובד מצוין!"}, WRITER),
    callback("of another company, in a shared channel", MESSAGE | {"user_team": THEIRS, "source_team": OURS}, WRITER, **STAFF),
]  # fmt: skip
EDITED = {
    "type": "message",
    "subtype": "message_changed",
    "channel": CHANNEL,
    "hidden": True,
    "ts": "1795245460.000300",
    "message": MESSAGE
    | {"text": "החיבור נופל כל חמש דקות", "edited": {"user": "U061F7AUR", "ts": "1795245460.000000"}},
    "previous_message": MESSAGE,
    "event_ts": "1795245460.000300",
    "channel_type": "channel",
}
DELETED = {
    "type": "message",
    "subtype": "message_deleted",
    "hidden": True,
    "channel": CHANNEL,
    "ts": "1795245500.000400",
    "deleted_ts": MESSAGE["ts"],
    "event_ts": "1795245500.000400",
}
LEFT_OUT = [
    (callback("another channel", MESSAGE | {"channel": "C0GENERAL"}), "not_chosen"),
    (callback("an integration", MESSAGE | {"subtype": "bot_message", "bot_id": "BB12033", "username": "github"}), "bot"),
    (callback("our own app", MESSAGE | {"bot_id": "B0APP", "app_id": "A0FFV41KK"}), "bot"),
    (callback("Slackbot", MESSAGE | {"user": "USLACKBOT"}), "bot"),
    (callback("our staff in a shared channel", MESSAGE | {"user_team": OURS, "team": OURS}, **STAFF), "outgoing"),
    (callback("our staff in a channel that another shares", MESSAGE | {"team": OURS}, team_id=THEIRS, **STAFF), "outgoing"),
    (callback("edited", EDITED), "edited"),
    (callback("deleted", DELETED), "deleted"),
    (callback("somebody joins", MESSAGE | {"subtype": "channel_join", "text": "<@U061F7AUR> has joined the channel"}), "other"),
    (callback("a reaction", {"type": "reaction_added", "user": "U061F7AUR", "reaction": "thumbsup", "item": {}}), "other"),
    (callback("a mention", MESSAGE | {"type": "app_mention"}), "other"),
    (callback("a file alone", FILE | {"text": ""}), "no_text"),
    (callback("of nobody", {name: MESSAGE[name] for name in MESSAGE if name != "user"}), "malformed"),
]  # fmt: skip


def sign(sample, secret, at):
    timestamp = str(int(at))
    signature = SignatureVerifier(secret).generate_signature(timestamp=timestamp, body=sample.body)
    return {**sample.headers, "x-slack-request-timestamp": timestamp, "x-slack-signature": signature}
