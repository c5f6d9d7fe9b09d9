"""Facebook Pages and Instagram, signed as Meta's documentation writes it: no library of Meta's does it for Python."""

import hashlib
import hmac

from tests.vendors import Sample, written

SECRET, WRONG = "5f3d8b1c9e7a4d26b0c18f7e2a6d9341", "0c1b2a39485766758493a2b1c0d9e8f7"
VERIFY_TOKEN = "only-meta-and-we-know"
SETTINGS = {"secret": [SECRET, "an-older-app-secret"], "verify_token": VERIFY_TOKEN}
SIGNS_TIME = False

PAGE, PERSON = "1067280970047460", "24870192305931742"
INSTAGRAM, FOLLOWER = "17841405309211844", "6502891347720184"
NOVEMBER_20 = 1795159800  # 2026-11-20T07:30:00Z


def body_of(payload):
    """JSON as PHP writes it, with slashes escaped too."""
    return written(payload).replace(b"/", rb"\/")


def entry(owner, **parts):
    object = "page" if owner == PAGE else "instagram"
    return body_of({"object": object, "entry": [{"id": owner, "time": NOVEMBER_20, **parts}]})


def feed(**value):
    who = {"from": {"id": PERSON, "name": "שירה אברהם"}, "created_time": NOVEMBER_20 - 40, "verb": "add"}
    return entry(PAGE, changes=[{"field": "feed", "value": {**who, "post_id": f"{PAGE}_122101540000", **value}}])


def comment(**value):
    written_by_her = {"item": "comment", "comment_id": "122101540000_810221", "parent_id": f"{PAGE}_122101540000"}
    return feed(**written_by_her, **value)


def ratings(**value):
    return entry(
        PAGE, changes=[{"field": "ratings", "value": {"reviewer_id": PERSON, "reviewer_name": "שירה", **value}}]
    )


def talk(owner=PAGE, person=PERSON, under="messaging", **event):
    event = {"sender": {"id": person}, "recipient": {"id": owner}, "timestamp": NOVEMBER_20 * 1000 + 512, **event}
    return entry(owner, **{under: [event]})


def instagram_comment(**value):
    media = {"id": "17918195224117851", "media_product_type": "FEED"}
    value = {"from": {"id": FOLLOWER, "username": "noam.baron"}, "media": media, "id": "17865799348089039", **value}
    return entry(INSTAGRAM, changes=[{"field": "comments", "value": value}])


MESSENGER_MID = "m_AG5Hz2Uq7tuwNEhXfYYKj8mJEM_QPpz5jdCK48PnKAjSdjfipqxqMvK8ma6AC8fplwlqLP_5cgXIbu7I3rBN0P"
INSTAGRAM_MID = "aWdfZAG1faXRlbToxOklHTWVzc2FnZAUlEOjE3ODQxNDA1MzA5MjExODQ0OjM0MDI4MjM2Njg0MTcxMDMwMTI0NDI1OTQ3NzE2"
SHE, HE = ("facebook", PERSON), ("instagram", FOLLOWER)

TWO = (PERSON, "m_one", "נו, יש תשובה?"), ("24870192305931743", "m_two", "הכול הסתדר, תודה")
TWO_PEOPLE = body_of(
    {
        "object": "page",
        "entry": [
            {
                "id": PAGE,
                "time": NOVEMBER_20,
                "messaging": [
                    {
                        "sender": {"id": person},
                        "recipient": {"id": PAGE},
                        "timestamp": NOVEMBER_20 * 1000,
                        "message": {"mid": mid, "text": text},
                    }
                ],
            }
            for person, mid, text in TWO
        ],
    }
)

SAMPLES = [
    Sample(
        "a comment on a post of the Page",
        comment(message="הזמנתי לפני שלושה שבועות ועדיין אין משלוח, ובטלפון אף אחד לא עונה"),
        SHE,
    ),
    Sample("a visitor's post", feed(item="post", message="תודה ענקית לצוות בסניף חיפה, יצאתי משם עם חיוך"), SHE),
    Sample(
        "a recommendation",
        ratings(
            item="rating", verb="add", open_graph_story_id="10158427990", created_time=NOVEMBER_20,
            recommendation_type="negative", review_text="לא ממליצה. המזגן התקלקל אחרי חודש והאחריות לא כיסתה כלום",
        ),
        SHE,
    ),
    Sample(
        "a rating with stars alone",
        ratings(item="rating", verb="add", open_graph_story_id="10158427991", created_time=NOVEMBER_20, rating=1),
        SHE,
    ),
    Sample("a message in Messenger", talk(message={"mid": MESSENGER_MID, "text": "היי, מתי אתם פתוחים מחר?"}), SHE),
    Sample(
        "a message while the inbox answers",
        talk(under="standby", message={"mid": MESSENGER_MID, "text": "אני רוצה לדבר עם נציג אנושי כבר!"}),
        SHE,
    ),
    Sample(
        "a quick reply",
        talk(message={"mid": MESSENGER_MID, "text": "לא פתר את הבעיה", "quick_reply": {"payload": "NOT_SOLVED"}}),
        SHE,
    ),
    Sample("a tap on a button", talk(postback={"title": "לבטל את המנוי", "payload": "CANCEL"}), SHE),
    Sample(
        "a reaction to a message",
        talk(reaction={"mid": MESSENGER_MID, "action": "react", "reaction": "angry", "emoji": "😠"}),
        SHE,
    ),
    Sample("an Instagram comment", instagram_comment(text="הצבע בתמונה לא דומה בכלל למה שקיבלתי 😞"), ("instagram", "noam.baron")),
    Sample(
        "an Instagram comment, with Instagram's own login",
        entry(
            INSTAGRAM,
            field="live_comments",
            value={"id": "178501", "from": {"id": FOLLOWER, "username": "noam.baron"}, "text": "איזה יופי של שידור!!"},
        ),
        HE,
    ),
    Sample(
        "an Instagram message",
        talk(INSTAGRAM, FOLLOWER, message={"mid": INSTAGRAM_MID, "text": "קיבלתי מידה לא נכונה, איך מחליפים?"}),
        HE,
    ),
    Sample("two people in one delivery", TWO_PEOPLE, SHE, accepted=2),
]  # fmt: skip

OURS = {"id": PAGE, "name": "חנות הבית"}
LEFT_OUT = [
    (Sample("the Page's own answer to a comment", comment(**{"from": OURS}, message="היי שירה, שלחנו לך הודעה בפרטי")), "echo"),
    (Sample("an edited comment", comment(verb="edited", message="הזמנתי לפני חודש ועדיין אין משלוח")), "edited"),
    (Sample("a removed comment", comment(verb="remove")), "deleted"),
    (Sample("a comment that the Page hid", comment(verb="hide", message="ספאם")), "other"),
    (Sample("a comment with a photo alone", comment(photo="https://scontent.example.com/a.jpg")), "no_text"),
    (Sample("a like", feed(item="reaction", reaction_type="like")), "other"),
    (Sample("a comment of nobody", comment(**{"from": None}, message="מה קורה עם זה?")), "no_author"),
    (Sample("a message of the Page", talk(PAGE, PAGE, message={"mid": "m_1", "text": "שלום, איך אפשר לעזור?", "is_echo": True})), "echo"),
    (Sample("a receipt", talk(delivery={"mids": [MESSENGER_MID], "watermark": NOVEMBER_20 * 1000})), "delivery"),
    (Sample("a read mark", talk(INSTAGRAM, FOLLOWER, read={"mid": INSTAGRAM_MID})), "delivery"),
    (Sample("an edited message", talk(message_edit={"mid": MESSENGER_MID, "text": "לא משנה", "num_edit": 1})), "edited"),
    (Sample("an unsent message", talk(INSTAGRAM, FOLLOWER, message={"mid": INSTAGRAM_MID, "is_deleted": True})), "deleted"),
    (Sample("a reaction taken back", talk(reaction={"mid": MESSENGER_MID, "action": "unreact"})), "reaction_removed"),
    (
        Sample("a photo", talk(message={"mid": MESSENGER_MID, "attachments": [{"type": "image", "payload": {"url": "https://a.example"}}]})),
        "no_text",
    ),
    (Sample("a referral", talk(referral={"source": "SHORTLINK", "type": "OPEN_THREAD", "ref": "autumn"})), "other"),
    (
        Sample("the account's own Instagram comment", instagram_comment(**{"from": {"id": "99", "self_ig_scoped_id": "99"}}, text="תודה!")),
        "echo",
    ),
    (Sample("a mention that only names ids", entry(INSTAGRAM, changes=[{"field": "mentions", "value": {"media_id": "1"}}])), "other"),
    (Sample("an object we don't know", written({"object": "user", "entry": [{"id": "1", "changed_fields": ["email"]}]})), "other"),
    (Sample("no entries", written({"object": "page"})), "malformed"),
]  # fmt: skip


def sign(sample, secret, at):
    signature = hmac.new(secret.encode(), sample.body, hashlib.sha256).hexdigest()
    return {**sample.headers, "x-hub-signature-256": f"sha256={signature}"}
