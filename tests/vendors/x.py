"""The Account Activity API of X, signed as its documentation writes it: its clients only make the hash themselves, too."""

import base64
import hashlib
import hmac

from tests.vendors import Sample, written

SECRET, WRONG = (
    "bdX4Yk2sQm8TfLrW0pZ7uVhJ6cNaEoGi1RxKt3My5SqPDwFvCl",
    "z0000000000000000000000000000000000000000000000000",
)
SETTINGS = {"secret": [SECRET, "an-older-consumer-secret"]}
SIGNS_TIME = False

US, YOSSI = "2244994945", "987654321012345678"
NOVEMBER_20 = 1795159800  # 2026-11-20T07:30:00Z
USER = {"id": int(YOSSI), "id_str": YOSSI, "name": "יוסי", "screen_name": "Yossi_Cohen", "verified": False}


def body_of(**payload):
    """JSON with escaped slashes, as X writes it."""
    return written({"for_user_id": US, **payload}).replace(b"/", rb"\/")


def post_of(said, **others):
    return {
        "created_at": "Fri Nov 20 07:30:00 +0000 2026",
        "id": 1991410000000000001,
        "id_str": "1991410000000000001",
        "text": said,
        "source": '<a href="https://mobile.x.com" rel="nofollow">X Web App</a>',
        "truncated": False,
        "in_reply_to_status_id_str": None,
        "user": USER,
        "is_quote_status": False,
        "entities": {"user_mentions": [{"screen_name": "bayit_shop", "id_str": US, "indices": [0, 11]}]},
        "lang": "iw",
        "timestamp_ms": str(NOVEMBER_20 * 1000 + 657),
        **others,
    }


def post(said, **others):
    return body_of(user_has_blocked=False, tweet_create_events=[post_of(said, **others)])


def message(said, sender=YOSSI, **others):
    event = {
        "type": "message_create",
        "id": "1991420000000000002",
        "created_timestamp": str(NOVEMBER_20 * 1000 + 900),
        "message_create": {
            "target": {"recipient_id": US},
            "sender_id": sender,
            "source_app_id": "268278",
            "message_data": {"text": said, "entities": {"hashtags": [], "urls": []}, **others},
        },
    }
    users = {
        YOSSI: {"id": YOSSI, "created_timestamp": "1422556069340", "name": "יוסי", "screen_name": "Yossi_Cohen"},
        US: {"id": US, "name": "חנות הבית", "screen_name": "bayit_shop"},
    }
    return body_of(direct_message_events=[event], apps={"268278": {"id": "268278", "name": "X"}}, users=users)


LONG = "@bayit_shop קניתי אצלכם מקרר לפני שבועיים וכבר הספיק להתקלקל פעמיים. הטכנאי קבע לבוא בין שמונה לשתים עשרה, לא הגיע ולא הודיע"
HIM, BY_NAME = ("x", YOSSI), ("x", "yossi_cohen")
SAMPLES = [
    Sample("a mention", post("@bayit_shop האתר שלכם קורס כבר שעה &gt; אי אפשר לשלם"), HIM),
    Sample("a mention, by the public name", post("@bayit_shop שירות פשוט מצוין, תודה לגלית"), BY_NAME),
    Sample(
        "a reply",
        post("@bayit_shop כתבתי לכם בפרטי ואין תגובה", in_reply_to_status_id_str="1991400000000000000"),
        HIM,
    ),
    Sample("a long post", post(LONG[:60] + "…", truncated=True, extended_tweet={"full_text": LONG}), HIM),
    Sample(
        "a quote",
        post(
            "איזה מבצע ואיזה נעליים, המחיר עלה לפני שבוע @bayit_shop",
            is_quote_status=True,
            quoted_status_id_str="1991300000000000000",
            quoted_status={"id_str": "1991300000000000000", "text": "מבצע סוף שנה!", "user": {"id_str": US}},
        ),
        HIM,
    ),
    Sample("a post without its milliseconds", post("@bayit_shop יש סניף בבאר שבע?", timestamp_ms=None), HIM),
    Sample("a direct message", message("מספר ההזמנה 48213, עדיין לא קיבלתי כלום"), HIM),
    Sample("a direct message, by the public name", message("מתי חוזרים אליי?"), BY_NAME),
    Sample(
        "two posts in one delivery",
        body_of(
            tweet_create_events=[
                post_of("@bayit_shop הלו?"),
                post_of("@bayit_shop טוב, נמאס. עובר למתחרים", id=1991410000000000009, id_str="1991410000000000009"),
            ]
        ),
        HIM,
        accepted=2,
    ),
]

OURS = {"id": int(US), "id_str": US, "screen_name": "bayit_shop"}
LEFT_OUT = [
    (Sample("our own post", post("מבצע סוף שנה!", user=OURS)), "echo"),
    (Sample("our own direct message", message("היי יוסי, בודקים", sender=US)), "echo"),
    (Sample("a repost of ours", post("RT @bayit_shop: מבצע", retweeted_status={"id_str": "1", "user": OURS})), "other"),
    (Sample("a like", body_of(favorite_events=[{"id": "a7ba", "favorited_status": post_of("מבצע"), "user": USER}])), "other"),
    (Sample("a follow", body_of(follow_events=[{"type": "follow", "target": OURS, "source": USER}])), "other"),
    (Sample("a read mark", body_of(direct_message_mark_read_events=[{"sender_id": YOSSI, "last_read_event_id": "1"}])), "delivery"),
    (Sample("typing", body_of(direct_message_indicate_typing_events=[{"sender_id": YOSSI}])), "other"),
    (Sample("a deleted post", body_of(tweet_delete_events=[{"status": {"id": "1", "user_id": YOSSI}}])), "deleted"),
    (Sample("a photo alone in a direct message", message("", attachment={"type": "media"})), "no_text"),
    (Sample("a post of nobody", post("@bayit_shop מה נסגר?", user=None)), "no_author"),
    (Sample("a withdrawn permission", written({"user_event": {"revoke": {"source": {"user_id": US}}}})), "other"),
    (Sample("a post to nobody", written({"tweet_create_events": [post_of("@bayit_shop שלום")]})), "malformed"),
    (Sample("nothing", written({"for_user_id": US})), "malformed"),
]  # fmt: skip


def sign(sample, secret, at):
    digest = hmac.new(secret.encode(), sample.body, hashlib.sha256).digest()
    return {**sample.headers, "x-twitter-webhooks-signature": f"sha256={base64.b64encode(digest).decode()}"}
