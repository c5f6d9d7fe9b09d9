"""Feedback comes in, a customer's mood comes out."""

from datetime import UTC, datetime, timedelta

import pytest

NOW = datetime.now(UTC).replace(microsecond=0)
CHAT = {
    "id": "chat-1", "source": "desk", "channel": "chat", "customer": {"id": "dana"},
    "occurred_at": (NOW - timedelta(hours=3)).isoformat(),
    "turns": [
        {"speaker": "bot", "text": "שלום, במה אפשר לעזור?"},
        {"speaker": "customer", "text": "שוב חייבתם אותי פעמיים, זה כבר החודש השלישי"},
        {"speaker": "agent", "text": "אני מבינה, אני בודקת את זה עכשיו"},
        {"speaker": "customer", "text": "נמאס לי מכם, אני רוצה להתנתק ולעבור לסלקום"},
    ],
}  # fmt: skip
CALL = {
    "id": "call-1", "source": "centre", "channel": "call", "customer": {"id": "avi"}, "agent": "noa",
    "occurred_at": (NOW - timedelta(hours=2)).isoformat(),
    "turns": [
        {"speaker": "agent", "text": "מוקד שירות שלום מדברת נועה", "start_s": 0, "end_s": 2},
        {"speaker": "customer", "text": "כן שלום אה האינטרנט לא עובד לי כבר יומיים ואף אחד לא חוזר אליי", "start_s": 2, "end_s": 8},
        {"speaker": "agent", "text": "אני מאפסת לך את החיבור עכשיו", "start_s": 8, "end_s": 11},
        {"speaker": "customer", "text": "אה וואו חזר איזה יופי תודה רבה לך עזרת לי מאוד", "start_s": 60, "end_s": 65},
    ],
}  # fmt: skip
POST = {
    "id": "post-1", "source": "facebook", "channel": "social",
    "customer": {"identity": {"kind": "facebook", "value": "Maya.L"}}, "occurred_at": (NOW - timedelta(hours=1)).isoformat(),
    "text": "שירות מדהים! הטכנאי הגיע תוך שעה, תיקן הכול והיה אדיב. ממליצה בחום ❤️",
}  # fmt: skip


PLAIN = """
שלום, שמי יעל ואני לקוחה שלכם משנת 2015.
מספר הלקוח שלי הוא 4471902.
עברתי דירה בתחילת החודש מרחוב הגפן לרחוב האורן 12.
אבקש לעדכן את הכתובת אצלכם.
הטלפון נשאר אותו טלפון.
המנוי שלי הוא מנוי משפחתי עם ארבעה קווים.
קו אחד רשום על שם בני אורי וקו אחד על שם בתי נועה.
אמצעי התשלום הוא כרטיס אשראי שמסתיים בספרות 1188.
החיוב יורד בעשירי לחודש.
אני זמינה בטלפון בימים ראשון עד חמישי בין תשע לשלוש.
אפשר גם לשלוח אליי הודעה למייל הרשום.
צירפתי צילום של תעודת הזהות עם הכתובת החדשה.
הספח כולל את שמות הילדים.
אשמח לדעת אם צריך למלא טופס נוסף.
כמו כן, מתי מסתיימת התקופה של המבצע הנוכחי?
בחוזה כתוב שהוא לשנה, החל מפברואר.
הנתב נמצא בסלון ליד הטלוויזיה.
דגם הנתב מופיע על המדבקה בתחתית.
בבית החדש יש שקע סיבים בכניסה.
הטכנאי צריך להגיע לקומה שלישית עם מעלית.
החניה היא ברחוב.
הקוד של הבניין יישלח ביום הביקור.
תודה ויום טוב, יעל.
"""


@pytest.fixture(scope="module")
def told(server):
    """The three are sent once for the module."""
    return [server.client.post("/v1/interactions", json=body) for body in (CHAT, CALL, POST)]


def test_each_is_answered_with_readings_and_a_mood(told):
    assert [answer.status_code for answer in told] == [201, 201, 201]
    for answer in told:
        for reading in answer.json()["readings"]:
            assert reading["language"] == "he"
            assert abs(sum(reading["sentiment"]["probabilities"].values()) - 1) < 1e-3
            assert -1 <= reading["sentiment"]["valence"] <= 1
            assert reading["model"]["version"]


def test_the_one_who_wants_to_leave_is_at_risk_for_that_reason(server, told):
    mood = server.client.get("/v1/customers/dana/mood").json()["mood"]
    assert (mood["label"], mood["valence"] < -0.4) == ("negative", True)
    assert "נמאס לי מכם, אני רוצה להתנתק ולעבור לסלקום" in [reason["text"] for reason in mood["reasons"]]
    assert mood["churn"]["risk"] >= 60
    signals = server.client.get("/v1/churn-signals").json()["signals"]
    assert signals[0]["customer"]["id"] == "dana"
    assert signals[0]["reasons"][0]["evidence"][0]["text"]


def test_the_agent_turned_the_call_around(server, told):
    conversation = server.client.get("/v1/interactions/centre/call-1").json()["conversation"]
    assert conversation["first_third"]["label"] == "negative"
    assert conversation["last_third"]["label"] == "positive"
    assert conversation["shift"] > 0.5
    assert conversation["lowest_turn"]["turn"] == 1


def test_the_happy_post_is_found_by_its_identity_and_then_by_the_customer(server, told):
    assert server.client.get("/v1/identities/facebook/maya.l/mood").json()["mood"]["label"] == "positive"
    server.client.put("/v1/customers/maya/identities", json={"identities": [{"kind": "facebook", "value": "maya.l"}]})
    answer = server.client.get("/v1/customers/maya/mood").json()
    assert (answer["mood"]["label"], answer["mood"]["churn"]["risk"]) == ("positive", 0)


def test_the_timeline_shows_where_it_came_from(server, told):
    timeline = server.client.get("/v1/customers/dana/timeline").json()["timeline"]
    assert [one["id"] for entry in timeline for one in entry["interactions"]] == ["chat-1"]
    assert timeline[0]["mood"]["label"] == "negative"


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("השירות היה נורא", "negative"), ("לא היו שום בעיות, הכול עבר חלק ומהר", "positive"),
        ("יופי של שירות, רק שעה וחצי המתנה", "negative"), ("מתי אתם פתוחים ביום שישי?", "neutral"),
        ("תעודת הזהות שלי 123456789", "neutral"), ("הכתובת היא הרצל 5 חיפה", "neutral"), ("אני לא מרוצה מהשירות שלכם", "negative"),
        ("תודה רבה, עזרת לי מאוד!", "positive"), ("الخدمة كانت سيئة جداً", "negative"), ("شكراً كتير، خدمة ممتازة", "positive"),
        ("Обслуживание ужасное, жду уже час", "negative"), ("Спасибо, всё быстро решили!", "positive"),
        ("This is the third time it broke, I'm fed up", "negative"), ("Great help, thank you so much", "positive"),
        ("my order number is 55231", "neutral"),
    ],
)  # fmt: skip
def test_plain_words_are_read_as_people_read_them(server, text, label):
    [reading] = server.client.post("/v1/sentiment", json={"texts": [text], "channel": "chat"}).json()["readings"]
    assert reading["sentiment"]["label"] == label


def test_niqqud_and_direction_marks_change_nothing(server):
    texts = ["השירות היה נורא", "הַשֵּׁרוּת הָיָה נוֹרָא", "\u200fהשירות היה נורא\u200e"]
    readings = server.client.post("/v1/sentiment", json={"texts": texts}).json()["readings"]
    assert readings[2] == readings[0]
    assert readings[1]["sentiment"]["label"] == "negative"


def test_a_long_text_is_read_to_its_end(server):
    plain = PLAIN
    angry = "נמאס לי מהשירות הנורא שלכם, אני כועס ומאוכזב, אף אחד לא עונה ואף אחד לא חוזר, פשוט בושה. " * 8
    found = server.client.post("/v1/sentiment", json={"texts": [plain, plain + angry]}).json()["readings"]
    before, after = (one["sentiment"]["probabilities"]["negative"] for one in found)
    assert after > before + 0.3


def test_readings_do_not_depend_on_their_company(server):
    texts = ["כן", "השירות היה נורא", "תודה " * 200]
    together = server.client.post("/v1/sentiment", json={"texts": texts}).json()["readings"]
    for text, one in zip(texts, together, strict=True):
        alone = server.client.post("/v1/sentiment", json={"texts": [text]}).json()["readings"][0]
        assert abs(alone["sentiment"]["valence"] - one["sentiment"]["valence"]) < 0.01


def test_nothing_of_what_was_said_is_in_the_log(server, told):
    server.client.post("/v1/interactions", json=POST | {"id": "bad", "text": ["סודסוד"]})
    server.client.get("/v1/identities/email/סודסוד@example.com/mood")
    log = server.log
    assert "/v1/interactions" in log
    for secret in ("נמאס", "מדהים", "סודסוד", "maya", "Maya", "dana"):
        assert secret not in log
