import json
from collections import Counter
from datetime import date, timedelta
from statistics import mean, median

import pytest

from service.channels.native import InteractionIn
from service.interaction import EVENT_KINDS
from service.sentiment.reading import DRIVERS
from service.simulate import SOURCE, STAGES, simulate

CUSTOMERS, INTERACTIONS = 800, 50
ACTS = {"complaint", "praise", "recommendation", "request", "wish", "question"}
EMOTIONS = {"anger", "sadness", "fear", "joy", "trust", "surprise"}


@pytest.fixture(scope="module")
def year():
    """(days, Fates by customer, the Year) of one simulated year."""
    whole = simulate(CUSTOMERS, interactions=INTERACTIONS)
    days = list(whole)
    return days, {fate.customer: fate for fate in whole.truth()}, whole


def readings(interaction):
    return [turn["reading"] for turn in interaction["turns"] if turn["speaker"] == "customer"]


def valence(interaction):
    return mean(r["sentiment"]["positive"] - r["sentiment"]["negative"] for r in readings(interaction))


def everything_said(days):
    for day in days:
        for interaction in day.interactions:
            yield day.date, interaction["customer"]["id"], interaction


def test_the_same_seed_gives_the_same_year():
    first, second = simulate(40, days=60), simulate(40, days=60)
    assert list(first) == list(second)
    assert first.truth() == second.truth()


def test_another_seed_gives_another_year():
    assert list(simulate(40, days=20)) != list(simulate(40, days=20, seed=8))


def test_a_day_is_told_before_the_next_is_lived():
    year = simulate(10, start=date(2024, 5, 1))
    assert next(year).date == date(2024, 5, 1)
    assert year.today == 1


def test_the_smallest_companies_have_a_year_too():
    assert len(list(simulate(1, days=1))) == 1
    for seed in range(20):
        assert sum(len(day.interactions) for day in simulate(2, days=10, interactions=5, seed=seed)) < 100


def test_days_and_what_is_in_them_are_chronological(year):
    days, _, whole = year
    assert [day.date for day in days] == [whole.start + timedelta(days=n) for n in range(365)]
    for day in days:
        for rows in (day.interactions, day.events):
            times = [row["occurred_at"] for row in rows]
            assert times == sorted(times)
            assert all(time.startswith(day.date.isoformat()) for time in times)


def test_no_id_comes_twice(year):
    days, _, _ = year
    for rows in ([i["id"] for day in days for i in day.interactions], [e["id"] for day in days for e in day.events]):
        assert len(rows) == len(set(rows))


def test_nobody_speaks_or_acts_before_joining(year):
    days, fates, _ = year
    for day in days:
        for row in day.interactions + day.events:
            assert day.date >= fates[row["customer"]["id"]].joined_on


def test_stages_follow_the_tenure(year):
    days, fates, _ = year
    for day, customer, interaction in everything_said(days):
        tenure = (day - fates[customer].joined_on).days
        assert interaction["stage"] == next(name for name, until in STAGES if until is None or tenure < until)


def test_those_who_left_fall_silent_but_for_final_calls(year):
    days, fates, _ = year
    for day, customer, _ in everything_said(days):
        fate = fates[customer]
        if fate.churned_on and day >= fate.churned_on and not (fate.won_back_on and day >= fate.won_back_on):
            assert (day - fate.churned_on).days <= 10


def test_a_realistic_share_leaves_and_some_of_them_without_a_word(year):
    _, fates, _ = year
    left = [fate for fate in fates.values() if fate.churned_on]
    assert 0.12 <= len(left) / CUSTOMERS <= 0.18
    assert 0.1 <= mean(fate.wordless for fate in left) <= 0.4
    assert all(fate.why in DRIVERS for fate in left)
    assert any(fate.won_back_on for fate in left)
    assert all(fate.why is None and fate.wordless is None for fate in fates.values() if not fate.churned_on)


def test_churn_and_return_are_told_as_events_once(year):
    days, fates, _ = year
    told = {kind: {} for kind in ("churned", "won_back")}
    for day in days:
        for event in day.events:
            if event["kind"] in told:
                assert event["customer"]["id"] not in told[event["kind"]]
                told[event["kind"]][event["customer"]["id"]] = day.date
    assert told["churned"] == {name: fate.churned_on for name, fate in fates.items() if fate.churned_on}
    assert told["won_back"] == {name: fate.won_back_on for name, fate in fates.items() if fate.won_back_on}


def test_as_many_interactions_come_as_were_asked_for(year):
    days, _, _ = year
    assert abs(sum(len(day.interactions) for day in days) / CUSTOMERS / INTERACTIONS - 1) < 0.1


def test_some_speak_twice_a_year_and_some_hundreds_of_times(year):
    days, fates, _ = year
    told = Counter(customer for _, customer, _ in everything_said(days))
    times = sorted(told[name] for name, fate in fates.items() if fate.joined_on < date(2025, 1, 1))
    assert times[len(times) // 20] <= 4
    assert times[-len(times) // 50] >= 200


def test_every_interaction_is_of_the_native_contract():
    for day in simulate(150, days=90):
        for given in day.interactions:
            row = json.loads(json.dumps(given))
            row.pop("team", None)
            for turn in row["turns"]:
                turn.pop("reading", None)
            assert InteractionIn.model_validate(row).source == SOURCE


def test_every_turn_of_a_customer_has_a_whole_reading(year):
    days, _, _ = year
    for _, _, interaction in everything_said(days[:60]):
        assert 1 <= len(readings(interaction)) <= 4
        for reading in readings(interaction):
            assert set(reading) == {"sentiment", "churn_intent", "drivers", "acts", "emotions"}
            assert set(reading["sentiment"]) == {"negative", "neutral", "positive"}
            assert abs(sum(reading["sentiment"].values()) - 1) < 1e-9
            assert all(0 <= p <= 1 for p in (*reading["sentiment"].values(), reading["churn_intent"]))
            assert len(set(reading["drivers"])) == len(reading["drivers"])
            assert set(reading["drivers"]) <= set(DRIVERS)
            assert set(reading["acts"]) <= ACTS
            assert set(reading["emotions"]) <= EMOTIONS
        assert all("reading" in turn for turn in interaction["turns"])


def test_every_kind_of_event_happens(year):
    days, _, _ = year
    assert {event["kind"] for day in days for event in day.events} == set(EVENT_KINDS)
    assert {tuple(event) for day in days for event in day.events} == {
        ("id", "source", "customer", "kind", "occurred_at", "attributes")
    }


def test_most_turns_are_neutral(year):
    days, _, _ = year
    read = [max(r["sentiment"], key=r["sentiment"].get) for _, _, i in everything_said(days) for r in readings(i)]
    assert 0.6 < read.count("neutral") / len(read) < 0.85


def test_low_satisfaction_precedes_leaving_and_can_be_heard(year):
    days, fates, _ = year
    left = {name for name, fate in fates.items() if fate.churned_on and not fate.won_back_on}
    stayed = {name for name, fate in fates.items() if not fate.churned_on}
    assert mean(fates[name].satisfaction for name in left) < mean(fates[name].satisfaction for name in stayed) - 0.2
    before, usual = [], []
    for day, customer, interaction in everything_said(days):
        if customer in left and timedelta() < fates[customer].churned_on - day <= timedelta(days=60):
            before.append(valence(interaction))
        elif customer in stayed:
            usual.append(valence(interaction))
    assert mean(before) < mean(usual) - 0.1


def test_leaving_is_said_by_many_who_leave_and_by_some_who_stay(year):
    days, fates, _ = year
    said = {name for _, name, i in everything_said(days) if any(r["churn_intent"] >= 0.5 for r in readings(i))}
    left = {name for name, fate in fates.items() if fate.churned_on}
    assert 0.35 < len(said & left) / len(left) < 0.85
    assert len(said - left) > 0.3 * len(said & left)


def test_an_outage_is_complained_of_by_many_who_do_not_leave(year):
    days, fates, whole = year
    complained = {}
    for day, customer, interaction in everything_said(days):
        if any("reliability" in r["drivers"] and "complaint" in r["acts"] for r in readings(interaction)):
            complained.setdefault(day, []).append(customer)
    usual = median(len(complained.get(day.date, [])) for day in days)
    angry = complained[whole.outage_on]
    assert len(angry) >= 5 * max(1, usual)
    gone = [fates[name].churned_on for name in set(angry)]
    assert mean(bool(on) and on > whole.outage_on for on in gone) < 0.15


def test_a_holiday_is_quiet(year):
    days, _, whole = year
    told = {day.date: len(day.interactions) for day in days}
    assert told[whole.holiday_on] < 0.3 * median(told.values())
