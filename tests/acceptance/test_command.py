"""The `moodline` command."""

import csv
import json

from service.segments import SEGMENTS
from service.signals import KINDS
from tests.acceptance.conftest import Server, moodline, run_readme

# How the stories of the demo were written: who is about to leave, some of them by faint hints only, and who is content.
LEAVING = {
    "avi-malka", "david-okafor", "dmitri-volkov", "kobi-amar", "nadia-mansour", "nir-shapira", "orly-shemesh",
    "rachel-stern", "rotem_az_tweets", "shoshana-katz", "sigal-mizrahi", "yael-friedman",
}  # fmt: skip
HAPPY = {
    "anna-gurevich", "dana-levi", "emily-harris", "hagai-rosen", "layla-khoury", "liat-harari", "michal-peretz",
    "noam-sela", "olga-petrenko", "rima-zoabi", "samir-haddad", "tomer-golan",
}  # fmt: skip
PARTS = ("tour", "retention", "telling", "channels")  # of the README, between its marks


def test_score_keeps_the_fields_and_adds_the_reading(tmp_path):
    file = tmp_path / "rows.jsonl"
    rows = [{"text": "השירות היה נורא", "channel": "chat", "n": 1}, {"text": "תודה רבה, שירות מעולה!", "n": 2}]
    file.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    done = moodline("score", file)
    scored = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0, done.stderr
    assert [one["sentiment"]["label"] for one in scored] == ["negative", "positive"]
    assert [{name: one[name] for name in row} for one, row in zip(scored, rows, strict=True)] == rows


def test_score_reads_plain_lines_from_standard_input():
    done = moodline("score", "-", stdin="\ufeffהשירות היה נורא\n\nthe service was great, thank you\n")
    assert [json.loads(line)["sentiment"]["label"] for line in done.stdout.splitlines()] == ["negative", "positive"]


def test_score_tells_which_line_is_bad(tmp_path):
    done = moodline("score", "-", stdin='{"text": "שלום"}\n{"txt": "שלום"}\n')
    assert (done.returncode, done.stdout) == (1, "")
    assert "line 2" in done.stderr
    assert "no-such-file" in moodline("score", "no-such-file").stderr


def test_keys_are_made_listed_and_revoked(tmp_path):
    made = moodline("keys", "create", "desk", "--scopes", "ingest,read,admin", data_dir=tmp_path)
    key = made.stdout.splitlines()[-1]
    assert key.startswith("mk_")
    with Server(tmp_path, key=key, data_dir=tmp_path) as server:
        assert "mk_" not in server.printed
        assert server.client.get("/v1/churn-signals").status_code == 200
        listed = moodline("keys", "list", data_dir=tmp_path).stdout
        assert "desk" in listed and key not in listed
        assert moodline("keys", "create", "desk", data_dir=tmp_path).returncode == 1
        assert moodline("keys", "create", "other", "--scopes", "root", data_dir=tmp_path).returncode == 1
        assert moodline("keys", "revoke", "desk", data_dir=tmp_path).returncode == 0
        assert moodline("keys", "revoke", "desk", data_dir=tmp_path).returncode == 1
        assert server.client.get("/v1/churn-signals").status_code == 401


def test_import_can_be_repeated_and_tells_the_refused_lines(tmp_path):
    file = tmp_path / "past.csv"
    with open(file, "w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["id", "customer_id", "occurred_at", "text"])
        for number in range(30):
            writer.writerow([number, "dana", "2026-10-01T10:00:00+03:00", "השירות היה נורא"])
        writer.writerow([98, "dana", "yesterday", "שלום"])
        writer.writerow([99, "", "2026-10-01T10:00:00+03:00", "שלום"])
    first, second = (
        moodline("import", file, "--source", "old", "--channel", "chat", data_dir=tmp_path) for _ in range(2)
    )
    assert "30 stored, 0 there already, 2 refused" in first.stdout
    assert "0 stored, 30 there already, 2 refused" in second.stdout
    assert "line 32: occurred_at" in first.stderr and "line 33: customer" in first.stderr
    assert first.returncode == 1
    shown = moodline("mood", "dana", data_dir=tmp_path)
    assert "negative" in shown.stdout and "from 30 interactions" in shown.stdout
    assert "nobody has heard of" in moodline("mood", "avi", data_dir=tmp_path).stderr


def test_events_and_faulty_lines_may_come_first_and_batches_are_stored_as_they_fill(tmp_path):
    file = tmp_path / "events.jsonl"
    when = "2026-11-01T10:00:00Z"
    rows = [{"id": str(n), "kind": "purchase", "customer": {"id": "dana"}, "occurred_at": when} for n in range(450)]
    file.write_text("{broken\n" + "".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    done = moodline("import", file, "--source", "crm", "--channel", "chat", "--no-read", data_dir=tmp_path)
    assert "450 stored, 0 there already, 1 refused" in done.stdout, done.stderr
    assert "line 1: " in done.stderr


def test_what_a_customer_wrote_is_only_shown_and_a_broken_line_spoils_no_other(tmp_path):
    file = tmp_path / "past.jsonl"
    row = {
        "id": "1",
        "source": "old",
        "channel": "chat",
        "customer": {"id": "dana[/red]"},
        "occurred_at": "2026-11-01T10:00:00Z",
    }
    good = json.dumps(row | {"text": "נמאס לי [/red] \x1b[2J עוזב אתכם"}).encode()
    file.write_bytes(good + b'\n{"id": "\xff\xfe"}\n' + json.dumps(row | {"[/b]": 1}).encode() + b"\n")
    done = moodline("import", file, data_dir=tmp_path)
    assert "1 stored, 0 there already, 2 refused" in done.stdout
    assert "line 2: is not valid UTF-8" in done.stderr and "line 3: " in done.stderr
    shown = moodline("mood", "dana[/red]", data_dir=tmp_path)
    assert (shown.returncode, "נמאס לי [/red] [2J עוזב אתכם" in shown.stdout, "\x1b" in shown.stdout) == (
        0,
        True,
        False,
    )
    assert "no[/b]body" in moodline("mood", "no[/b]body", data_dir=tmp_path).stderr


def test_the_demo_gives_every_endpoint_something_to_show(tmp_path):
    done = moodline("demo", data_dir=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "what to do next" in done.stdout
    for customer in ("avi-malka", "phone:050-555-0142"):
        assert "from" in moodline("mood", customer, data_dir=tmp_path).stdout
    meta = {"meta": {"secret": "app-secret", "verify_token": "my-word"}}
    with Server(tmp_path, data_dir=tmp_path, webhooks=json.dumps(meta)) as server:
        signals = server.client.get("/v1/churn-signals", params={"limit": 500}).json()["signals"]
        at_risk = {one["customer"]["id"] or one["customer"]["identities"][0]["value"] for one in signals}
        assert len(at_risk & LEAVING) >= 9
        assert len(at_risk - LEAVING) <= 2
        assert not at_risk & HAPPY
        assert len(server.client.get("/v1/customers/avi-malka/timeline").json()["timeline"]) >= 3
        assert server.client.get("/v1/interactions/chat-desk/demo-0001").json()["turns"]
        kinds = {one["type"] for one in server.client.get("/v1/signals", params={"limit": 500}).json()["signals"]}
        assert kinds == set(KINDS)
        segments = {one["segment"] for one in server.client.get("/v1/customers?limit=500").json()["customers"]}
        assert segments >= {"passionate", "satisfied", "indifferent", "cooling", "at_risk", "lost", "won_back"}
        printed = [one for part in PARTS for one in run_readme(server, part, tmp_path)]
        assert '{"accepted":1,"duplicates":0,"ignored":{}}' in printed
        refused = [one for one in printed if '"status":4' in one]
        assert len(refused) == 1 and "MOODLINE_AGENT_INSIGHTS" in refused[0]
        card = server.client.get("/v1/customers/avi-malka").json()
        assert card["next_step"]["say"]["he"] and card["events"] and card["history"]


def test_migrate_tells_what_it_did(database_url):
    assert "migrated from nothing" in moodline("migrate", database_url=database_url).stdout
    assert "is at" in moodline("migrate", database_url=database_url).stdout


def test_every_command_has_help():
    for command in ("serve", "worker", "migrate", "keys", "score", "import", "mood", "demo"):
        done = moodline(command, "--help")
        assert done.returncode == 0 and len(done.stdout) > 100


def test_the_playbook_is_fine_or_every_fault_is_told_with_its_line(tmp_path):
    fine = moodline("playbook", "check")
    assert fine.returncode == 0 and fine.stdout.splitlines()[0].endswith(" rules, fine")
    path = tmp_path / "ours.yaml"
    path.write_text("- id: a\n- id: b\n  when: {segment: [lost]}\n")
    for bad in (moodline("playbook", "check", path), moodline("playbook", "check", playbook=path)):
        assert (bad.returncode, bad.stdout) == (1, "")
        assert [line.partition(": ")[0] for line in bad.stderr.splitlines()] == [f"{path}:1", f"{path}:2"]


def test_the_playbook_shows_what_it_suggests():
    shown = moodline("playbook", "show", "at_risk", "--driver", "wait_time", "--driver", "price").stdout.splitlines()
    assert shown[0] == "wait-time, for wait_time, within 1 h"
    assert shown[1].startswith("להתקשר")
    refused = moodline("playbook", "show", "happy")
    assert refused.returncode == 1
    assert refused.stderr == f"moodline: there is no segment happy: choose from {', '.join(SEGMENTS)}\n"
