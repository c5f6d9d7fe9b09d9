"""The whole application over a real database, with a stand-in for the model alone."""

from dataclasses import dataclass

import pytest
from fastapi.testclient import TestClient

from service import auth
from service.api.common import Parts, Queue
from service.app import create_app
from service.channels.sources import open_accounts
from service.database import migrate, open_engine, transaction
from service.notify import Notifier
from service.playbook import open_playbook
from service.settings import Settings
from service.worker import Worker
from tests.standin import StandInModel
from tests.vendors import URL
from tests.vendors.sending import VENDORS


@dataclass(frozen=True)
class House:
    client: TestClient
    parts: Parts
    model: StandInModel

    def key(self, *scopes):
        """Headers with a new key of these scopes."""
        with transaction(self.parts.engine) as connection:
            return {"Authorization": f"Bearer {auth.create(connection, '-'.join(scopes) or 'none', scopes)}"}


def open_house(url, **settings):
    settings = Settings(database_url=url, embedded_worker=False, wait_s=2, **settings)
    engine, model = open_engine(settings.url), StandInModel()
    migrate(engine)
    queue = Queue(settings.model_queue, settings.retry_after_s)
    worker, notifier = Worker(engine, model, settings), Notifier(engine, settings)
    playbook, accounts = open_playbook(settings.playbook), open_accounts(settings)
    parts = Parts(settings, engine, model, worker, queue, playbook, notifier, accounts)
    client = TestClient(create_app(parts), raise_server_exceptions=True)
    with transaction(engine) as connection:
        client.headers["Authorization"] = f"Bearer {auth.create_first(connection)}"
    return House(client, parts, model)


@pytest.fixture
def house(database_url):
    """The service on an empty database; its client has a key with all scopes, its worker runs only when a test says so."""
    opened = open_house(database_url)
    yield opened
    opened.parts.engine.dispose()


ACCOUNTS = {name: vendor.SETTINGS for name, vendor in VENDORS.items() if vendor.SETTINGS}


@pytest.fixture
def hooked(database_url):
    """A house with an account of every source of webhooks, as its vendors reach it."""
    opened = open_house(database_url, webhooks=ACCOUNTS)
    opened.client.base_url = URL
    yield opened
    opened.parts.engine.dispose()


@pytest.fixture(scope="module")
def quiet(tmp_path_factory):
    """The same on SQLite, one for many requests of which nothing is to be stored, or nobody asks what."""
    opened = open_house(f"sqlite:///{tmp_path_factory.mktemp('quiet') / 'moodline.db'}", webhooks=ACCOUNTS)
    opened.client.base_url = URL
    yield opened
    opened.parts.engine.dispose()
