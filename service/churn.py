"""Mood and what else is known → churn risk from 0 to 100, with its reasons (pure; docs/mood.md holds the scorecard)."""

import itertools
import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from service.mood import BAD, in_order

# The most that each reason can give: strength in [0, 1] times these is its points.
POINTS = {
    "churn_intent": 60,
    "low_mood": 45,
    "mood_fell": 15,
    "repeated_contacts": 16,
    "competitor_named": 12,
    "low_rating": 12,
    "bad_ending": 10,
    "silence_after_bad": 10,
    "app_uninstalled": 20,
    "unsubscribed": 15,
    "leaving_page": 12,
    "complaint_open": 10,
    "disliked": 8,
    "refund": 6,
    "cart_abandoned": 4,
    "renewed": -15,
    "purchase": -6,
}
BAD_ENDING = -0.3
INTENT_HALF_LIFE_DAYS = 30
COMPETITOR_HALF_LIFE_DAYS = 30
FADE_HALF_LIFE_DAYS = 60  # of what the last conversations alone tell, while nothing more is heard
EVENT_HALF_LIFE_DAYS = 21
REPEATED_DAYS = 30
LOW_RATING_DAYS = 60
LOW_RATING = {"csat": 2, "nps": 6, "stars": 2}
SILENT_DAYS, SILENT_PAUSES = (
    14,
    2,
)  # silent: longer than both so many days and so many of the customer's own usual pauses
SHARED_PART = 0.5  # of a low mood counts while the latest conversation has a cause common to many customers
LEAVING_PAGES = ("cancel", "leav", "close", "terminat", "disconnect", "port", "ביטול", "עזיב", "ניתוק", "ניוד", "סגיר")

LOST_EVENTS = ("churned", "cancelled")
BACK_EVENTS = ("won_back", "renewed", "purchase")

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
    "repeated_contacts": {
        "en": "Repeated contacts about one matter that is not resolved",
        "he": "פניות חוזרות באותו עניין שלא נפתר",
    },
    "competitor_named": {"en": "A competitor was named", "he": "הוזכר מתחרה"},
    "silence_after_bad": {
        "en": "Nothing was heard since a bad experience, for longer than usual",
        "he": "שתיקה ארוכה מהרגיל אחרי חוויה רעה",
    },
    "low_rating": {"en": "The customer gave a low rating", "he": "הלקוח נתן ציון נמוך"},
    "app_uninstalled": {"en": "The app was uninstalled", "he": "האפליקציה הוסרה"},
    "unsubscribed": {"en": "The customer unsubscribed from messages", "he": "הלקוח ביטל הרשמה להודעות"},
    "leaving_page": {"en": "The customer looked at a page about leaving", "he": "הלקוח ביקר בעמוד שעניינו עזיבה"},
    "complaint_open": {"en": "A complaint is open", "he": "תלונה פתוחה"},
    "disliked": {"en": "The customer disliked something of ours", "he": "הלקוח סימן שלא אהב"},
    "refund": {"en": "Money was refunded", "he": "בוצע החזר כספי"},
    "cart_abandoned": {"en": "A cart was abandoned", "he": "סל קניות ננטש"},
    "renewed": {"en": "The customer renewed lately", "he": "הלקוח חידש לאחרונה"},
    "purchase": {"en": "The customer bought lately", "he": "הלקוח קנה לאחרונה"},
    "common_cause": {
        "en": "Part of it has a cause that many customers share these days",
        "he": "חלק מזה נובע מסיבה משותפת ללקוחות רבים בימים אלה",
    },
}


@dataclass(frozen=True)
class Event:
    """Something a customer did or that happened to them; kind is one of interaction.EVENT_KINDS."""

    key: int
    kind: str
    occurred_at: datetime
    attributes: dict | None = None


@dataclass(frozen=True)
class Reason:
    """points of the risk, from strength in [0, 1]; evidence is (key of the conversation, position of the turn or None for its
    rating) pairs, events are keys of events."""

    code: str
    points: int
    strength: float
    evidence: tuple[tuple[int, int | None], ...] = ()
    events: tuple[int, ...] = ()


@dataclass(frozen=True)
class Churn:
    """risk from 0 to 100, its reasons, the weightiest first, and by what it was judged: scorecard, fitted or lost."""

    risk: int
    reasons: tuple[Reason, ...]
    by: str = "scorecard"


@dataclass(frozen=True)
class Weights:
    """What `moodline churn fit` learned: the log-odds of leaving are intercept + Σ coefficient · strength.

    The chance itself is mostly low. shift moves the log-odds so that as many customers reach signal_raise as with the scorecard:
    risk = 100 / (1 + exp(-(log-odds + shift))), which keeps the order and what the settings mean.
    """

    intercept: float
    coefficients: dict[str, float]
    shift: float = 0.0

    def log_odds(self, strengths):
        """Of leaving within the horizon, from {code: strength}."""
        return self.intercept + sum(self.coefficients.get(code, 0.0) * strength for code, strength in strengths.items())

    def risk(self, strengths):
        """From 0 to 100, from {code: strength}."""
        return round(100 / (1 + math.exp(-max(-50.0, min(50.0, self.log_odds(strengths) + self.shift)))))


def is_lost(events):
    """Whether the customer's latest event of leaving or coming back is one of leaving."""
    turning = [event for event in events if event.kind in LOST_EVENTS + BACK_EVENTS]
    return bool(turning) and in_turn(turning)[-1].kind in LOST_EVENTS


def in_turn(events):
    """Events in the order in which they happened; of those of one moment, coming back is after leaving, and no order of arrival counts."""
    return sorted(events, key=lambda event: (event.occurred_at, event.kind in BACK_EVENTS, event.kind))


def assess(mood, conversations, events, at, shared=frozenset(), weights=None):
    """Churn of a customer at a time: the scorecard's points added, from 0 to 100, or what fitted Weights make of the same strengths.

    `mood` is the customer's Mood or None, `conversations` the Dated ones it came from, `events` their Events; `shared` holds the
    keys of conversations whose cause is common to many customers. One who has left is at risk no more.
    """
    if is_lost(events):
        return Churn(0, (), "lost")
    known = in_order(conversations)
    found = [*(_heard(mood, known, at, shared, events) if known else ()), *_happened(events, at)]
    found = [(code, strength, *rest) for code, strength, *rest in found if strength > 0]
    if weights is None:
        reasons = [Reason(code, round(POINTS[code] * strength), strength, *rest) for code, strength, *rest in found]
        risk = scored({code: strength for code, strength, *_ in found})
    else:
        reasons, risk = _fitted(found, weights)
    reasons = sorted((reason for reason in reasons if reason.points), key=lambda reason: -reason.points)
    if known and known[-1].key in shared and reasons:
        reasons.append(Reason("common_cause", 0, 1.0, (_lowest(known[-1]),)))
    return Churn(risk, tuple(reasons), "scorecard" if weights is None else "fitted")


def strengths(mood, conversations, events, at):
    """{code: strength in [0, 1]} of every reason of POINTS, 0 where it is not found: the features that weights are fitted on."""
    known = in_order(conversations)
    found = [*(_heard(mood, known, at, frozenset(), events) if known else ()), *_happened(events, at)]
    return dict.fromkeys(POINTS, 0.0) | {code: strength for code, strength, *_ in found}


def _fitted(found, weights):
    """Each reason's points are what the risk would lack without it, so that they can be read like the scorecard's."""

    strengths = {code: strength for code, strength, *_ in found}
    whole = weights.risk(strengths)
    reasons = [
        Reason(code, whole - weights.risk(strengths | {code: 0.0}), strength, *rest) for code, strength, *rest in found
    ]
    return reasons, whole


def scored(strengths):
    """The scorecard's risk, 0 to 100, from {code: strength}: what assess gives them."""
    return max(0, min(100, sum(round(POINTS[code] * strength) for code, strength in strengths.items())))


def _faded(at, since, half_life_days):
    return 2 ** (-max(timedelta(), at - since) / timedelta(days=half_life_days))


def _heard(mood, known, at, shared, events):
    """(code, strength, evidence) of what the customer said, and did not say."""
    fade = _faded(at, mood.last_at, FADE_HALF_LIFE_DAYS)
    own = [c for c in known if c.key not in shared]
    yield _intent(known, at)
    if mood.valence < BAD:
        worst = sorted(known, key=lambda c: c.conversation.felt)[:2]
        part = SHARED_PART if known[-1].key in shared else 1
        yield "low_mood", part * fade * min(1.0, -mood.valence / 0.8), tuple(_lowest(c) for c in worst)
    if mood.trend.direction == "falling" and known[-1].key not in shared:
        yield "mood_fell", fade * min(1.0, -mood.trend.change), (_lowest(known[-1]),)
    last = known[-1].conversation
    if known[-1].key not in shared and last.last_third is not None and last.last_third < BAD_ENDING:
        yield "bad_ending", fade, ((known[-1].key, last.last_low_turn),)
    yield _repeated(own, at, events)
    yield _competitor(known, at)
    yield _silent(own, known, at)
    yield _rating(known, at)


def _lowest(c):
    return c.key, c.conversation.lowest_turn


def _intent(known, at):
    def weight(c):
        return c.conversation.churn_intent * _faded(at, c.occurred_at, INTENT_HALF_LIFE_DAYS)

    said = sorted((c for c in known if (c.conversation.churn_intent or 0) >= 0.5), key=weight, reverse=True)
    evidence = tuple((c.key, c.conversation.churn_turn) for c in said[:3])
    return "churn_intent", weight(said[0]) if said else 0.0, evidence


def _repeated(known, at, events):
    """Bad conversations on one driver within REPEATED_DAYS, after the last good word on it or the last complaint resolved."""
    recent = [c for c in known if at - c.occurred_at <= timedelta(days=REPEATED_DAYS)]
    resolved = [event.occurred_at for event in events if event.kind == "complaint_resolved"]
    open_matters = {}
    for c in recent:
        names = [name for name, _, _ in c.conversation.drivers if name not in ("competitor", "resolution")] or [""]
        for name in names:
            if c.conversation.felt < BAD:
                open_matters.setdefault(name, []).append(c)
            elif c.conversation.felt > -BAD:
                open_matters.pop(name, None)
    matters = [[c for c in some if all(c.occurred_at > when for when in resolved)] for some in open_matters.values()]
    longest = max(matters, key=len, default=[])
    return "repeated_contacts", min(1.0, max(0, len(longest) - 1) / 2), tuple(_lowest(c) for c in longest[-3:])


def _competitor(known, at):
    named = [
        (c, position)
        for c in known
        for name, position, valence in c.conversation.drivers
        if name == "competitor" and valence <= -BAD
    ]
    if not named:
        return "competitor_named", 0.0
    return (
        "competitor_named",
        _faded(at, named[-1][0].occurred_at, COMPETITOR_HALF_LIFE_DAYS),
        tuple((c.key, position) for c, position in named[-2:]),
    )


def _silent(own, known, at):
    last = known[-1]
    if not own or own[-1] is not last or last.conversation.felt >= BAD_ENDING:
        return "silence_after_bad", 0.0
    pauses = [(b.occurred_at - a.occurred_at) / timedelta(days=1) for a, b in itertools.pairwise(known)]
    usual = max(SILENT_DAYS, SILENT_PAUSES * median(pauses)) if pauses else SILENT_DAYS
    silent = (at - last.occurred_at) / timedelta(days=1)
    if silent <= usual:
        return "silence_after_bad", 0.0
    begun = last.occurred_at + timedelta(days=usual)
    return "silence_after_bad", _faded(at, begun, FADE_HALF_LIFE_DAYS), (_lowest(last),)


def _rating(known, at):
    rated = [c for c in known if c.rating and at - c.occurred_at <= timedelta(days=LOW_RATING_DAYS)]
    if not rated or rated[-1].rating["value"] > LOW_RATING[rated[-1].rating["kind"]]:
        return "low_rating", 0.0
    return "low_rating", 1.0, ((rated[-1].key, None),)


def _happened(events, at):
    """(code, strength, evidence, events) of what the customer did."""
    latest = {}
    for event in in_turn(events):
        code = _code(event)
        if code:
            latest[code] = event
        if event.kind == "complaint_resolved":
            latest.pop("complaint_open", None)
    for code, event in latest.items():
        yield code, _faded(at, event.occurred_at, EVENT_HALF_LIFE_DAYS), (), (event.key,)


def _code(event):
    if event.kind == "complaint_opened":
        return "complaint_open"
    if event.kind == "page_visited":
        page = str((event.attributes or {}).get("page", "")).lower()
        return "leaving_page" if any(mark in page for mark in LEAVING_PAGES) else None
    return event.kind if event.kind in POINTS else None
