"""Each format's file over HTTP to the running service, and the customer's mood read back; and the same from the command line."""

import shutil
from pathlib import Path

import pytest

from tests.acceptance.conftest import moodline

SAMPLES = Path(__file__).parents[1] / "samples" / "transcripts"
FILES = sorted(path.name for path in SAMPLES.iterdir())


@pytest.mark.parametrize("name", FILES)
def test_each_format_moves_its_customers_mood(server, name):
    query = {"customer": f"caller of {name}", "id": name, "occurred_at": "2026-11-18T10:00:00+02:00"}
    answer = server.client.post("/v1/transcripts", content=(SAMPLES / name).read_bytes(), params=query)
    assert answer.status_code == 201, answer.text
    assert {"agent", "customer"} <= {one["role"] for one in answer.json()["speakers"].values()}
    mood = server.client.get(f"/v1/customers/caller of {name}/mood").json()["mood"]
    assert (mood["label"], mood["valence"] < -0.2, len(mood["reasons"]) > 0) == ("negative", True, True)
    again = server.client.post("/v1/transcripts", content=(SAMPLES / name).read_bytes(), params=query)
    assert (again.status_code, again.json()["mood"]["evidence"]) == (200, mood["evidence"])


def test_the_log_holds_nothing_that_was_said(server):
    log = server.log
    assert "/v1/transcripts" in log
    assert not any(word in log for word in ("נמאס", "הראוטר", "caller of", "embarrassing"))


def test_the_line_of_the_readme_imports_a_call(tmp_path):
    file = tmp_path / "call.json"
    shutil.copy(SAMPLES / "whisper.json", file)
    line = ("import", "--format", "whisper", file, "--speakers", "A=agent,B=customer")
    first, again = (moodline(*line, data_dir=tmp_path) for _ in range(2))
    assert first.returncode == 0, first.stderr
    assert "stored call.json: whisper, A agent (1.00), B customer (1.00)" in first.stdout
    assert "--occurred-at was not given" in first.stdout and "give --customer" in first.stdout
    assert "there already call.json" in again.stdout
    shown = moodline("mood", "call:call.json", data_dir=tmp_path)
    assert shown.returncode == 0, shown.stderr
    assert "negative" in shown.stdout


def test_several_files_of_several_formats_are_imported_and_those_refused_are_named(tmp_path):
    for name in FILES:
        shutil.copy(SAMPLES / name, tmp_path / name)
    (tmp_path / "vague.txt").write_text("A: כן\nB: הלו\nA: שומעים\nB: שומעים", encoding="utf-8")
    files = [tmp_path / name for name in (*FILES, "vague.txt")]
    settings = {"data_dir": tmp_path / "data"}
    done = moodline("import", "--format", "auto", *files, "--customer", "dana", "--no-read", **settings)
    assert done.returncode == 1
    assert done.stdout.count("stored ") == len(FILES)
    assert "vague.txt: speakers.A is agent or customer?" in done.stderr
    one = moodline("import", "--format", "auto", tmp_path / "vague.txt", "--speakers", "A=agent,B=customer", **settings)
    assert one.returncode == 0, one.stderr
    assert "from 13 interactions" in moodline("mood", "dana", **settings).stdout


def test_captions_are_transcripts_without_being_told_and_an_unknown_format_is_refused(tmp_path):
    done = moodline("import", SAMPLES / "call.vtt", "--identity", "phone:050-555-0177", "--no-read", data_dir=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "webvtt, Roni Agmon agent" in done.stdout and "whose it is" not in done.stdout
    (tmp_path / "rows.csv").write_text("id\n1\n")
    lost = moodline("import", tmp_path / "rows.csv", "--customer", "dana", data_dir=tmp_path)
    assert (lost.returncode, "is no transcript" in lost.stderr) == (1, True)
    bad = moodline("import", "--format", "mp3", SAMPLES / "call.vtt", data_dir=tmp_path)
    assert (bad.returncode, "choose from auto, webvtt" in bad.stderr) == (1, True)
