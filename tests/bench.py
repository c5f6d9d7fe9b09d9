"""How fast the service is on this machine: `make bench`. Ratios within one run are what counts; machines differ.

Reads the same texts with moodline's model and with a plain `transformers` pipeline over the same weights; then looks up
moods and posts interactions over HTTP at a running service of its own.
"""

import json
import statistics
import tempfile
import time
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import httpx
import torch
from rich.console import Console
from rich.table import Table
from transformers import AutoTokenizer, pipeline

from models.data import read_jsonl
from service.sentiment import language
from service.sentiment.engine import OnnxEngine, TorchEngine
from service.sentiment.model import Model, verify
from service.settings import ROOT, read_settings
from service.text import model_input
from tests.acceptance.conftest import Server, moodline
from tests.vendors import Sample, meta, standard, written

TEXTS = 512
SINGLES = 100
BATCH = 64
PLAIN = "plain transformers pipeline"


def timed(work, *arguments):
    started = time.perf_counter()
    work(*arguments)
    return time.perf_counter() - started


def percentiles(times):
    cuts = statistics.quantiles(times, n=100)
    return [f"{1000 * cuts[49]:.1f} ms", f"{1000 * cuts[98]:.1f} ms"]


def bench_model(table):
    settings = read_settings()
    folder, manifest = settings.model_dir, verify(settings.model_dir)
    language.warm()
    rows = [row for path in sorted((ROOT / "models" / "data").glob("turns-he-0*.jsonl")) for row in read_jsonl(path)]
    texts = [(row["text"], row["channel"]) for row in rows[:TEXTS]]
    # Without the cache of short texts: what is measured is reading.
    fast, slow = (Model(engine(folder, manifest, 0), cached_characters=0) for engine in (OnnxEngine, TorchEngine))
    plain = pipeline("text-classification", model=str(folder), tokenizer=AutoTokenizer.from_pretrained(folder),
                     dtype=torch.float32, device="cpu", top_k=None)  # fmt: skip
    readers = {
        "moodline on ONNX Runtime (the default)": (fast.score, texts),
        "moodline on PyTorch": (slow.score, texts),
        PLAIN: (
            lambda some: plain(some, batch_size=BATCH, truncation=True),
            [model_input(*text) for text in texts],
        ),
    }
    rates, middles = {}, {}
    for name, (read, given) in readers.items():
        read(given[:BATCH])
        several = [timed(read, given[at : at + BATCH]) for at in range(0, TEXTS, BATCH)]
        singles = [timed(read, [one]) for one in given[:SINGLES]]
        rates[name], middles[name] = TEXTS / sum(several), statistics.median(singles)
        table.add_row(
            f"{name}: {TEXTS} Hebrew turns, batches of {BATCH}", f"{rates[name]:.0f} texts/s", *percentiles(several)
        )
        table.add_row(f"{name}: one turn at a time", f"{SINGLES / sum(singles):.0f} texts/s", *percentiles(singles))
    ratios = [
        f"{rates[name] / rates[PLAIN]:.2f} times in batches, {middles[PLAIN] / middles[name]:.2f} times one at a time ({name})"
        for name in readers
        if name != PLAIN
    ]
    table.caption = f"as fast as a plain transformers pipeline with the same weights, in this run: {'; '.join(ratios)}"


def bench_http(table):
    with tempfile.TemporaryDirectory() as folder:
        moodline("demo", data_dir=folder)
        accounts = {"standard": standard.SETTINGS, "meta": meta.SETTINGS}
        server = Server(Path(folder), data_dir=folder, webhooks=json.dumps(accounts))
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
        bench_history(table, server)
        bench_stream(table, server)
        bench_webhooks(table, server)
        bench_deliveries(table, server)
        server.stop()


def bench_history(table, server):
    """The mood of a customer with ten interactions and of one with ten thousand, looked up in turns."""
    shares = {"negative": 0.2, "neutral": 0.6, "positive": 0.2}
    turn = {"speaker": "customer", "text": "שלום", "reading": {"sentiment": shares, "drivers": ["price"]}}
    for name, many in (("ten", 10), ("many", 10_000)):
        rows = [
            {"id": f"{name}-{number}", "source": "bench", "channel": "chat", "customer": {"id": name}, "turns": [turn],
             "occurred_at": f"2026-{1 + number % 10:02}-{1 + number % 28:02}T10:00:00Z"}
            for number in range(many)
        ]  # fmt: skip
        for start in range(0, many, 500):
            server.client.post("/v1/interactions", json=rows[start : start + 500])
    server.wait_until_read()
    looks = {"ten": [], "many": []}
    for _ in range(300):
        for name, times in looks.items():
            times.append(timed(lambda name=name: server.client.get(f"/v1/customers/{name}/mood")))
    for name, told in (("ten", "10"), ("many", "10,000")):
        times = looks[name]
        table.add_row(
            f"GET mood of a customer with {told} interactions",
            f"{len(times) / sum(times):.0f} requests/s",
            *percentiles(times),
        )
    for path in ("drivers", "journey", "gap"):
        times = [timed(lambda path=path: server.client.get(f"/v1/insights/{path}")) for _ in range(50)]
        table.add_row(f"GET /v1/insights/{path}", f"{len(times) / sum(times):.0f} requests/s", *percentiles(times))


def bench_stream(table, server):
    """From sending an angry turn of an open conversation to its mood.fell in the stream."""
    times = []
    for number in range(20):
        body = {"id": f"open-{number}", "source": "bench", "channel": "chat", "customer": {"id": "bench"}, "open": True,
                "occurred_at": datetime.now(UTC).isoformat(), "text": "שלום, שאלה לגבי החשבון"}  # fmt: skip
        server.client.post("/v1/interactions", json=body)
        with server.client.stream("GET", "/v1/stream?kinds=mood.fell") as answer:
            lines = answer.iter_lines()
            next(lines)
            time.sleep(0.5)  # so that the stream looks from now
            angry = {"turns": [{"speaker": "customer", "text": "בושה, שעה אני מחכה ואתם משקרים לי, שירות נורא"}]}
            started = time.perf_counter()
            httpx.post(
                f"{server.url}/v1/interactions/bench/open-{number}/turns", json=angry, headers=server.client.headers
            )
            next(line for line in lines if line.startswith("data: "))
            times.append(time.perf_counter() - started)
    table.add_row("from an angry turn to its mood.fell in the stream", "", *percentiles(times))


def bench_webhooks(table, server):
    """Signed webhooks while the model has a long queue to read: they are stored and answered at once."""
    rows = [
        standard.INTERACTION | {"id": f"queue-{number}", "text": f"{number} {standard.INTERACTION['text']}"}
        for number in range(2_000)
    ]
    for start in range(0, len(rows), 500):
        server.client.post("/v1/interactions", json=rows[start : start + 500])
    times = []
    for number in range(300):
        data = standard.INTERACTION | {"id": f"hook-{number}"}
        sample = standard.SAMPLES[0].with_body(written(standard.EVENT | {"data": data}))
        headers = standard.sign(sample, standard.SECRET, time.time())
        send = partial(server.client.post, "/v1/webhooks/standard", content=sample.body, headers=headers)
        times.append(timed(send))
    waiting = "moodline_interactions_waiting 0.0" not in server.client.get("/metrics").text
    table.add_row(
        f"POST a webhook while the model {'has a queue' if waiting else 'is idle'}, {max(times):.3f} s at most",
        f"{len(times) / sum(times):.0f} requests/s",
        *percentiles(times),
    )


def bench_deliveries(table, server):
    """Deliveries of many messages, each of another person, as Meta sends them (a thousand at most), while the model has a queue."""
    for many in (1, 100, 300, 1_000):
        times = []
        for number in range(20):
            entries = [
                json.loads(meta.talk(person=f"{number}{place:04}", message={"mid": f"m_{many}_{number}_{place}", "text": "מה קורה?"}))
                for place in range(many)
            ]  # fmt: skip
            sample = Sample("many", meta.body_of({"object": "page", "entry": [one["entry"][0] for one in entries]}))
            send = partial(
                server.client.post,
                "/v1/webhooks/meta",
                content=sample.body,
                headers=meta.sign(sample, meta.SECRET, time.time()),
            )
            times.append(timed(send))
        table.add_row(
            f"POST a webhook's delivery of {many:,} messages, {max(times):.3f} s at most",
            f"{many * len(times) / sum(times):.0f} messages/s",
            *percentiles(times),
        )


def main():
    table = Table("what", "rate", "p50", "p99", title="moodline on this machine")
    bench_model(table)
    bench_http(table)
    Console(width=130).print(table)


if __name__ == "__main__":
    main()
