from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from service import churn
from service.mood import Conversation, Dated, TurnMood, conversation_mood, customer_mood, label_of
from tests.standin import at

BAD, PLAIN, GOOD = (0.9, 0.08, 0.02), (0.02, 0.96, 0.02), (0.02, 0.08, 0.9)


def spoken(*probabilities, churn_intents=None):
    intents = churn_intents or [None] * len(probabilities)
    return conversation_mood([TurnMood(i, p, c) for i, (p, c) in enumerate(zip(probabilities, intents, strict=True))])


def dated(conversation, day, key=None, rating=None):
    return Dated(day if key is None else key, at(day), conversation, rating)


def mood_of(*days_and_turns, now=None):
    conversations = [dated(spoken(*turns), day) for day, turns in days_and_turns]
    return customer_mood(conversations, now or conversations[-1].occurred_at, 14)


def test_how_it_ended_counts_most():
    assert spoken(BAD, GOOD).overall > 0.1 > -0.1 > spoken(GOOD, BAD).overall


def test_one_cry_is_not_drowned_by_plain_turns():
    whole = spoken(*[PLAIN] * 9, BAD)
    assert label_of(whole.overall) == "negative"
    assert whole.weight > 0.5
    assert (whole.lowest_turn, whole.reasons[0]) == (9, 9)


def test_thirds_and_shift_tell_whether_it_was_turned_around():
    whole = spoken(BAD, BAD, PLAIN, PLAIN, GOOD, GOOD)
    assert whole.first_third < -0.5 < 0.5 < whole.last_third
    assert whole.shift == whole.last_third - whole.first_third


def test_no_customer_turn_is_no_mood():
    assert conversation_mood([], [0.5]) == Conversation(None, 0.0, agent=0.5)
    assert customer_mood([dated(conversation_mood([]), 1)], at(2), 14) is None
    assert customer_mood([], at(2), 14) is None


def test_a_conversation_weighs_half_after_the_half_life():
    fresh = mood_of((1, [BAD]), (15, [GOOD]))
    weight = spoken(GOOD).weight
    expected = (weight * 0.88 - weight * 0.5 * 0.88) / (1.5 * weight)
    assert abs(fresh.valence - expected) < 1e-9


def test_silence_lowers_the_confidence_and_not_the_mood():
    now, later = mood_of((1, [BAD])), mood_of((1, [BAD]), now=at(1) + timedelta(days=60))
    assert now.valence == later.valence
    assert later.confidence < now.confidence / 5


def test_three_short_oks_are_not_a_fall():
    ok = (0.05, 0.85, 0.1)
    assert mood_of((1, [GOOD]), (3, [GOOD]), (12, [ok]), (13, [ok]), (14, [ok])).trend.direction == "steady"


def test_anger_after_happy_months_is_a_fall_and_the_reverse_a_rise():
    assert mood_of((1, [GOOD]), (3, [GOOD]), (20, [BAD]), (21, [BAD])).trend.direction == "falling"
    assert mood_of((1, [BAD]), (3, [BAD]), (20, [GOOD]), (21, [GOOD])).trend.direction == "rising"
    assert mood_of((1, [BAD])).trend.change is None


readings = st.tuples(st.floats(0.001, 1), st.floats(0.001, 1), st.floats(0.001, 1)).map(
    lambda odds: tuple(one / sum(odds) for one in odds)
)
histories = st.lists(
    st.tuples(st.integers(0, 5000), st.lists(readings, min_size=1, max_size=5)), min_size=1, max_size=12
)


def history_of(drawn):
    return [
        Dated(key, at(1) + timedelta(hours=hours), spoken(*turns, churn_intents=[turn[0] for turn in turns]))
        for key, (hours, turns) in enumerate(drawn)
    ]


@given(histories, st.randoms())
def test_the_order_of_arrival_changes_nothing(drawn, random):
    history = history_of(drawn)
    shuffled = random.sample(history, len(history))
    now = at(1) + timedelta(days=300)
    assert customer_mood(history, now, 14) == customer_mood(shuffled, now, 14)


@given(histories)
def test_moods_and_risks_stay_within_their_bounds(drawn):
    history, now = history_of(drawn), at(1) + timedelta(days=300)
    mood = customer_mood(history, now, 14)
    risks = churn.assess(mood, history, (), now)
    assert -1 <= mood.valence <= 1
    assert 0 <= mood.confidence < 1
    assert 0 <= risks.risk <= 100
    assert all(reason.points > 0 and reason.evidence for reason in risks.reasons)


@given(histories)
def test_a_worse_word_never_betters_the_conversation(drawn):
    for _, turns in drawn:
        assert spoken(*turns[:-1], BAD).overall <= spoken(*turns[:-1], GOOD).overall


def risk_of(*history):
    mood = customer_mood(history, history[-1].occurred_at, 14)
    return churn.assess(mood, history, (), history[-1].occurred_at)


def test_an_angry_customer_is_at_risk_and_a_happy_one_is_not():
    assert risk_of(dated(spoken(BAD), 1)).risk >= 40
    assert risk_of(dated(spoken(GOOD), 1)).risk == 0
    assert risk_of(dated(spoken(PLAIN), 1)).risk == 0


def test_leaving_said_calmly_is_a_risk_too():
    found = risk_of(dated(spoken(PLAIN, churn_intents=[0.95]), 1))
    assert [reason.code for reason in found.reasons] == ["churn_intent"]
    assert found.risk >= 50


def test_each_reason_is_found():
    history = [
        dated(spoken(GOOD), 1), dated(spoken(GOOD), 2), dated(spoken(BAD), 20),
        dated(spoken(BAD, churn_intents=[0.9]), 21, rating={"kind": "nps", "value": 2}),
    ]  # fmt: skip
    assert {reason.code for reason in risk_of(*history).reasons} == set(churn.SENTENCES)


def test_a_bad_ending_shows_the_turn_that_ended_it():
    [ending] = [
        reason for reason in risk_of(dated(spoken(BAD, PLAIN, PLAIN, BAD), 1)).reasons if reason.code == "bad_ending"
    ]
    assert ending.evidence == ((1, 3),)


def test_old_anger_is_no_risk_of_today():
    anger = dated(spoken(BAD), 1)
    mood = customer_mood([anger], at(1), 14)
    assert churn.assess(mood, [anger], (), at(1) + timedelta(days=365)).risk < 5


def test_an_old_threat_fades():
    threat = dated(spoken(PLAIN, churn_intents=[0.95]), 1)
    mood = customer_mood([threat], at(1), 14)
    assert (
        churn.assess(mood, [threat], (), at(1) + timedelta(days=60)).risk
        < churn.assess(mood, [threat], (), at(1)).risk / 3
    )
