from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from service import churn
from service.churn import Event
from service.fit import CODES, Snapshot, _of_customer, _Ranking, _shift, learn, split
from service.replay import Spell, spells_of, worth_of
from service.settings import Settings
from service.simulate import Fate

SETTINGS = Settings()
JANUARY = datetime(2025, 1, 1, tzinfo=UTC)


def month(number):
    return datetime(2025, number, 1, tzinfo=UTC)


def on(days):
    return JANUARY + timedelta(days=days)


def some(truth, customers=400, months=10, seed=0):
    """Snapshots whose log-odds of leaving are -3 + Σ truth[code] · strength."""
    rng = np.random.default_rng(seed)
    made = []
    for number in range(1, months + 1):
        for pk in range(customers):
            strengths = np.where(rng.random(len(CODES)) < 0.3, rng.random(len(CODES)), 0)
            odds = -3 + sum(truth.get(code, 0) * x for code, x in zip(CODES, strengths))
            left = bool(rng.random() < 1 / (1 + np.exp(-odds)))
            made.append(Snapshot(pk, month(number), tuple(strengths.tolist()), left))
    return made


# The scorecard gives refunds 6 points and takes 15 away for renewals; here it is the other way round.
ODD = {"refund": 5, "renewed": 3, "disliked": -2}


def snapshots_of(events, until=on(365)):
    return list(_of_customer(1, [], events, 60, SETTINGS, until))


def test_what_is_really_so_is_learned_and_beats_the_scorecard():
    report = learn(some(ODD), 60, SETTINGS)
    assert report.refused is None
    assert report.auc > report.scorecard_auc and report.low > 0
    assert report.brier < report.scorecard_brier < report.scorecard_brier_raw
    for code, value in ODD.items():
        assert report.weights.coefficients[code] == pytest.approx(value, abs=0.8)


def test_nothing_is_learned_from_shuffled_labels():
    made = some(ODD)
    labels = np.random.default_rng(1).permutation([one.left for one in made])
    shuffled = [Snapshot(one.customer_pk, one.at, one.strengths, bool(left)) for one, left in zip(made, labels)]
    report = learn(shuffled, 60, SETTINGS)
    assert "not surely better" in report.refused
    assert report.low < 0.05 and abs(report.auc - 0.5) < 0.05


def test_where_the_scorecard_is_right_there_is_no_reason_to_switch():
    report = learn(some({code: points / 15 for code, points in churn.POINTS.items()}), 60, SETTINGS)
    assert report.low < 0.03


@pytest.mark.parametrize(("customers", "which"), [(20, "learn from"), (0, "learn from")])
def test_too_few_who_left_are_refused(customers, which):
    assert which in learn(some(ODD, customers=customers), 60, SETTINGS).refused


def test_training_months_whose_horizon_reaches_into_the_test_are_left_out():
    training, test = split(some({}, customers=1), 60)
    assert {one.at for one in test} == {month(8), month(9), month(10)}
    assert {one.at for one in training} == {month(n) for n in range(1, 7)}
    assert all(one.at + timedelta(days=60) <= month(8) for one in training)


def test_later_events_change_no_earlier_snapshot():
    early = [Event(1, "purchase", on(3)), Event(2, "complaint_opened", on(40))]
    late = [Event(3, "disliked", on(100)), Event(4, "page_visited", on(101), {"page": "cancellation"})]
    assert snapshots_of(early)[:3] == snapshots_of(early + late)[:3]
    assert snapshots_of(early)[3] != snapshots_of(early + late)[3]


def test_one_who_left_is_in_no_later_snapshot_and_cancelling_is_leaving():
    left = [Event(1, "purchase", on(3)), Event(2, "cancelled", month(5) - timedelta(minutes=10))]
    left.append(Event(3, "churned", month(5) + timedelta(minutes=20)))
    assert [(one.at, one.left) for one in snapshots_of(left)] == [
        (month(2), False), (month(3), False), (month(4), True),
    ]  # fmt: skip


def test_what_was_done_in_the_last_day_before_leaving_warns_of_nothing():
    left = [Event(1, "page_visited", month(5) - timedelta(hours=1), {"page": "cancellation"})]
    left.append(Event(2, "churned", month(5) + timedelta(hours=5)))
    assert month(5) not in [one.at for one in snapshots_of(left)]


def test_a_horizon_that_is_not_over_is_left_out():
    assert [one.at for one in snapshots_of([Event(1, "purchase", on(3))], month(6))] == [month(2), month(3), month(4)]


def test_the_auc_is_scikit_learns_with_ties_and_weights():
    rng = np.random.default_rng(3)
    left, scores = (rng.random(300) < 0.2).astype(float), rng.integers(0, 12, 300).astype(float)
    weights = rng.integers(0, 4, 300).astype(float)
    ranking = _Ranking(left, scores)
    assert ranking.auc() == pytest.approx(roc_auc_score(left, scores))
    assert ranking.auc(weights) == pytest.approx(roc_auc_score(left, scores, sample_weight=weights))


def test_as_many_reach_the_raising_risk_as_with_the_scorecard():
    found = some(ODD)
    report = learn(found, 60, SETTINGS)
    training = [dict(zip(CODES, one.strengths)) for one in split(found, 60)[0]]
    ours = sum(report.weights.risk(strengths) >= SETTINGS.signal_raise for strengths in training)
    theirs = sum(churn.scored(strengths) >= SETTINGS.signal_raise for strengths in training)
    assert ours == theirs > 0


def test_where_nobody_reaches_it_only_the_highest_does():
    shift = _shift(np.array([-3.0, -3.0, -1.0, -3.0]), np.zeros(4), 40)
    risks = [churn.Weights(odds, {}, shift).risk({}) for odds in (-3.0, -1.0)]
    assert risks[0] < 40 <= risks[1]


def test_learned_risk_keeps_the_order_of_the_chance():
    weights = churn.Weights(-3, {"refund": 5.0, "purchase": -1.0}, 2.0)
    given = [{}, {"purchase": 1.0}, {"refund": 0.2}, {"refund": 1.0}, {"refund": 1.0, "purchase": 0.5}]
    assert sorted(given, key=weights.risk) == sorted(given, key=weights.log_odds)


def test_scored_is_what_assess_gives():
    events = [Event(1, "complaint_opened", on(20)), Event(2, "purchase", on(25)), Event(3, "app_uninstalled", on(29))]
    strengths = churn.strengths(None, [], events, on(30))
    assert churn.scored(strengths) == churn.assess(None, [], events, on(30)).risk


def fate(customer, churned=None, wordless=None):
    return Fate(customer, date(2024, 1, 1), churned, None, 0.0, churned and "price", wordless)


def test_signals_are_judged_by_who_left():
    day = date(2025, 1, 1).replace
    fates = {
        one.customer: one
        for one in (fate("a", day(month=5, day=1), False), fate("b"), fate("c", day(month=6, day=1), True), fate("d"))
    }
    spells = [
        Spell("a", day(month=4, day=11), day(month=5, day=1)),
        Spell("b", day(month=2, day=1), day(month=2, day=9)),
        Spell("c", day(month=6, day=1), day(month=6, day=1)),
        Spell("d", day(month=12, day=1), day(month=12, day=31)),
    ]
    worth = worth_of(spells, fates, day(month=12, day=31))
    # c's came on the day itself: true, and no warning; d's is too late to be judged.
    assert (worth.raised, worth.judged, worth.true, worth.left, worth.warned) == (4, 3, 2, 2, 1)
    assert (worth.lead_days, worth.recall, worth.recall_with_words) == (20, 0.5, 1.0)


def test_a_signal_stands_until_it_is_cleared():
    days = [date(2025, 1, n) for n in range(1, 10)]
    changes = [("signal.raised", "a", days[0]), ("signal.raised", "b", days[2]), ("signal.cleared", "a", days[4])]
    assert spells_of(changes, days[8]) == [Spell("a", days[0], days[4]), Spell("b", days[2], days[8])]
