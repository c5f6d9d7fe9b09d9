from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from service.mood import (
    Conversation,
    Dated,
    Silence,
    TurnMood,
    conversation_mood,
    customer_mood,
    label_of,
    late_score,
    rating_valence,
    silence,
)
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
def test_moods_stay_within_their_bounds(drawn):
    mood = customer_mood(history_of(drawn), at(1) + timedelta(days=300), 14)
    assert -1 <= mood.valence <= 1
    assert 0 <= mood.confidence < 1


@given(histories)
def test_a_worse_word_never_betters_the_conversation(drawn):
    for _, turns in drawn:
        assert spoken(*turns[:-1], BAD).overall <= spoken(*turns[:-1], GOOD).overall


def test_the_late_weighted_score_has_the_published_check_value():
    assert late_score([0, 0, 0, 0, 1, 0, 0, 0, 1, 0]) == 78
    assert late_score([1, -1]) == -late_score([-1, 1]) < 0
    assert late_score([0]) == 0


def test_a_rating_counts_beside_the_words():
    rated = conversation_mood([TurnMood(0, PLAIN)], rating={"kind": "csat", "value": 1})
    assert abs(rated.overall) < 0.01 and rated.felt < -0.5
    alone = conversation_mood([], rating={"kind": "nps", "value": 10})
    assert (alone.overall, alone.felt, alone.felt_weight) == (None, 1.0, 0.5)
    mood = customer_mood([dated(alone, 1)], at(1), 14)
    assert (mood.label, mood.reasons) == ("positive", ((1, None),))


def test_ratings_lie_on_one_scale():
    assert [rating_valence({"kind": "stars", "value": v}) for v in (1, 3, 5)] == [-1, 0, 1]
    nps = [rating_valence({"kind": "nps", "value": v}) for v in range(11)]
    assert nps == sorted(nps) and nps[6] < -0.2 and -0.2 < nps[7] <= nps[8] <= 0.2 and nps[9] > 0.5
    assert rating_valence({"kind": "nps", "value": 9.5}) == 0.85
    assert rating_valence(None) is None


def test_a_five_with_an_angry_text_is_shown():
    five, one = ({"kind": "csat", "value": value} for value in (5, 1))
    assert conversation_mood([TurnMood(0, BAD)], rating=five).disagreement > 1.5
    assert conversation_mood([TurnMood(0, GOOD)], rating=one).disagreement < -1.5
    assert conversation_mood([TurnMood(0, BAD)], rating=one).disagreement is None
    assert conversation_mood([TurnMood(0, PLAIN)], rating=five).disagreement is None
    assert conversation_mood([TurnMood(0, (0.34, 0.33, 0.33))], rating=five).disagreement is None


def test_a_conversation_that_was_turned_around_is_known():
    assert spoken(BAD, PLAIN, GOOD).turned_around
    assert not spoken(BAD, PLAIN, BAD).turned_around
    assert not spoken(GOOD, PLAIN, GOOD).turned_around
    assert not spoken(BAD).turned_around


def test_the_customers_silence_is_told():
    said = [("agent", 0, 2), ("customer", 5, 6), ("agent", 7, 9), ("customer", 70, 71), ("agent", 72, 73)]
    assert silence([*said, ("agent", 90, 91)]) == Silence(2, 61)
    assert silence([("customer", None, None), ("agent", None, None)]) == Silence(1, None)
    assert silence([]) == Silence(0, None)


def test_current_is_of_the_latest_conversation_and_ongoing_of_all():
    mood = mood_of((1, [GOOD]), (2, [GOOD]), (3, [BAD]))
    assert mood.current < -0.8 and mood.valence > mood.current + 0.5


def test_drivers_are_weighed_like_their_conversations():
    price, queue = (
        conversation_mood([TurnMood(0, p, marks=(f"driver:{name}", "act:complaint"))])
        for p, name in ((BAD, "price"), (GOOD, "wait_time"))
    )
    mood = customer_mood([dated(price, 1), dated(price, 2), dated(queue, 3)], at(3), 14)
    assert [name for name, _, _ in mood.drivers] == ["price", "wait_time"]
    assert mood.drivers[0][1] < -0.8 < 0.8 < mood.drivers[1][1]
    assert abs(sum(share for _, _, share in mood.drivers) - 1) < 1e-9
