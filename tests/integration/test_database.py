import json
import logging
import threading
from datetime import UTC, datetime, timedelta

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import func, select, text, update

from service.database import _alembic, migrate, open_engine, reading, transaction
from service.errors import BadDatabase
from service.sentiment.reading import Reading
from service.settings import Settings
from service.tables import customers, daily, interactions, metadata, turns
from service.worker import Worker
from tests.integration.conftest import open_house
from tests.integration.test_interactions import post
from tests.standin import NEGATIVE, POSITIVE, sent


def test_the_migrated_tables_are_those_of_the_code(house):
    with reading(house.parts.engine) as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": False, "compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_processes_may_migrate_at_once(database_url):
    url, faults = Settings(database_url=database_url).url, []

    def run():
        engine = open_engine(url)
        try:
            migrate(engine)
        except Exception as error:
            faults.append(error)
        engine.dispose()

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []


def test_a_newer_database_is_refused(house):
    with transaction(house.parts.engine) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(BadDatabase, match="9999"):
        migrate(house.parts.engine)
    assert house.client.get("/readyz").status_code == 503
    assert house.client.get("/readyz").json()["checks"] == {"database": True, "migrated": False, "model": True}


def test_an_interaction_posted_at_once_from_many_sides_is_stored_once(house):
    answers = []

    def send():
        answers.append(post(house, [sent(str(n), NEGATIVE) for n in range(20)], wait=True))

    threads = [threading.Thread(target=send) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {answer.status_code for answer in answers} <= {200, 201}
    assert sum(answer.json()["accepted"] for answer in answers) == 20
    assert house.model.texts_read == 20
    assert house.client.get("/v1/customers/dana/mood").json()["mood"]["evidence"]["interactions"] == 20


def test_workers_share_the_queue_and_read_nothing_twice(house):
    post(house, [sent(str(n), POSITIVE, f"c{n % 7}") for n in range(200)])
    workers = [Worker(house.parts.engine, house.model, house.parts.settings) for _ in range(4)]
    threads = [threading.Thread(target=worker.drain) for worker in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    house.parts.worker.drain()
    assert house.model.texts_read == 200
    counts = [house.client.get(f"/v1/customers/c{n}/mood").json()["mood"]["evidence"]["interactions"] for n in range(7)]
    assert sum(counts) == 200


def test_a_claim_that_ran_out_is_taken_over_and_the_late_one_records_nothing(house):
    post(house, sent("1", NEGATIVE), wait=False)
    other = Worker(house.parts.engine, house.model, house.parts.settings)

    def overtake():
        house.model.before_score = lambda: None
        with transaction(house.parts.engine) as connection:
            connection.execute(update(interactions).values(lease_until=datetime.now(UTC) - timedelta(seconds=1)))
        assert other.step() == 1

    house.model.before_score = overtake
    assert house.parts.worker.step() == 1
    assert house.model.texts_read == 2
    assert house.client.get("/v1/customers/dana/mood").json()["mood"]["evidence"]["interactions"] == 1


def test_an_old_mood_is_computed_anew(house):
    post(house, sent("1", NEGATIVE))
    old = datetime.now(UTC) - timedelta(days=30)
    with transaction(house.parts.engine) as connection:
        connection.execute(update(customers).values(mood_at=old))
    assert house.parts.worker.refresh_old() == 1
    assert house.parts.worker.refresh_old() == 0


def test_a_failing_batch_stores_nothing(house, monkeypatch):
    """The database fails after the interactions and before their turns: the whole batch is gone."""
    from service import ingest

    class Broken:
        def insert(self):
            return text("INSERT INTO no_such_table VALUES (1)")

    monkeypatch.setattr(ingest, "turns", Broken())
    assert post(house, [sent("1"), sent("2")]).status_code in (500, 503)
    with reading(house.parts.engine) as connection:
        assert connection.scalar(select(func.count()).select_from(interactions)) == 0


def test_nothing_that_was_said_reaches_the_log(house, caplog, monkeypatch):
    from service.api import interactions as route

    secret = "סודכמוס"
    with caplog.at_level(logging.DEBUG):
        post(house, sent("1", secret, attributes={"note": secret}))
        post(house, sent("2", text=[secret]))
        post(house, sent("3", secret + "\0"))
        post(house, sent("4", secret, rating={"kind": secret, "value": 1}))
        house.client.get(f"/v1/identities/email/{secret}/mood")

        def fail():
            raise ValueError(secret)

        house.model.before_score = fail
        post(house, sent("5", secret), wait=False)
        house.parts.worker.step()
        monkeypatch.setattr(route, "accept", lambda *_: fail())
        assert post(house, sent("6", secret)).status_code == 500
    from service.log import _Line

    lines = [_Line("%(message)s").format(record) for record in caplog.records if record.name.startswith("moodline")]
    assert lines
    assert not any(secret in line for line in lines)


def test_what_an_older_version_has_read_is_recorded_anew_without_the_model(database_url):
    engine = open_engine(Settings(database_url=database_url).url)
    with transaction(engine) as connection:
        command.upgrade(_alembic(connection), "0001")
        reading_of_old = Reading(
            (0.9, 0.08, 0.02), {"churn_intent": 0.9, "driver:price": 0.8}, "he", "old", "1"
        ).as_json()
        for statement in (
            "INSERT INTO customers (pk, external_id, created_at, read_interactions, read_turns, risk)"
            " VALUES (1, 'dana', '2026-01-01', 1, 1, 50)",
            "INSERT INTO interactions (pk, source, id, customer_pk, channel, occurred_at, received_at, status, conversation)"
            " VALUES (1, 'desk', '1', 1, 'chat', '2026-01-01', '2026-01-01', 'scored', '{\"overall\": -0.9}')",
        ):
            connection.execute(text(statement))
        connection.execute(
            text(
                "INSERT INTO turns (interaction_pk, position, speaker, text, reading) VALUES (1, 0, 'customer', 'x', :read)"
            ),
            {"read": json.dumps(reading_of_old)},
        )
    engine.dispose()
    opened = open_house(database_url)
    opened.parts.worker.drain()
    assert opened.model.texts_read == 0
    mood = opened.client.get("/v1/customers/dana/mood").json()["mood"]
    assert (mood["label"], mood["evidence"], mood["drivers"][0]["name"]) == (
        "negative",
        {"interactions": 1, "turns": 1},
        "price",
    )
    with reading(opened.parts.engine) as connection:
        assert connection.scalar(select(daily.c.conversations)) == 1
    with transaction(opened.parts.engine) as connection:
        command.downgrade(_alembic(connection), "0001")
        assert connection.scalar(select(func.count()).select_from(interactions.join(turns))) == 1
    opened.parts.engine.dispose()
