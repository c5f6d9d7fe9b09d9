"""Points between speed and sameness: the exported weights run in several ways, on the validation sets.

    python -m models.speed            the table
    python -m models.speed --card     and into the model's card

Rates are texts a second in batches of 64, and the median and 99th percentile of one short text alone. They depend on the machine and on
what else it does; the ratios within one run are what counts.
"""

import argparse
import platform
import shutil
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import onnx

from models.data import own_rows, public_rows
from models.evaluate import OUTPUTS, as_markdown, figures_of, logits_of, print_table, write_card
from models.quantise import encoder_products, float_graph, in_8_bits
from service.sentiment.engine import ONNX, OnnxEngine, TorchEngine
from service.sentiment.model import Model, verify

BATCH, RATE_ROWS, SINGLES, ROUNDS = 64, 1_024, 100, 3


def variants(folder, scratch):
    """Yield (name, engine) of every point; the graphs that are not shipped are made in `scratch`."""
    manifest = verify(folder)
    yield "PyTorch, float32", TorchEngine(folder, manifest)
    graph = float_graph(folder)
    for name in ("float", "naive"):
        (scratch / name).mkdir()
        for file in ("config.json", "tokenizer.json"):
            shutil.copy(folder / file, scratch / name)
    onnx.save(graph, scratch / "float" / ONNX)
    yield "ONNX Runtime, float32", OnnxEngine(scratch / "float", manifest, 0)
    onnx.save(in_8_bits(graph, encoder_products(graph), reduce_range=False), scratch / "naive" / ONNX)
    yield "ONNX Runtime, all products in 8 bits, naive", OnnxEngine(scratch / "naive", manifest, 0)
    yield "ONNX Runtime, as shipped", OnnxEngine(folder, manifest, 0)


def rates(engine, rows):
    """(texts a second in batches, [seconds of each short text alone]), the best of ROUNDS rounds: other work only slows."""
    model = Model(engine, cached_characters=0)
    texts = [(row["text"], row["channel"]) for row in rows]
    short = [text for text in texts if len(text[0]) <= 40][:SINGLES]
    best, singles = 0.0, []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        for at in range(0, len(texts), BATCH):
            model.score(texts[at : at + BATCH])
        best = max(best, len(texts) / (time.perf_counter() - started))
    for text in short:
        started = time.perf_counter()
        model.score([text])
        singles.append(time.perf_counter() - started)
    return best, singles


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=Path(__file__).parent / "sentiment")
    parser.add_argument("--card", action="store_true", help="write the table into CARD.md, between its markers")
    args = parser.parse_args()
    rows = public_rows("dev") + own_rows("dev")
    sets = {}
    for place, row in enumerate(rows):
        sets.setdefault((row["source"], row["lang"]), []).append(place)
    table, base, plain = {}, None, None
    with tempfile.TemporaryDirectory() as scratch:
        for name, engine in variants(args.model, Path(scratch)):
            logits = logits_of(engine, rows)
            rate, singles = rates(engine, own_rows("dev")[:RATE_ROWS])
            scores = [figures_of([rows[i] for i in places], logits[places])["macro F1"] for places in sets.values()]
            base, plain = (logits if base is None else base), plain or (rate, scores)
            cuts = statistics.quantiles(singles, n=100)
            table[name] = {
                "texts/s": f"{rate:.0f}",
                "times PyTorch": f"{rate / plain[0]:.2f}",
                "one text, p50": f"{1000 * cuts[49]:.1f} ms",
                "p99": f"{1000 * cuts[98]:.1f} ms",
                "same label": float((logits[:, :3].argmax(1) == base[:, :3].argmax(1)).mean()),
                "same marks": float(((logits[:, 3:] > 0) == (base[:, 3:] > 0)).mean()),
                "mean macro F1": float(np.mean(scores)),
                "largest fall on a set": float(max(np.array(plain[1]) - scores)),
            }
    title = f"{len(rows):,} validation texts, {len(OUTPUTS)} outputs, {platform.machine()}"
    print_table(table, title)
    if args.card:
        write_card(args.model, {"speed": as_markdown(table)})


if __name__ == "__main__":
    main()
