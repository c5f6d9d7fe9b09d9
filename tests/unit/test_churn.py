from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service import churn
from service.churn import Event
from service.interaction import EVENT_KINDS
from service.mood import TurnMood, conversation_mood, customer_mood
from service.segments import DEFINITIONS, SEGMENTS, segment_of
from tests.standin import at
from tests.unit.test_mood import BAD, GOOD, PLAIN, dated, histories, history_of, spoken


def risk_of(*history, events=(), now=None, shared=frozenset()):
    now = now or history[-1].occurred_at
    return churn.assess(customer_mood(history, now, 14), history, events, now, shared)


def points_of(found, code):
    return {reason.code: reason.points for reason in found.reasons}.get(code, 0)


def about(probabilities, driver):
    return conversation_mood([TurnMood(0, probabilities, marks=(f"driver:{driver}",))])


def event(kind, day, key=1, **attributes):
    return Event(key, kind, at(day), attributes)


def test_an_angry_customer_is_at_risk_and_a_happy_one_is_not():
    assert risk_of(dated(spoken(BAD), 1)).risk >= 40
    assert risk_of(dated(spoken(GOOD), 1)).risk == 0
    assert risk_of(dated(spoken(PLAIN), 1)).risk == 0


def test_leaving_said_calmly_is_a_risk_too():
    found = risk_of(dated(spoken(PLAIN, churn_intents=[0.95]), 1))
    assert [reason.code for reason in found.reasons] == ["churn_intent"]
    assert found.risk >= 50


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


EVERY_REASON = [
    (event("app_uninstalled", 20), "app_uninstalled"),
    (event("unsubscribed", 20), "unsubscribed"),
    (event("page_visited", 20, page="/account/cancel"), "leaving_page"),
    (event("page_visited", 20, page="איך מבצעים ניתוק"), "leaving_page"),
    (event("complaint_opened", 20), "complaint_open"),
    (event("disliked", 20), "disliked"),
    (event("refund", 20), "refund"),
    (event("cart_abandoned", 20), "cart_abandoned"),
]


@pytest.mark.parametrize(("happened", "code"), EVERY_REASON)
def test_what_a_customer_did_is_a_reason_with_the_event_as_evidence(happened, code):
    found = churn.assess(None, [], [happened], at(20))
    assert [(reason.code, reason.points, reason.events) for reason in found.reasons] == [
        (code, churn.POINTS[code], (1,))
    ]
    assert churn.assess(None, [], [happened], at(20) + timedelta(days=21)).risk <= found.risk / 2 + 0.5


def test_reasons_from_what_was_said_are_found():
    history = [
        dated(spoken(GOOD), 1), dated(spoken(GOOD), 2), dated(about(BAD, "price"), 19), dated(about(BAD, "competitor"), 20),
        dated(about(BAD, "price"), 21, rating={"kind": "nps", "value": 2}),
        dated(spoken(BAD, churn_intents=[0.9]), 21, key=99, rating={"kind": "nps", "value": 2}),
    ]  # fmt: skip
    assert {reason.code for reason in risk_of(*history).reasons} == {
        "churn_intent", "low_mood", "mood_fell", "bad_ending", "repeated_contacts", "competitor_named", "low_rating",
    }  # fmt: skip


def test_every_reason_has_its_sentence_in_both_languages():
    assert set(churn.SENTENCES) == set(churn.POINTS) | {"common_cause"}
    assert all(text["en"] and text["he"] for text in churn.SENTENCES.values())


def test_renewing_and_buying_lower_the_risk():
    angry = dated(spoken(BAD), 20)
    assert risk_of(angry, events=[event("renewed", 20)]).risk == risk_of(angry).risk - 15
    assert risk_of(dated(spoken(GOOD), 20), events=[event("purchase", 20)]).risk == 0


def test_a_page_that_is_not_about_leaving_is_no_reason():
    assert churn.assess(None, [], [event("page_visited", 20, page="/plans")], at(20)).risk == 0


def test_a_resolved_complaint_is_no_reason_any_more():
    opened, resolved = event("complaint_opened", 10), event("complaint_resolved", 12, key=2)
    assert churn.assess(None, [], [opened, resolved], at(13)).risk == 0
    assert churn.assess(None, [], [resolved, event("complaint_opened", 14, key=3)], at(14)).risk == 10


def test_repeated_contacts_count_on_one_matter_until_it_is_resolved():
    thrice = [dated(about(BAD, "billing"), day) for day in (10, 12, 14)]
    assert points_of(risk_of(*thrice), "repeated_contacts") == 16
    different = [dated(about(BAD, driver), day) for day, driver in ((10, "price"), (12, "billing"), (14, "delivery"))]
    assert points_of(risk_of(*different), "repeated_contacts") == 0
    assert points_of(risk_of(*thrice, dated(about(GOOD, "billing"), 15)), "repeated_contacts") == 0
    assert points_of(risk_of(*thrice, events=[event("complaint_resolved", 15)]), "repeated_contacts") == 0


def test_praise_beside_a_rivals_name_is_no_reason():
    assert points_of(risk_of(dated(about(BAD, "competitor"), 1)), "competitor_named") == 12
    assert points_of(risk_of(dated(about(GOOD, "competitor"), 1)), "competitor_named") == 0


def test_silence_counts_after_a_bad_experience_and_beyond_the_customers_own_pauses():
    bad = dated(spoken(BAD), 1)
    week, month = at(1) + timedelta(days=7), at(1) + timedelta(days=30)
    assert points_of(risk_of(bad, now=week), "silence_after_bad") == 0
    assert points_of(risk_of(bad, now=month), "silence_after_bad") > 5
    assert points_of(risk_of(dated(spoken(PLAIN), 1), now=month), "silence_after_bad") == 0
    seldom = [dated(spoken(PLAIN), -60), dated(spoken(PLAIN), -30), bad]
    assert points_of(risk_of(*seldom, now=month), "silence_after_bad") == 0


def test_one_who_left_is_at_risk_no_more_until_coming_back():
    angry = dated(spoken(BAD), 1)
    left = risk_of(angry, events=[event("churned", 2)])
    assert (left.risk, left.by, left.reasons) == (0, "lost", ())
    assert risk_of(angry, events=[event("churned", 2), event("won_back", 3, key=2)]).by == "scorecard"
    assert churn.is_lost([event("cancelled", 5), event("purchase", 3, key=2)])


def test_a_common_cause_is_no_personal_crisis():
    history = [dated(spoken(GOOD), 1), dated(spoken(GOOD), 2), dated(about(BAD, "reliability"), 20)]
    alone, common = risk_of(*history), risk_of(*history, shared=frozenset({20}))
    assert common.risk < alone.risk / 2
    assert common.reasons == () or common.reasons[-1].code == "common_cause"


def test_fitted_weights_make_a_risk_with_the_same_reasons():
    history, now = [dated(spoken(BAD), 1)], at(1)
    mood = customer_mood(history, now, 14)
    weights = churn.Weights(-3.0, {"low_mood": 4.0, "bad_ending": 1.0})
    found = churn.assess(mood, history, (), now, weights=weights)
    assert found.by == "fitted" and [reason.code for reason in found.reasons] == ["low_mood", "bad_ending"]
    assert 0 < found.reasons[1].points < found.reasons[0].points <= found.risk <= 100


happenings = st.lists(st.tuples(st.sampled_from(EVENT_KINDS), st.integers(0, 5000)), max_size=8).map(
    lambda drawn: [Event(key, kind, at(1) + timedelta(hours=hours)) for key, (kind, hours) in enumerate(drawn)]
)


@given(histories, happenings, st.randoms())
def test_risks_stay_within_their_bounds_and_the_order_of_arrival_changes_nothing(drawn, events, random):
    history, now = history_of(drawn), at(1) + timedelta(days=300)
    found = risk_of(*history, events=events, now=now)
    assert 0 <= found.risk <= 100
    assert all(reason.points and (reason.evidence or reason.events) for reason in found.reasons)
    again = risk_of(*random.sample(history, len(history)), events=random.sample(events, len(events)), now=now)
    assert again == found


def segment(*history, events=(), at_risk=False, now=None):
    now = now or (history[-1].occurred_at if history else at(20))
    mood = customer_mood(history, now, 14)
    return segment_of(mood, churn.assess(mood, history, events, now), history, events, at_risk, now)


def speaks_for_us(day):
    return dated(conversation_mood([TurnMood(0, GOOD, marks=("act:recommendation",))]), day)


def test_each_segment_is_reached_in_the_order_of_the_table():
    assert segment(speaks_for_us(1)) == "passionate"
    assert segment(dated(spoken(GOOD), 1)) == "satisfied"
    assert segment(dated(spoken(PLAIN), 1)) == "indifferent"
    assert (
        segment(dated(spoken(GOOD), 1), dated(spoken(GOOD), 2), dated(spoken(BAD), 20), dated(spoken(BAD), 21))
        == "cooling"
    )
    assert segment(dated(spoken(BAD), 1)) == "cooling"
    assert segment(speaks_for_us(1), at_risk=True) == "at_risk"
    assert segment(speaks_for_us(1), events=[event("cancelled", 2)]) == "lost"
    back = [event("cancelled", 2), event("won_back", 3, key=2)]
    assert segment(speaks_for_us(4), events=back, at_risk=True) == "won_back"
    assert segment(speaks_for_us(4), events=back, now=at(4) + timedelta(days=100)) == "passionate"
    assert segment() is None
    assert segment(events=[event("purchase", 1)]) is None


def test_a_recommendation_long_ago_makes_no_passion():
    assert segment(speaks_for_us(1), dated(spoken(GOOD), 2), now=at(1) + timedelta(days=200)) == "satisfied"


def test_every_segment_is_defined_in_both_languages():
    assert SEGMENTS == ("lost", "won_back", "at_risk", "cooling", "passionate", "satisfied", "indifferent")
    assert all(text["en"] and text["he"] for text in DEFINITIONS.values())
