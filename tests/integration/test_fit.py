"""A year replayed, and what is learned from it."""

import json
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import func, select
from typer.testing import CliRunner

from service import cli, fit
from service.commands import invented, retention
from service.database import migrate, open_engine, reading, transaction
from service.errors import NotSwitched
from service.ingest import accept_events
from service.interaction import Happening
from service.record import refresh, weights_in_force
from service.replay import replay
from service.settings import Settings
from service.simulate import simulate
from service.tables import churn_weights, customers, events, interactions

START = datetime(2025, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def year(tmp_path_factory):
    """(engine, settings, Report, Fates) of nine months of 150 customers, replayed on SQLite."""
    settings = Settings(database_url=f"sqlite:///{tmp_path_factory.mktemp('year') / 'moodline.db'}")
    engine, lived = open_engine(settings.url), simulate(150, 270, interactions=10, start=date(2025, 1, 1))
    migrate(engine)
    yield engine, settings, replay(engine, settings, lived), lived.truth()
    engine.dispose()


def test_the_months_run_through_and_nothing_is_left_unread(year):
    engine, _, report, _ = year
    with reading(engine) as connection:
        states = dict(
            connection.execute(select(interactions.c.status, func.count()).group_by(interactions.c.status)).all()
        )
    assert states == {"scored": report.interactions}
    assert report.days == 270 and report.events > 1_000


def test_signals_are_worth_more_than_chance(year):
    _, _, report, fates = year
    assert report.signals.left == sum(one.churned_on is not None for one in fates)
    assert report.signals.precision > report.chance.precision
    assert report.signals.recall_with_words > report.chance.recall_with_words
    assert 1 <= report.signals.lead_days <= 60


def test_the_outage_is_one_cause_and_not_everybodys_crisis(year):
    _, _, report, _ = year
    assert report.outage.causes == ("reliability",)
    assert report.outage.raised <= report.outage.complained / 3


def test_nothing_flaps(year):
    assert year[2].flapping <= 2


def test_what_comes_later_changes_no_earlier_snapshot(year):
    engine, settings, _, _ = year
    cut = START + timedelta(days=200)
    with engine.connect() as connection:  # rolled back
        before = fit.snapshots(connection, 30, settings, cut)
        for table in (interactions, events):
            assert connection.execute(table.delete().where(table.c.occurred_at >= cut)).rowcount
        assert fit.snapshots(connection, 30, settings, cut) == before
    assert len(before) > 300


def test_a_small_company_is_told_that_too_few_left(year):
    engine, settings, _, _ = year
    with reading(engine) as connection:
        report = fit.learn(fit.snapshots(connection, 60, settings), 60, settings)
    assert "too few customers left" in report.refused


def odd_company(engine, settings):
    """400 customers who buy now and then; after a refund half of them leave, whatever the scorecard thinks of it."""
    sent = []
    for number in range(400):
        name, at = f"odd-{number:03d}", START + timedelta(days=number % 28)
        sent += [happening(name, "purchase", at + timedelta(days=40 * n)) for n in range(8)]
        refunded = START + timedelta(days=20 + (number * 37) % 300)
        if number % 2:
            sent.append(happening(name, "refund", refunded))
            sent.append(happening(name, "churned", refunded + timedelta(days=30 + number % 20)))
        else:
            sent.append(happening(name, "disliked", refunded))
    sent = [one for one in sent if one.occurred_at < START + timedelta(days=365)]
    with transaction(engine) as connection:
        accept_events(connection, sorted(sent, key=lambda one: one.id), settings)


def happening(customer, kind, at):
    return Happening("crm", f"{customer}-{kind}-{at:%j}", kind, at, customer_id=customer)


@pytest.fixture
def empty(database_url, monkeypatch):
    """(engine, settings) of an empty database, which the command uses too."""
    settings = Settings(database_url=database_url)
    engine = open_engine(settings.url)
    migrate(engine)
    monkeypatch.setattr("service.log.set_up", lambda level: None)  # it would write to the runner's closed stream
    for room in (retention, invented):  # or the commands' own would stay open
        monkeypatch.setattr(room, "open_database", lambda _: engine)
    yield engine, settings
    engine.dispose()


@pytest.fixture
def odd(empty):
    odd_company(*empty)
    return empty


def run(*arguments):
    return CliRunner().invoke(cli.app, arguments)


def test_better_weights_are_switched_to_and_reverted(odd):
    engine, settings = odd
    assert "--dry-run" in run("churn", "fit", "--dry-run").output
    with reading(engine) as connection:
        assert connection.execute(select(churn_weights)).first() is None
    for _ in range(2):
        done = run("churn", "fit")
        assert done.exit_code == 0, done.output
    with reading(engine) as connection:
        weights = weights_in_force(connection)
        stored = connection.execute(select(churn_weights).order_by(churn_weights.c.pk)).all()
    assert [row.in_force for row in stored] == [False, True]
    assert weights.coefficients["refund"] > 2
    assert json.loads(json.dumps(stored[-1].report)) == stored[-1].report
    with transaction(engine) as connection:
        pks = connection.scalars(select(customers.c.pk)).all()
        refresh(connection, pks, START + timedelta(days=300), settings)
        judged = {mood["churn"]["by"] for mood in connection.scalars(select(customers.c.mood)) if mood}
    assert judged == {"fitted", "lost"}
    assert "learned weights are in force" in run("churn", "status").output
    assert "back in force" in run("churn", "revert").output
    assert "in force already" in run("churn", "revert").output
    assert "the scorecard is in force" in run("churn", "status").output
    with reading(engine) as connection:
        assert weights_in_force(connection) is None


def test_a_fit_of_nothing_is_refused(empty):
    done = run("churn", "fit")
    assert isinstance(done.exception, NotSwitched)
    assert "too few customers left" in str(done.exception)


def test_a_year_is_written_and_no_database_with_customers_is_replayed_into(odd, tmp_path):
    assert "all invented" in run("simulate", str(tmp_path / "year"), "--customers", "5", "--days", "20").output
    names = {path.name for path in (tmp_path / "year").iterdir()}
    assert names == {"interactions.jsonl", "events.jsonl", "truth.csv"}
    assert len((tmp_path / "year" / "truth.csv").read_text().splitlines()) == 6
    assert "holds customers" in str(run("simulate", "--replay", "--customers", "5").exception)
