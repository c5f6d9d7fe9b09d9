"""Readings → mood of a conversation and of a customer (pure mathematics; docs/mood.md explains every formula)."""

import math
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from service.sentiment.reading import CHURN_INTENT, KINDS, SENTIMENTS, salience

LABEL_EDGE = 0.2  # a valence within ±0.2 is called neutral
PRIOR_SPREAD = 0.5  # spread of one conversation's valence around the customer's own level, before anything is known
TREND_EDGE = 0.2  # a smaller change than this is called steady, however sure
RECENT_DAYS = 7
MOST_REASONS = 3
BAD, GOOD = -0.2, 0.0  # a conversation begins badly below BAD, and was turned around if it then ends at GOOD or better
TURNED_BY = 0.4
RATING_WEIGHT = 0.5  # of a rating, beside at most 1 of the words
DISAGREEMENT, SURE_WEIGHT = 0.8, 0.2  # words and rating disagree: so far apart, the words at least so sure
# Net promoter scores by their usual reading: 0-6 detractors, 7-8 passives, 9-10 promoters.
NPS_VALENCES = (-1.0, -0.9, -0.8, -0.7, -0.6, -0.5, -0.3, 0.0, 0.2, 0.7, 1.0)


@dataclass(frozen=True)
class TurnMood:
    """One read turn of the customer: its place in the interaction, probabilities as in Reading, churn_intent in [0, 1] or None.

    marks are the outputs found in it, such as "driver:price" and "act:wish".
    """

    position: int
    probabilities: tuple[float, float, float]
    churn_intent: float | None = None
    marks: tuple[str, ...] = ()

    @property
    def valence(self):
        return self.probabilities[2] - self.probabilities[0]


def turn_mood(position, reading):
    """TurnMood of a turn from its reading as it is stored and answered."""
    shares = reading["sentiment"]["probabilities"]
    return TurnMood(
        position,
        tuple(shares[name] for name in SENTIMENTS),
        reading[CHURN_INTENT]["probability"] if CHURN_INTENT in reading else None,
        tuple(f"{kind}:{mark['name']}" for kind, field in KINDS.items() for mark in reading.get(field, ())),
    )


@dataclass(frozen=True)
class Silence:
    """How the customer fell silent: agent turns after the customer's last one, and the longest wait for an answer, in seconds or None."""

    unanswered: int = 0
    longest_s: float | None = None


@dataclass(frozen=True)
class Conversation:
    """The mood of one interaction. Valences are in [-1, 1] or None where there is nothing; weight is in [0, 1].

    overall is of the words, rating of the rating that came with them. shift is last_third - first_third; lowest_turn, last_low_turn
    (the lowest of the last third), churn_turn and reasons (those that weighed most, the heaviest first) hold positions in the
    interaction; score is the late-weighted form in [-100, 100]; drivers are (name, position of its strongest turn, that turn's valence);
    wishes are positions; recommends, praises: the first such turn; agent is the mean valence of the agent's turns, kept apart.
    """

    overall: float | None
    weight: float
    first_third: float | None = None
    last_third: float | None = None
    shift: float | None = None
    score: int | None = None
    lowest_turn: int | None = None
    last_low_turn: int | None = None
    reasons: tuple[int, ...] = ()
    churn_intent: float | None = None
    churn_turn: int | None = None
    drivers: tuple[tuple[str, int, float], ...] = ()
    wishes: tuple[int, ...] = ()
    recommends: int | None = None
    praises: int | None = None
    rating: float | None = None
    unanswered: int = 0
    longest_silence_s: float | None = None
    agent: float | None = None
    turns: int = 0

    @cached_property
    def felt(self):
        """Words and rating together: their mean under weight and RATING_WEIGHT; None where there is neither."""
        if self.rating is None:
            return self.overall
        if self.overall is None:
            return self.rating
        return (self.weight * self.overall + RATING_WEIGHT * self.rating) / (self.weight + RATING_WEIGHT)

    @property
    def felt_weight(self):
        return self.weight if self.rating is None else max(self.weight, RATING_WEIGHT)

    @property
    def disagreement(self):
        """rating - overall where the two are far apart and the words are sure, else None."""
        if self.rating is None or self.overall is None or self.weight < SURE_WEIGHT:
            return None
        apart = self.rating - self.overall
        return apart if abs(apart) >= DISAGREEMENT else None

    @property
    def began_badly(self):
        return self.first_third is not None and self.first_third < BAD

    @property
    def turned_around(self):
        """Whether it began badly and ended well: what an agent can do."""
        return self.began_badly and self.last_third >= GOOD and self.shift >= TURNED_BY


def restored(found):
    """The Conversation that was stored as asdict gives it; past its __init__, which takes five times as long and is called most."""
    conversation = object.__new__(Conversation)
    conversation.__dict__.update(found)
    return conversation


@dataclass(frozen=True)
class Dated:
    """A conversation of a customer, with what else the mood and the risk need of its interaction."""

    key: int
    occurred_at: datetime
    conversation: Conversation
    rating: dict | None = None
    stage: str | None = None


@dataclass(frozen=True)
class Trend:
    """change is the recent level minus the baseline, uncertainty its standard error; both None without a baseline."""

    direction: str
    change: float | None = None
    uncertainty: float | None = None


@dataclass(frozen=True)
class Mood:
    """The ongoing mood: valence in [-1, 1]; confidence in [0, 1). current is the valence of the latest conversation alone.

    reasons are (key of the conversation, position of the turn, or None for its rating), the heaviest first; drivers are (name, valence in
    [-1, 1], share of the weight of all that has a driver), the weightiest first.
    """

    valence: float
    current: float
    label: str
    trend: Trend
    confidence: float
    last_at: datetime
    reasons: tuple[tuple[int, int | None], ...]
    drivers: tuple[tuple[str, float, float], ...] = ()


def label_of(valence):
    """negative, neutral or positive, for a valence in [-1, 1]."""
    return SENTIMENTS[0] if valence < -LABEL_EDGE else SENTIMENTS[2] if valence > LABEL_EDGE else SENTIMENTS[1]


def certainty(probabilities):
    """How sure a reading is, in [0, 1]: 1 - entropy / log 3."""
    return 1 + sum(p * math.log(p) for p in probabilities if p > 0) / math.log(3)


def turn_weight(turn):
    """certainty × salience of one turn, in [0, 1]."""
    return certainty(turn.probabilities) * salience(turn.probabilities)


def late_score(signs):
    """Score of a conversation in [-100, 100] from the signs (-1, 0, 1) of the customer's phrases in their order.

    S = Σ sign · (index / number of phrases), index from 1; score = 100 · tanh(0.75 · S), rounded. Source: docs/mood.md.
    """
    total = sum(sign * number / len(signs) for number, sign in enumerate(signs, 1))
    return round(100 * math.tanh(0.75 * total))


def rating_valence(rating):
    """Valence in [-1, 1] of a rating {"kind", "value"}, or None without one: CSAT and stars on a straight line, NPS by its three groups."""
    if rating is None:
        return None
    if rating["kind"] == "nps":
        low = min(int(rating["value"]), 9)
        return NPS_VALENCES[low] + (rating["value"] - low) * (NPS_VALENCES[low + 1] - NPS_VALENCES[low])
    return (rating["value"] - 3) / 2


def silence(spoken):
    """The Silence in (speaker, start_s, end_s) of the turns in their order; bots count as agents."""
    unanswered, longest, asked_s = 0, None, None
    for speaker, start_s, end_s in spoken:
        if speaker != "customer":
            unanswered, asked_s = unanswered + 1, end_s if end_s is not None else start_s
            continue
        if asked_s is not None and start_s is not None:
            longest = max(longest or 0.0, start_s - asked_s)
        unanswered, asked_s = 0, None
    return Silence(unanswered, longest)


def conversation_mood(turns, agent_valences=(), rating=None, quiet=Silence()):
    """The Conversation of one interaction's customer turns, in their order; `rating` as it was sent.

    Turn i of n weighs certainty × salience × (1 + i/n) / 2, i from 1: how it ended counts most. The conversation's own
    weight is its heaviest turn's, so that ten plain turns do not drown one cry. Without customer turns `overall` is None.
    """
    agent = sum(agent_valences) / len(agent_valences) if agent_valences else None
    rated = rating_valence(rating)
    if not turns:
        return Conversation(None, 0.0, agent=agent, rating=rated)
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
        score=late_score([SENTIMENTS.index(label_of(turn.valence)) - 1 for turn in turns]),
        lowest_turn=min(turns, key=lambda turn: turn.valence).position,
        last_low_turn=min(turns[-third:], key=lambda turn: turn.valence).position,
        reasons=tuple(turns[i].position for i in heaviest),
        churn_intent=leaving and leaving.churn_intent,
        churn_turn=leaving and leaving.position,
        drivers=_drivers(turns),
        wishes=_marked(turns, "act:wish"),
        recommends=next(iter(_marked(turns, "act:recommendation")), None),
        praises=next(iter(_marked(turns, "act:praise")), None),
        rating=rated,
        unanswered=quiet.unanswered,
        longest_silence_s=quiet.longest_s,
        agent=agent,
        turns=count,
    )


def _marked(turns, mark):
    return tuple(turn.position for turn in turns if mark in turn.marks)


def _drivers(turns):
    strongest = {}
    for turn in turns:
        for mark in turn.marks:
            kind, _, name = mark.partition(":")
            if kind == "driver" and (name not in strongest or abs(turn.valence) > abs(strongest[name].valence)):
                strongest[name] = turn
    return tuple((name, turn.position, turn.valence) for name, turn in sorted(strongest.items()))


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
    known = in_order(conversations)
    if not known:
        return None
    last = known[-1].occurred_at
    weights = [_decayed(c, last, half_life_days) for c in known]
    total = sum(weights)
    valence = sum(w * c.conversation.felt for w, c in zip(weights, known)) / total
    now = total * 2 ** (-max(0.0, _days(at - last)) / half_life_days)
    heaviest = sorted(range(len(known)), key=lambda i: -weights[i] * abs(known[i].conversation.felt))[:MOST_REASONS]
    reasons = [
        (known[i].key, position)
        for i in heaviest
        for position in known[i].conversation.reasons[: 1 if len(known) > 2 else 2] or (None,)
    ]
    return Mood(
        valence=valence,
        current=known[-1].conversation.felt,
        label=label_of(valence),
        trend=_trend(known, last),
        confidence=now / (1 + now),
        last_at=last,
        reasons=tuple(reasons[:MOST_REASONS]),
        drivers=_customer_drivers(known, weights),
    )


def in_order(conversations):
    """The Dated conversations in which something was felt, the oldest first."""
    return sorted((c for c in conversations if c.conversation.felt is not None), key=lambda c: (c.occurred_at, c.key))


def _customer_drivers(known, weights):
    sums = {}
    for weight, c in zip(weights, known):
        for name, _, valence in c.conversation.drivers:
            total, felt = sums.get(name, (0.0, 0.0))
            sums[name] = total + weight, felt + weight * valence
    whole = sum(total for total, _ in sums.values())
    told = [(name, felt / total, total / whole) for name, (total, felt) in sums.items()]
    return tuple(sorted(told, key=lambda driver: (-driver[2], driver[0])))


def _days(span):
    return span.total_seconds() / 86_400


def _decayed(conversation, at, half_life_days):
    return max(conversation.conversation.felt_weight, 1e-3) * 2 ** (
        -_days(at - conversation.occurred_at) / half_life_days
    )


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
    return max(sum(c.conversation.felt_weight for c in conversations), 1e-3)


def _level(conversations):
    weights = [max(c.conversation.felt_weight, 1e-3) for c in conversations]
    return sum(w * c.conversation.felt for w, c in zip(weights, conversations)) / sum(weights)
