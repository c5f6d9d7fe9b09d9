"""What churn events teach: weights for the scorecard's reasons."""

import math
from bisect import bisect_left
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby

import numpy as np
from sqlalchemy import func, select, update

from service import churn
from service.mood import Dated, customer_mood, restored
from service.record import MOST_CONVERSATIONS, MOST_EVENTS, as_events
from service.tables import SCORED, churn_weights, customers, events, interactions

CODES = tuple(churn.POINTS)
HORIZON_DAYS = 60
TOO_LATE = timedelta(days=1)  # what was done in the last day before leaving is the leaving itself, and warns of nothing
TRAINING_SHARE = 0.7
LEAST_TRAINING, LEAST_TEST = 50, 20  # customers who left
L2 = 1.0  # scikit-learn's C
DRAWS = 1_000


@dataclass(frozen=True)
class Snapshot:
    """What was known of a customer at the first of a month: strengths in the order of CODES; and whether they left in the horizon."""

    customer_pk: int
    at: datetime
    strengths: tuple[float, ...]
    left: bool


@dataclass(frozen=True)
class Part:
    """How much there is to learn from, or to be tested by; first and last are days of snapshots."""

    first: str
    last: str
    customers: int
    snapshots: int
    left: int
    churns: int


@dataclass(frozen=True)
class Report:
    """The learned weights against the scorecard on months later than they learned from.

    AUC: the chance that one who left was given more than one who stayed. Brier: the mean squared error of the probability, the
    scorecard's after an isotonic calibration on the training months; scorecard_brier_raw takes risk / 100 for it. better_by is
    the learned AUC minus the scorecard's, low and high its 95 % interval over customers. refused tells why not to switch, or is None.
    """

    horizon_days: int
    training: Part
    test: Part
    weights: churn.Weights | None
    auc: float | None = None
    scorecard_auc: float | None = None
    better_by: float | None = None
    low: float | None = None
    high: float | None = None
    brier: float | None = None
    scorecard_brier: float | None = None
    scorecard_brier_raw: float | None = None
    refused: str | None = None

    def as_json(self):
        return asdict(self)


def snapshots(connection, horizon_days, settings, until=None):
    """Snapshots of all customers at the first of each month (UTC) while they were known and had not left.

    Each is made of what occurred before it alone, whenever that was received. Left out are those whose horizon reaches beyond
    `until` (None: the last thing heard of anybody), and those of customers who left within TOO_LATE.
    """
    until = until or _last_heard(connection)
    if until is None:
        return []
    found = []
    happened = _by_customer(connection, _EVENTS)
    for pk, rows in _by_customer(connection, _CONVERSATIONS, whole=False):
        dated = [Dated(row.pk, row.occurred_at, restored(row.conversation), row.rating, row.stage) for row in rows]
        found += _of_customer(pk, dated, as_events(happened.pop(pk, ())), horizon_days, settings, until)
    for pk, rows in happened.items():
        found += _of_customer(pk, [], as_events(rows), horizon_days, settings, until)
    return sorted(found, key=lambda one: (one.at, one.customer_pk))


_CONVERSATIONS = (
    select(*(interactions.c[name] for name in ("customer_pk", "pk", "occurred_at", "stage", "rating", "conversation")))
    .where(interactions.c.status == SCORED)
    .order_by(interactions.c.customer_pk, interactions.c.occurred_at, interactions.c.pk)
)
_EVENTS = select(events).order_by(events.c.customer_pk, events.c.occurred_at, events.c.pk)


def _last_heard(connection):
    ends = [connection.scalar(select(func.max(table.c.occurred_at))) for table in (interactions, events)]
    return max((end for end in ends if end is not None), default=None)


def _by_customer(connection, statement, whole=True):
    rows = groupby(connection.execute(statement.execution_options(yield_per=5_000)), lambda row: row.customer_pk)
    return {pk: list(some) for pk, some in rows} if whole else ((pk, list(some)) for pk, some in rows)


def _of_customer(pk, dated, happened, horizon_days, settings, until):
    """A customer's Snapshots, from all their Dated conversations and Events, the oldest first."""
    said_at, happened_at = [c.occurred_at for c in dated], [event.occurred_at for event in happened]
    leavings = [event.occurred_at for event in happened if event.kind in churn.LOST_EVENTS]
    horizon = timedelta(days=horizon_days)
    at = _next_month(min(said_at[:1] + happened_at[:1]))
    while at + horizon <= until:
        known = happened[: bisect_left(happened_at, at)]
        leaves_at = next((when for when in leavings if when >= at), None)
        leaves_in = leaves_at - at if leaves_at is not None else None
        if not churn.is_lost(known) and (leaves_in is None or leaves_in > TOO_LATE):
            said = dated[: bisect_left(said_at, at)][-MOST_CONVERSATIONS:]
            mood = customer_mood(said, at, settings.half_life_days)
            strengths = churn.strengths(mood, said, known[-MOST_EVENTS:], at)
            left = leaves_in is not None and leaves_in <= horizon
            yield Snapshot(pk, at, tuple(strengths[code] for code in CODES), left)
        at = _next_month(at)


def _next_month(at):
    return datetime(at.year + at.month // 12, at.month % 12 + 1, 1, tzinfo=UTC)


def split(found, horizon_days):
    """(training, test) Snapshots: by time, the later months for the test; training ones whose horizon reaches into these are left out."""
    months = sorted({one.at for one in found})
    if len(months) < 2:
        return found, []
    first = months[min(len(months) - 1, math.ceil(TRAINING_SHARE * len(months)))]
    ends_by = first - timedelta(days=horizon_days)
    return [one for one in found if one.at <= ends_by], [one for one in found if one.at >= first]


def learn(found, horizon_days, settings):
    """The Report on Snapshots: weights learned from the earlier months and judged on the later ones."""
    training, test = split(found, horizon_days)
    parts = _part(training), _part(test)
    for part, least, name in zip(parts, (LEAST_TRAINING, LEAST_TEST), ("to learn from", "to be tested by")):
        if part.churns < least:
            why = f"too few customers left in the months {name}: {part.churns}, and {least} are needed"
            return Report(horizon_days, *parts, None, refused=why)
    from sklearn.isotonic import IsotonicRegression
    from sklearn.linear_model import LogisticRegression

    x, y = _arrays(training)
    test_x, test_y = _arrays(test)
    model = LogisticRegression(C=L2, max_iter=1_000).fit(x, y)
    scores, test_scores = _scorecard(training), _scorecard(test)
    logits = model.decision_function(x)
    weights = churn.Weights(
        intercept=float(model.intercept_[0]),
        coefficients={code: float(value) for code, value in zip(CODES, model.coef_[0])},
        shift=_shift(logits, scores, settings.signal_raise),
    )
    p = model.predict_proba(test_x)[:, 1]
    calibrated = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip").fit(scores, y).predict(test_scores)
    owners = np.unique([one.customer_pk for one in test], return_inverse=True)[1]
    ours, theirs = _Ranking(test_y, p), _Ranking(test_y, test_scores)
    low, high = _interval(ours, theirs, owners)
    report = {
        "auc": ours.auc(),
        "scorecard_auc": theirs.auc(),
        "better_by": ours.auc() - theirs.auc(),
        "low": low,
        "high": high,
        "brier": float(np.mean((p - test_y) ** 2)),
        "scorecard_brier": float(np.mean((calibrated - test_y) ** 2)),
        "scorecard_brier_raw": float(np.mean((test_scores / 100 - test_y) ** 2)),
    }
    return Report(horizon_days, *parts, weights, **report, refused=_refused(report))


def _refused(report):
    if report["low"] <= 0:
        return (
            "the learned weights are not surely better than the scorecard: their AUC on later months is "
            f"{report['auc']:.3f} against {report['scorecard_auc']:.3f} (difference {report['low']:+.3f} to {report['high']:+.3f})"
        )
    if report["brier"] >= report["scorecard_brier"]:
        return (
            "the learned weights order customers better than the scorecard, but their Brier score on later months is no lower: "
            f"{report['brier']:.4f} against {report['scorecard_brier']:.4f}"
        )
    return None


def _part(some):
    leavers = {one.customer_pk for one in some if one.left}
    days = [one.at.date().isoformat() for one in (some[:1] + some[-1:])] or ["", ""]
    return Part(
        first=days[0],
        last=days[-1],
        customers=len({one.customer_pk for one in some}),
        snapshots=len(some),
        left=sum(one.left for one in some),
        churns=len(leavers),
    )


def _arrays(some):
    """(strengths (N, len(CODES)), left (N,)) as float arrays."""
    return np.array([one.strengths for one in some]), np.array([one.left for one in some], float)


def _scorecard(some):
    return np.array([churn.scored(dict(zip(CODES, one.strengths))) for one in some], float)


def _shift(logits, scores, signal_raise):
    """What to add to the log-odds so that as many reach signal_raise as with the scorecard (at least one, and never all)."""
    many = max(1, int((scores >= signal_raise).sum()))
    values, counts = np.unique(-logits, return_counts=True)
    above = counts.cumsum()
    cut = min(int(np.abs(above - many).argmin()), max(len(values) - 2, 0))
    between = -(values[cut] + values[min(cut + 1, len(values) - 1)]) / 2
    edge = (signal_raise - 0.5) / 100  # the risk is rounded
    return float(math.log(edge / (1 - edge)) - between)


class _Ranking:
    """Snapshots in the order of a score; its AUC under weights of the snapshots costs one pass."""

    def __init__(self, left, scores):
        self._order = np.argsort(scores, kind="stable")
        self._left = left[self._order]
        ordered = scores[self._order]
        self._ties = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])

    def auc(self, weights=None):
        weights = np.ones(len(self._left)) if weights is None else weights[self._order]
        left = np.add.reduceat(weights * self._left, self._ties)
        stayed = np.add.reduceat(weights * (1 - self._left), self._ties)
        pairs = left.sum() * stayed.sum()
        return float((left * (stayed.cumsum() - stayed / 2)).sum() / pairs) if pairs else math.nan


def _interval(ours, theirs, owners):
    """95 % interval of the difference of two AUCs, by drawing customers: their months are not independent."""
    rng = np.random.default_rng(0)
    many = owners.max() + 1
    drawn = (rng.multinomial(many, np.full(many, 1 / many)).astype(float)[owners] for _ in range(DRAWS))
    low, high = np.nanpercentile([ours.auc(weights) - theirs.auc(weights) for weights in drawn], (2.5, 97.5))
    return float(low), float(high)


def switch(connection, report, at):
    """Put a Report's weights in force, with the Report beside them; the moods follow as they are computed anew."""
    _take_out_of_force(connection)
    connection.execute(
        churn_weights.insert().values(
            fitted_at=at, in_force=True, weights=asdict(report.weights), report=report.as_json()
        )
    )
    _make_old(connection)


def revert(connection):
    """Put the scorecard back in force; returns whether it was not."""
    changed = _take_out_of_force(connection) > 0
    if changed:
        _make_old(connection)
    return changed


def _take_out_of_force(connection):
    return connection.execute(update(churn_weights).where(churn_weights.c.in_force).values(in_force=False)).rowcount


def _make_old(connection):
    # The idle worker takes the oldest moods first: all are judged anew, by the weights now in force.
    connection.execute(
        update(customers).values(mood_at=datetime(1970, 1, 1, tzinfo=UTC)).where(customers.c.mood_at.is_not(None))
    )


def status(connection):
    """(fitted_at, weights, report) of the weights in force, or None for the scorecard."""
    row = connection.execute(
        select(churn_weights).where(churn_weights.c.in_force).order_by(churn_weights.c.pk.desc()).limit(1)
    ).first()
    return row and (row.fitted_at, churn.Weights(**row.weights), row.report)
