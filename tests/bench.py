"""How fast the service is on this machine: `make bench`. Ratios within one run are what counts; machines differ.

Reads the same texts with moodline's model and with a plain `transformers` pipeline over the same weights; then looks up
moods and posts interactions over HTTP at a running service of its own.
"""

import statistics
import tempfile
import time
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table
from transformers import AutoTokenizer, pipeline

from models.data import read_jsonl
from service.sentiment.model import Model
from service.settings import ROOT, read_settings
from service.text import model_input
from tests.acceptance.conftest import Server, moodline

TEXTS = 512
SINGLES = 100
BATCH = 64


def timed(work):
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def percentiles(times):
    cuts = statistics.quantiles(times, n=100)
    return [f"{1000 * cuts[49]:.1f} ms", f"{1000 * cuts[98]:.1f} ms"]


def bench_model(table):
    folder = read_settings().model_dir
    rows = [row for path in sorted((ROOT / "models" / "data").glob("turns-he-0*.jsonl")) for row in read_jsonl(path)][
        :TEXTS
    ]
    texts = [(row["text"], row["channel"]) for row in rows]
    inputs = [model_input(*text) for text in texts]
    model = Model(folder)
    plain = pipeline("text-classification", model=str(folder), tokenizer=AutoTokenizer.from_pretrained(folder),
                     dtype=torch.float32, device="cpu", top_k=None)  # fmt: skip
    readers = {
        "moodline": (lambda some: model.score(some), texts),
        "transformers pipeline": (lambda some: plain(some, batch_size=BATCH, truncation=True), inputs),
    }
    rates = {}
    for name, (read, given) in readers.items():
        read(given[:BATCH])
        rates[name] = TEXTS / timed(
            lambda read=read, given=given: [read(given[at : at + BATCH]) for at in range(0, TEXTS, BATCH)]
        )
        singles = [timed(lambda read=read, one=one: read([one])) for one in given[:SINGLES]]
        table.add_row(
            f"{name}: {TEXTS} Hebrew turns in batches of {BATCH}; one at a time",
            f"{rates[name]:.0f} texts/s",
            *percentiles(singles),
        )
    ratio = rates["moodline"] / rates["transformers pipeline"]
    table.caption = f"in batches moodline reads {ratio:.2f} times as fast as the plain pipeline, in this run"


def bench_http(table):
    with tempfile.TemporaryDirectory() as folder:
        moodline("demo", data_dir=folder)
        server = Server(Path(folder), data_dir=folder)
        looks = [timed(lambda: server.client.get("/v1/customers/avi-malka/mood")) for _ in range(400)]
        table.add_row(
            "GET mood over HTTP, one client", f"{len(looks) / sum(looks):.0f} requests/s", *percentiles(looks)
        )
        posts = []
        for number in range(100):
            body = {"id": str(number), "source": "bench", "channel": "chat", "customer": {"id": "bench"},
                    "occurred_at": "2026-11-01T10:00:00Z", "text": "האינטרנט לא עובד לי מהבוקר"}  # fmt: skip
            posts.append(timed(lambda body=body: server.client.post("/v1/interactions", json=body)))
        table.add_row(
            "POST one interaction, answered with its mood",
            f"{len(posts) / sum(posts):.0f} requests/s",
            *percentiles(posts),
        )
        server.stop()


def main():
    table = Table("what", "rate", "p50", "p99", title="moodline on this machine")
    bench_model(table)
    bench_http(table)
    Console(width=130).print(table)


if __name__ == "__main__":
    main()
