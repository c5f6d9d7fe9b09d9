import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.sentiment.language import detect
from service.sentiment.reading import Reading, merge
from service.text import normalise


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("שָׁלוֹם  רַב", "שלום רב"),
        ("\u200fשלום\u200e", "שלום"),
        ("שלום\u200b\u2066 לך", "שלום לך"),
        ("ﬡבג", "אבג"),
        ("מעולהההההה", "מעולההה"),
        ("!!!!!!", "!!!"),
        ("ראו https://a.example/b?c=d#e עכשיו", "ראו http עכשיו"),
        ("@yossi.cohen תודה", "@user תודה"),
        ("מייל a@b.example", "מייל a@b.example"),
        ("مرحبـــا", "مرحبا"),
        ("👨‍👩‍👧 ❤️", "👨‍👩‍👧 ❤️"),
        (" \n\t ", ""),
        ("\u200b\u200f", ""),
    ],
)
def test_one_normal_form(written, expected):
    assert normalise(written) == expected


@given(st.text())
def test_normalising_again_changes_nothing(text):
    assert normalise(normalise(text)) == normalise(text)


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("השירות היה נורא", "he"), ("האפליקציה של Netflix לא עובדת", "he"), ("ה-login לא עובד לי באפליקציה", "he"),
        ("الخدمة سيئة جدا", "ar"), ("обслуживание просто ужасное", "ru"), ("the service was terrible", "en"),
        ("አገልግሎቱ በጣም መጥፎ ነበር", "am"), ("le service était vraiment terrible", "fr"), ("el servicio fue muy malo", "es"),
        ("ok", "en"), ("12345", "und"), ("👍👍", "und"), ("שלום", "he"),
    ],
)  # fmt: skip
def test_the_language_is_told(text, language):
    assert detect(text) == language


def test_a_reading_tells_only_what_the_model_gave():
    plain = Reading((0.7, 0.2, 0.1), {}, "he", "m", "1").as_json()
    assert set(plain) == {"sentiment", "language", "model"}
    assert plain["sentiment"] == {
        "label": "negative", "valence": -0.6, "probabilities": {"negative": 0.7, "neutral": 0.2, "positive": 0.1},
    }  # fmt: skip
    full = Reading((0.7, 0.2, 0.1), {"churn_intent": 0.9, "driver:price": 0.8, "driver:policy": 0.1}, "he", "m", "1")
    assert full.as_json()["churn_intent"] == {"label": True, "probability": 0.9}
    assert full.as_json()["drivers"] == [{"name": "price", "probability": 0.8}]
    assert "acts" not in full.as_json()


def test_an_angry_window_is_not_lost_among_plain_ones():
    plain, angry = (150, (0.05, 0.9, 0.05), {"churn_intent": 0.1}), (150, (0.95, 0.03, 0.02), {"churn_intent": 0.9})
    probabilities, others = merge([plain] * 3 + [angry])
    assert probabilities[0] > probabilities[1]
    assert others == {"churn_intent": 0.9}
    assert merge([plain]) == plain[1:]
