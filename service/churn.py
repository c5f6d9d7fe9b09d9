"""Mood and what else is known → churn risk from 0 to 100, with its reasons (pure; docs/mood.md holds the scorecard)."""

from dataclasses import dataclass
from datetime import timedelta

INTENT_POINTS, INTENT_HALF_LIFE_DAYS = 60, 30
LOW_MOOD_POINTS = 45
FALL_POINTS = 15
BAD_ENDING_POINTS, BAD_ENDING = 10, -0.3
FADE_HALF_LIFE_DAYS = 60  # of what the last conversations alone tell, while nothing more is heard
REPEATED_POINTS, REPEATED_MOST, REPEATED_DAYS = 8, 16, 30
LOW_RATING_POINTS, LOW_RATING_DAYS = 12, 60
LOW_RATING = {"csat": 2, "nps": 6, "stars": 2}
NEGATIVE = -0.2

SENTENCES = {
    "churn_intent": {
        "en": "The customer said they are leaving, or are considering it",
        "he": "הלקוח אמר שהוא עוזב או שוקל לעזוב",
    },
    "low_mood": {"en": "The customer's mood is low", "he": "מצב הרוח של הלקוח ירוד"},
    "mood_fell": {
        "en": "The mood fell against the customer's own baseline",
        "he": "מצב הרוח ירד ביחס לרמה הרגילה של הלקוח",
    },
    "bad_ending": {"en": "The last conversation ended badly", "he": "השיחה האחרונה הסתיימה רע"},
    "repeated_contacts": {"en": "Several bad conversations within 30 days", "he": "כמה שיחות רעות בתוך 30 יום"},
    "low_rating": {"en": "The customer gave a low rating", "he": "הלקוח נתן ציון נמוך"},
}


@dataclass(frozen=True)
class Reason:
    """points of the risk; evidence is (key of the conversation, position of the turn or None for its rating) pairs."""

    code: str
    points: int
    evidence: tuple[tuple[int, int | None], ...]


@dataclass(frozen=True)
class Churn:
    risk: int
    reasons: tuple[Reason, ...]


def assess(mood, conversations, at):
    """Churn of a customer at a time: the sum of the scorecard's points, at most 100, the weightiest reason first.

    `mood` is the customer's Mood or None, `conversations` the Dated ones it came from.
    """
    known = sorted(
        (c for c in conversations if c.conversation.overall is not None), key=lambda c: (c.occurred_at, c.key)
    )
    if mood is None or not known:
        return Churn(0, ())
    fade = 2 ** (-max(timedelta(), at - mood.last_at) / timedelta(days=FADE_HALF_LIFE_DAYS))
    found = [
        _intent(known, at),
        _low_mood(mood, known, fade),
        _fall(mood, known, fade),
        _ending(known, fade),
        _repeated(known, at),
        _rating(known, at),
    ]
    reasons = sorted((reason for reason in found if reason and reason.points > 0), key=lambda reason: -reason.points)
    return Churn(min(100, sum(reason.points for reason in reasons)), tuple(reasons))


def _lowest(conversation):
    return conversation.key, conversation.conversation.lowest_turn


def _intent(known, at):
    said = [c for c in known if (c.conversation.churn_intent or 0) >= 0.5]
    if not said:
        return None

    def weight(c):
        return c.conversation.churn_intent * 2 ** (
            -max(timedelta(), at - c.occurred_at) / timedelta(days=INTENT_HALF_LIFE_DAYS)
        )

    said.sort(key=weight, reverse=True)
    evidence = tuple((c.key, c.conversation.churn_turn) for c in said[:3])
    return Reason("churn_intent", round(INTENT_POINTS * weight(said[0])), evidence)


def _low_mood(mood, known, fade):
    if mood.valence >= NEGATIVE:
        return None
    worst = sorted(known, key=lambda c: c.conversation.overall)[:2]
    return Reason(
        "low_mood", round(fade * LOW_MOOD_POINTS * min(1.0, -mood.valence / 0.8)), tuple(_lowest(c) for c in worst)
    )


def _fall(mood, known, fade):
    if mood.trend.direction != "falling":
        return None
    return Reason("mood_fell", round(fade * FALL_POINTS * min(1.0, -mood.trend.change)), (_lowest(known[-1]),))


def _ending(known, fade):
    last = known[-1].conversation
    if last.last_third >= BAD_ENDING:
        return None
    return Reason("bad_ending", round(fade * BAD_ENDING_POINTS), ((known[-1].key, last.last_low_turn),))


def _repeated(known, at):
    bad = [
        c for c in known if c.conversation.overall < NEGATIVE and at - c.occurred_at <= timedelta(days=REPEATED_DAYS)
    ]
    if len(bad) < 2:
        return None
    return Reason(
        "repeated_contacts", min(REPEATED_MOST, REPEATED_POINTS * (len(bad) - 1)), tuple(_lowest(c) for c in bad[-3:])
    )


def _rating(known, at):
    rated = [c for c in known if c.rating and at - c.occurred_at <= timedelta(days=LOW_RATING_DAYS)]
    if not rated or rated[-1].rating["value"] > LOW_RATING[rated[-1].rating["kind"]]:
        return None
    return Reason("low_rating", LOW_RATING_POINTS, ((rated[-1].key, None),))
