"""Which segment a customer is in (pure). The table below is the definition: the first line that holds, from the top."""

from datetime import timedelta

from service.churn import BACK_EVENTS, LOST_EVENTS, in_turn, is_lost
from service.mood import LABEL_EDGE

WON_BACK_DAYS = 90
SPOKE_FOR_US_DAYS = 180
PASSIONATE_MOOD = 0.4

DEFINITIONS = {
    "lost": {
        "en": "Churned or cancelled, and has not come back",
        "he": "עזב או ביטל, ולא חזר",
    },
    "won_back": {
        "en": f"Was lost, and came back within the last {WON_BACK_DAYS} days",
        "he": f"עזב וחזר ב-{WON_BACK_DAYS} הימים האחרונים",
    },
    "at_risk": {
        "en": "A churn signal is raised and not cleared",
        "he": "יש התראת נטישה שטרם הוסרה",
    },
    "cooling": {
        "en": "The mood is negative or falling against the customer's own baseline, or nothing was heard since a bad experience",
        "he": "מצב הרוח שלילי או יורד ביחס לרגיל, או שתיקה אחרי חוויה רעה",
    },
    "passionate": {
        "en": f"Spoke for the company (recommended it) within {SPOKE_FOR_US_DAYS} days, and the mood is at least {PASSIONATE_MOOD}",
        "he": f"המליץ על החברה ב-{SPOKE_FOR_US_DAYS} הימים האחרונים, ומצב הרוח {PASSIONATE_MOOD} ומעלה",
    },
    "satisfied": {"en": f"The mood is above {LABEL_EDGE}", "he": f"מצב הרוח מעל {LABEL_EDGE}"},
    "indifferent": {"en": "Something was heard, and none of the above holds", "he": "נשמע ממנו, ואף אחד מאלה לא מתקיים"},
}  # fmt: skip
SEGMENTS = tuple(DEFINITIONS)
LOYAL = ("passionate", "satisfied")


def segment_of(mood, churn, conversations, events, at_risk, at):
    """The segment of a customer at a time, or None where nothing is known of them.

    `mood`, `churn`: of mood.py and churn.py; `conversations`: the Dated ones; `at_risk`: whether a signal is raised.
    """
    if is_lost(events):
        return "lost"
    if _came_back(events, at):
        return "won_back"
    if at_risk:
        return "at_risk"
    if mood is None:
        return None
    silent = any(reason.code == "silence_after_bad" for reason in churn.reasons)
    if mood.valence < -LABEL_EDGE or mood.trend.direction == "falling" or silent:
        return "cooling"
    spoke = any(
        c.conversation.recommends is not None and at - c.occurred_at <= timedelta(days=SPOKE_FOR_US_DAYS)
        for c in conversations
    )
    if spoke and mood.valence >= PASSIONATE_MOOD:
        return "passionate"
    return "satisfied" if mood.valence > LABEL_EDGE else "indifferent"


def _came_back(events, at):
    turning = in_turn(event for event in events if event.kind in LOST_EVENTS + BACK_EVENTS)
    # A bare won_back counts too: the company knows of a loss that we were never told of.
    returns = [
        after
        for before, after in zip([None, *turning], turning)
        if after.kind == "won_back" or (before and before.kind in LOST_EVENTS and after.kind in BACK_EVENTS)
    ]
    return bool(returns) and at - returns[-1].occurred_at <= timedelta(days=WON_BACK_DAYS)
