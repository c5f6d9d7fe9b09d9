import re

import pytest

from service.channels.sources import open_accounts
from service.errors import BadSettings
from service.settings import Settings, read_settings, unknown_settings


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("postgres://u:p@h/d", "postgresql+psycopg://u:p@h/d"),
        ("postgresql://u:p@h:1/d?sslmode=require", "postgresql+psycopg://u:p@h:1/d?sslmode=require"),
        ("sqlite:////var/x.db", "sqlite:////var/x.db"),
    ],
)
def test_database_urls_are_understood(monkeypatch, given, url):
    monkeypatch.setenv("MOODLINE_DATABASE_URL", given)
    assert read_settings().url == url


def test_the_embedded_database_lies_in_the_data_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("MOODLINE_DATA_DIR", str(tmp_path))
    assert read_settings().url == f"sqlite:///{tmp_path / 'moodline.db'}"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "80000"), ("PORT", "eighty"), ("DATABASE_URL", "mysql://h/d"), ("DATABASE_URL", "sqlite://"),
        ("HALF_LIFE_DAYS", "0"), ("LOG_LEVEL", "loud"), ("WORKER_BATCH", "-1"),
    ],
)  # fmt: skip
def test_a_bad_setting_is_named(monkeypatch, name, value):
    monkeypatch.setenv(f"MOODLINE_{name}", value)
    with pytest.raises(BadSettings, match=f"MOODLINE_{name}"):
        read_settings()


def test_a_mistyped_setting_is_told_with_the_nearest_name(monkeypatch):
    monkeypatch.setenv("MOODLINE_PROT", "1")
    assert unknown_settings() == ["MOODLINE_PROT is no setting; did you mean MOODLINE_PORT?"]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ('{"meta": {', "MOODLINE_WEBHOOKS: is not valid JSON"),
        ('{"meta": {"secret": 5}}', "MOODLINE_WEBHOOKS: meta.secret: must be a text, or a list of texts"),
        ('{"slack": {"chats": 7}}', "MOODLINE_WEBHOOKS: slack.chats: must be a text, or a list of texts"),
        ('{"meta": {"sekret": "x"}}', "MOODLINE_WEBHOOKS: meta.sekret: is not known here"),
        ('{"chatwoot": {"unsigned": "x"}}', "MOODLINE_WEBHOOKS: chatwoot.unsigned: must be true or false"),
        ('{"twilio": {"secret": "x", "url": "here"}}', "MOODLINE_WEBHOOKS: twilio.url: must begin with https://"),
    ],
)
def test_what_is_wrong_with_an_account_is_told_by_its_place(monkeypatch, given, told):
    monkeypatch.setenv("MOODLINE_WEBHOOKS", given)
    with pytest.raises(BadSettings) as caught:
        read_settings()
    assert str(caught.value) == told


@pytest.mark.parametrize(
    ("accounts", "told"),
    [
        ({"fax": {"secret": "x"}}, "fax is no source: choose from meta,"),
        ({"meta": {"secret": "x"}}, 'meta needs "verify_token"'),
        ({"telegram": {"secret": "סוד"}}, "telegram: a secret holds no spaces"),
        ({"standard": {"secret": "whsec_?"}}, "standard: the secret is not in the form"),
        ({"slack": {"secret": "x", "unsigned": True}}, "slack always signs"),
        ({"cloudevents": {"secret": "x"}}, "cloudevents needs no account"),
        ({"slack/": {"secret": "x"}}, "slack/: name an account"),
    ],
)
def test_an_account_that_could_hear_nothing_stops_the_start(accounts, told):
    with pytest.raises(BadSettings, match=f"MOODLINE_WEBHOOKS: {re.escape(told)}"):
        open_accounts(Settings(webhooks=accounts))
