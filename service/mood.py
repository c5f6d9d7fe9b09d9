"""Readings → mood of a conversation and of a customer (pure mathematics; docs/mood.md explains every formula)."""

import math
from dataclasses import dataclass
from datetime import datetime

from service.sentiment.reading import SENTIMENTS, salience

LABEL_EDGE = 0.2  # a valence within ±0.2 is called neutral
PRIOR_SPREAD = 0.5  # spread of one conversation's valence around the customer's own level, before anything is known
TREND_EDGE = 0.2  # a smaller change than this is called steady, however sure
RECENT_DAYS = 7
MOST_REASONS = 3


@dataclass(frozen=True)
class TurnMood:
    """One read turn of the customer: its place in the interaction, probabilities as in Reading, churn_intent in [0, 1] or None."""

    position: int
    text: str
    probabilities: tuple[float, float, float]
    churn_intent: float | None = None

    @property
    def valence(self):
        return self.probabilities[2] - self.probabilities[0]


@dataclass(frozen=True)
class Conversation:
    """The mood of one interaction. Valences are in [-1, 1] or None where there is nothing; weight is in [0, 1].

    shift is last_third - first_third; lowest_turn, last_low_turn (the lowest of the last third), churn_turn and reasons (those
    that weighed most, the heaviest first) hold positions in the interaction; agent is the mean valence of the agent's turns, kept apart.
    """

    overall: float | None
    weight: float
    first_third: float | None = None
    last_third: float | None = None
    shift: float | None = None
    lowest_turn: int | None = None
    last_low_turn: int | None = None
    reasons: tuple[int, ...] = ()
    churn_intent: float | None = None
    churn_turn: int | None = None
    agent: float | None = None
    turns: int = 0


@dataclass(frozen=True)
class Dated:
    """A conversation of a customer, with what else the mood and the risk need of its interaction."""

    key: int
    occurred_at: datetime
    conversation: Conversation
    rating: dict | None = None


@dataclass(frozen=True)
class Trend:
    """change is the recent level minus the baseline, uncertainty its standard error; both None without a baseline."""

    direction: str
    change: float | None = None
    uncertainty: float | None = None


@dataclass(frozen=True)
class Mood:
    """valence in [-1, 1]; confidence in [0, 1); reasons are (key of the conversation, position of the turn), the heaviest first."""

    valence: float
    label: str
    trend: Trend
    confidence: float
    last_at: datetime
    reasons: tuple[tuple[int, int], ...]


def label_of(valence):
    """negative, neutral or positive, for a valence in [-1, 1]."""
    return SENTIMENTS[0] if valence < -LABEL_EDGE else SENTIMENTS[2] if valence > LABEL_EDGE else SENTIMENTS[1]


def certainty(probabilities):
    """How sure a reading is, in [0, 1]: 1 - entropy / log 3."""
    return 1 + sum(p * math.log(p) for p in probabilities if p > 0) / math.log(3)


def turn_weight(turn):
    """certainty × salience of one turn, in [0, 1]."""
    return certainty(turn.probabilities) * salience(turn.probabilities)


def conversation_mood(turns, agent_valences=()):
    """The Conversation of one interaction's customer turns, in their order.

    Turn i of n weighs certainty × salience × (1 + i/n) / 2, i from 1: how it ended counts most. The conversation's own
    weight is its heaviest turn's, so that ten plain turns do not drown one cry. Without customer turns `overall` is None.
    """
    agent = sum(agent_valences) / len(agent_valences) if agent_valences else None
    if not turns:
        return Conversation(None, 0.0, agent=agent)
    count = len(turns)
    weights = [turn_weight(turn) * (1 + number / count) / 2 for number, turn in enumerate(turns, 1)]
    third = max(1, count // 3)
    first, last = _mean(turns[:third], weights[:third]), _mean(turns[-third:], weights[-third:])
    heaviest = sorted(range(count), key=lambda i: -abs(turns[i].valence) * weights[i])[:MOST_REASONS]
    said = [turn for turn in turns if turn.churn_intent is not None]
    leaving = max(said, key=lambda turn: turn.churn_intent, default=None)
    return Conversation(
        overall=_mean(turns, weights),
        weight=max(turn_weight(turn) for turn in turns),
        first_third=first,
        last_third=last,
        shift=last - first,
        lowest_turn=min(turns, key=lambda turn: turn.valence).position,
        last_low_turn=min(turns[-third:], key=lambda turn: turn.valence).position,
        reasons=tuple(turns[i].position for i in heaviest),
        churn_intent=leaving and leaving.churn_intent,
        churn_turn=leaving and leaving.position,
        agent=agent,
        turns=count,
    )


def _mean(turns, weights):
    total = sum(weights)
    if total < 1e-9:
        return sum(turn.valence for turn in turns) / len(turns)
    return sum(weight * turn.valence for weight, turn in zip(weights, turns)) / total


def customer_mood(conversations, at, half_life_days):
    """The time-decayed Mood of one customer at a time, or None where no customer turn was read.

    Each conversation weighs w = weight · 2^(-(last - occurred_at) / half-life), counted from the customer's last one: the
    valence does not change while nothing is heard, only the confidence falls. confidence = W / (1 + W), where W is the sum of the
    weights as of `at`. The order of `conversations` does not matter.
    """
    known = sorted(
        (c for c in conversations if c.conversation.overall is not None), key=lambda c: (c.occurred_at, c.key)
    )
    if not known:
        return None
    last = known[-1].occurred_at
    weights = [_decayed(c, last, half_life_days) for c in known]
    total = sum(weights)
    valence = sum(w * c.conversation.overall for w, c in zip(weights, known)) / total
    now = total * 2 ** (-max(0.0, _days(at - last)) / half_life_days)
    heaviest = sorted(range(len(known)), key=lambda i: -weights[i] * abs(known[i].conversation.overall))[:MOST_REASONS]
    reasons = [
        (known[i].key, position)
        for i in heaviest
        for position in known[i].conversation.reasons[: 1 if len(known) > 2 else 2]
    ]
    return Mood(
        valence=valence,
        label=label_of(valence),
        trend=_trend(known, last),
        confidence=now / (1 + now),
        last_at=last,
        reasons=tuple(reasons[:MOST_REASONS]),
    )


def _days(span):
    return span.total_seconds() / 86_400


def _decayed(conversation, at, half_life_days):
    return max(conversation.conversation.weight, 1e-3) * 2 ** (-_days(at - conversation.occurred_at) / half_life_days)


def _trend(known, last):
    """The customer's last week against all before it, in units of valence; three short "ok"s weigh too little to be a fall.

    uncertainty = PRIOR_SPREAD · sqrt(1/W_recent + 1/W_before), W the sums of the conversations' weights.
    """
    recent = [c for c in known if _days(last - c.occurred_at) <= RECENT_DAYS]
    before = known[: len(known) - len(recent)]
    if not before:
        recent, before = known[-1:], known[:-1]
    if not before:
        return Trend("steady")
    change = _level(recent) - _level(before)
    uncertainty = PRIOR_SPREAD * math.sqrt(1 / _weight(recent) + 1 / _weight(before))
    if abs(change) < max(TREND_EDGE, uncertainty):
        return Trend("steady", change, uncertainty)
    return Trend("falling" if change < 0 else "rising", change, uncertainty)


def _weight(conversations):
    return max(sum(c.conversation.weight for c in conversations), 1e-3)


def _level(conversations):
    return sum(max(c.conversation.weight, 1e-3) * c.conversation.overall for c in conversations) / sum(
        max(c.conversation.weight, 1e-3) for c in conversations
    )
