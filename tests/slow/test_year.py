"""A year of 20,000 customers, a million interactions, through the service: `make slow`."""

import pytest

from service.commands.invented import _show_replay
from service.database import migrate, open_engine
from service.replay import replay
from service.settings import Settings
from service.simulate import simulate
from service.terminal import progress


@pytest.mark.slow
def test_a_year_of_twenty_thousand_customers_runs_through(tmp_path, capsys):
    settings = Settings(database_url=f"sqlite:///{tmp_path / 'moodline.db'}")
    engine = open_engine(settings.url)
    migrate(engine)
    with progress() as bar, capsys.disabled():
        task = bar.add_task("days", total=365)
        report = replay(engine, settings, simulate(20_000), lambda: bar.advance(task))
        _show_replay(report)
    assert report.interactions == pytest.approx(1_000_000, rel=0.1)
    assert report.signals.precision > 2 * report.chance.precision
    assert report.signals.recall_with_words > 0.6
    assert report.signals.lead_days >= 7
    assert report.outage.causes == ("reliability",)
    assert report.flapping < 0.01 * report.customers
