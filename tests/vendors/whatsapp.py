"""WhatsApp's Cloud API, signed as the rest of Meta's webhooks are."""

from tests.vendors import Sample
from tests.vendors.meta import body_of, sign  # noqa: F401 - the signature is the same

SECRET, WRONG = "9a8b7c6d5e4f30211203f4e5d6c7b8a9", "11112222333344445555666677778888"
VERIFY_TOKEN = "a-token-for-whatsapp"
SETTINGS = {"secret": [SECRET, "an-older-app-secret"], "verify_token": VERIFY_TOKEN}
SIGNS_TIME = False

PHONE, USER, PARENT = "972505550142", "IL.13491208655302741918", "IL.ENT.11815799212886844830"
METADATA = {"display_phone_number": "97235550100", "phone_number_id": "106540352242922"}
NOVEMBER_21 = 1795255920  # 2026-11-21T10:12:00Z
WAMID = "wamid.HBgMOTcyNTA1NTUwMTQyFQIAEhgUM0E0ODM3QUM2Nzc0ODI5ODBDMjkA"
CONTACT = {
    "profile": {"name": "דנה", "username": "dana.levi"},
    "wa_id": PHONE,
    "user_id": USER,
    "parent_user_id": PARENT,
}
SENDER = {"from": PHONE, "from_user_id": USER, "from_parent_user_id": PARENT}


def change(field="messages", **value):
    value = {"messaging_product": "whatsapp", "metadata": METADATA, **value}
    return body_of(
        {
            "object": "whatsapp_business_account",
            "entry": [{"id": "102290129340398", "changes": [{"value": value, "field": field}]}],
        }
    )


def message(type, sender=SENDER, contact=CONTACT, **parts):
    parts = {**sender, "id": WAMID, "timestamp": str(NOVEMBER_21), "type": type, **parts}
    return change(contacts=[contact], messages=[parts])


def text(said, **others):
    return message("text", text={"body": said}, **others)


def person(number, said):
    return {
        "from": f"97250555020{number}",
        "from_user_id": f"IL.2000{number}",
        "group_id": "Y2FwaV9ncm91cDoxNzA1NTU1MDEzOToxMjAzNjM0MDQ2OTQyMzM4MjAZD",
        "id": f"{WAMID}{number}",
        "timestamp": str(NOVEMBER_21 + number),
        "type": "text",
        "text": {"body": said},
    }


GROUP = change(
    contacts=[{"wa_id": f"97250555020{number}", "user_id": f"IL.2000{number}"} for number in (1, 2)],
    messages=[person(1, "המשלוח עוד לא יצא?"), person(2, "אצלי דווקא הגיע בזמן, כל הכבוד")],
)
DANA = ("whatsapp", USER)
SAMPLES = [
    Sample("a text", text("שילמתי פעמיים על אותה הזמנה ואף אחד לא חוזר אליי"), DANA),
    Sample(
        "a text without a phone number",
        text(
            "עדיין מחכה לתשובה שלכם...",
            sender={"from_user_id": USER, "id": f"{WAMID}2"},
            contact={"profile": {"username": "dana.levi"}, "user_id": USER},
        ),
        DANA,
    ),
    Sample(
        "a text whose sender stands in the contact alone",
        text("תודה, הסתדרתי", sender={}, contact={"user_id": USER}),
        DANA,
    ),
    Sample(
        "a text from before the ids",
        text("שלום, רציתי לשאול על החשבונית", sender={"from": PHONE, "id": f"{WAMID}0"}, contact={"wa_id": PHONE}),
        ("phone", PHONE),
    ),
    Sample("a text, by phone", text("אפשר לקבל החזר?"), ("phone", "050-555-0142")),
    Sample("a text, by the parent's id", text("למה ניתקו לי את הקו?!"), ("whatsapp", PARENT)),
    Sample("a tap on a template's button", message("button", button={"payload": "no", "text": "לא מרוצה"}), DANA),
    Sample(
        "a chosen reply",
        message("interactive", interactive={"type": "button_reply", "button_reply": {"id": "1", "title": "כן, נפתר"}}),
        DANA,
    ),
    Sample(
        "a choice of a list",
        message("interactive", interactive={"type": "list_reply", "list_reply": {"id": "4", "title": "תלונה על שליח"}}),
        DANA,
    ),
    Sample("a reaction", message("reaction", reaction={"message_id": "wamid.ours", "emoji": "👎"}), DANA),
    Sample(
        "a photo with words",
        message("image", image={"caption": "ככה הגיעה החבילה, קרועה לגמרי", "mime_type": "image/jpeg", "id": "29"}),
        DANA,
    ),
    Sample(
        "a text that another partner is to answer",
        change("standby", standby={"contacts": [CONTACT], "messages": [person(3, "יש מישהו שם?")]}),
        ("phone", "972505550203"),
    ),
    Sample("two people of a group", GROUP, ("whatsapp", "IL.20002"), accepted=2),
]

STATUS = {"id": "wamid.ours", "status": "read", "timestamp": str(NOVEMBER_21), "recipient_user_id": USER}
ECHO = {
    "from": "97235550100",
    "to": PHONE,
    "id": "wamid.ours",
    "timestamp": str(NOVEMBER_21),
    "type": "text",
    "text": {"body": "היי דנה, זיכינו אותך"},
}
LEFT_OUT = [
    (Sample("a receipt", change(statuses=[STATUS])), "delivery"),
    (Sample("what we wrote in the app", change("smb_message_echoes", message_echoes=[ECHO])), "echo"),
    (Sample("a reaction taken back", message("reaction", reaction={"message_id": "wamid.ours"})), "reaction_removed"),
    (Sample("a voice message", message("audio", audio={"id": "77", "voice": True})), "no_text"),
    (Sample("a photo without words", message("image", image={"id": "78"})), "no_text"),
    (
        Sample("an edited text", message("edit", edit={"original_message_id": WAMID, "message": {"type": "text"}})),
        "edited",
    ),
    (Sample("a revoked text", message("revoke", revoke={"original_message_id": WAMID})), "deleted"),
    (
        Sample(
            "a new number",
            message("system", system={"type": "user_changed_number", "wa_id": "1", "body": "דנה החליפה"}),
        ),
        "other",
    ),
    (Sample("what the API can't show", message("unsupported", errors=[{"code": 131051}])), "other"),
    (Sample("an error", change(errors=[{"code": 130429, "title": "Rate limit hit"}])), "other"),
    (Sample("a template's approval", change("message_template_status_update", event="APPROVED")), "other"),
    (Sample("a text of nobody", text("מישהו יכול לעזור?", sender={}, contact={})), "no_author"),
    (Sample("no changes", body_of({"object": "whatsapp_business_account", "entry": []})), "malformed"),
]
