import pytest

from service.errors import BadSettings
from service.settings import read_settings, unknown_settings


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
