"""Figures of a model on the validation sets, by language and by channel, and its failures on the behavioural suite.

    python -m models.evaluate                       the exported model, as the service runs it
    python -m models.evaluate --engine torch        the same weights in PyTorch
    python -m models.evaluate --card                write the tables into the model's card too

Validation data only: the public dev splits, the batches of our own turns that training never read, and the blind sets. Macro F1
comes with a 95 % interval (percentile bootstrap over the rows).
"""

import argparse
import re
from collections import defaultdict
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table
from sklearn.metrics import f1_score
from tokenizers import Tokenizer

from models.behaviour import failure_rates
from models.data import blind_rows, own_rows, public_rows
from models.outputs import OUTPUTS, SENTIMENT, targets
from service.sentiment.engine import OnnxEngine, TorchEngine
from service.sentiment.model import MANIFEST, Model, verify
from service.text import model_input

MAX_TOKENS, BATCH_TOKENS = 256, 2_048
RESAMPLES = 1_000
KINDS = {"churn F1": "churn", "drivers F1": "driver:", "acts F1": "act:", "emotions F1": "emotion:"}


class Live:
    """A PyTorch model in training, to be called as an engine of the service is: (ids, mask) to logits."""

    def __init__(self, model, tokenizer):
        self._model, self.pad_id = model, tokenizer.pad_token_id
        self.tokenizer = Tokenizer.from_str(tokenizer.backend_tokenizer.to_str())
        self.tokenizer.no_truncation()
        self.tokenizer.no_padding()

    def __call__(self, ids, mask):
        import torch

        self._model.eval()
        with torch.inference_mode():
            found = self._model(input_ids=torch.from_numpy(ids), attention_mask=torch.from_numpy(mask))
        return found.logits.float().numpy()


def logits_of(engine, rows):
    """Logits of rows, (N, outputs) float32, in the order of the rows."""
    ids = [engine.tokenizer.encode(model_input(row["text"], row["channel"])).ids for row in rows]
    ids = [one if len(one) <= MAX_TOKENS else [*one[: MAX_TOKENS - 1], one[-1]] for one in ids]
    order = sorted(range(len(ids)), key=lambda i: len(ids[i]))
    found = np.zeros((len(ids), len(OUTPUTS)), np.float32)
    while order:
        longest = len(ids[order[-1]])
        size = max(1, BATCH_TOKENS // longest)
        group, order = order[-size:], order[:-size]
        padded, mask = (
            np.full((len(group), longest), engine.pad_id, np.int64),
            np.zeros((len(group), longest), np.int64),
        )
        for place, i in enumerate(group):
            padded[place, : len(ids[i])], mask[place, : len(ids[i])] = ids[i], 1
        found[group] = engine(padded, mask)
    return found


def softmax(logits):
    """Probabilities of the sentiment, (N, 3), from logits (N, outputs)."""
    odds = np.exp(logits[:, :3] - logits[:, :3].max(1, keepdims=True))
    return odds / odds.sum(1, keepdims=True)


def calibration_error(probabilities, truth, bins=15):
    """Expected calibration error of the top class: probabilities (N, 3), truth (N,); bins of equal width (Guo et al. 2017)."""
    confidence, right = probabilities.max(1), probabilities.argmax(1) == truth
    bin_of = np.minimum((confidence * bins).astype(int), bins - 1)
    return sum(
        abs(right[bin_of == b].mean() - confidence[bin_of == b].mean()) * (bin_of == b).mean()
        for b in range(bins)
        if (bin_of == b).any()
    )


def macro_f1_interval(truth, guess):
    """The 95 % interval of the macro F1 over resampled rows: truth and guess (N,) in 0..2."""
    rng = np.random.default_rng(7)
    picks = rng.integers(len(truth), size=(RESAMPLES, len(truth)))
    cells = 3 * truth[picks] + guess[picks]  # (RESAMPLES, N)
    counts = np.stack([(cells == cell).sum(1) for cell in range(9)], 1).reshape(-1, 3, 3)
    right = np.diagonal(counts, axis1=1, axis2=2)
    with np.errstate(invalid="ignore"):
        each = np.nan_to_num(2 * right / (counts.sum(1) + counts.sum(2)))
    return np.percentile(each.mean(1), [2.5, 97.5])


def figures_of(rows, logits):
    """{figure: value} of rows and their logits; the marks' figures where the rows are annotated for them."""
    truth, probabilities = np.array([targets(row)[0] for row in rows]), softmax(logits)
    guess = probabilities.argmax(1)
    figures = {
        "rows": len(rows),
        "macro F1": f1_score(truth, guess, average="macro", labels=range(len(SENTIMENT)), zero_division=0),
        "95 %": macro_f1_interval(truth, guess),
        "weighted F1": f1_score(truth, guess, average="weighted", zero_division=0),
        "calibration error": calibration_error(probabilities, truth),
    }
    if "churn" in rows[0]:
        marks, said = np.array([targets(row)[1] for row in rows]), logits[:, 3:] > 0
        for title, prefix in KINDS.items():
            columns = [i for i, output in enumerate(OUTPUTS[3:]) if output.startswith(prefix)]
            figures[title] = f1_score(marks[:, columns].ravel(), said[:, columns].ravel(), zero_division=0)
    return figures


def score_sets(engine):
    """Figures by validation set, by our own turns' channel, and of each mark: three {name: {figure: value}}."""
    sets, channels = defaultdict(list), defaultdict(list)
    rows = public_rows("dev") + own_rows("dev") + blind_rows()
    logits = logits_of(engine, rows)
    for place, row in enumerate(rows):
        sets[f"{row['source']} {row['lang']}"].append(place)
        if row["source"] == "own":
            sets["own, all"].append(place)
            channels[f"own {row['channel']}, all languages"].append(place)
            if row["lang"] == "he":
                channels[f"own {row['channel']}, Hebrew"].append(place)
    by_set, by_channel = (
        {name: figures_of([rows[i] for i in places], logits[places]) for name, places in sorted(groups.items())}
        for groups in (sets, channels)
    )
    own = sets["own, all"]
    there, said = np.array([targets(rows[i])[1] for i in own]), logits[own][:, 3:] > 0
    by_mark = {
        name: {"turns with it": int(there[:, i].sum()), "F1": f1_score(there[:, i], said[:, i], zero_division=0)}
        for i, name in enumerate(OUTPUTS[3:])
    }
    return by_set, by_channel, by_mark


def shown(value):
    if isinstance(value, str):
        return value
    if isinstance(value, np.ndarray):
        return "–".join(f"{100 * edge:.1f}" for edge in value)
    return f"{value:,}" if isinstance(value, int) else f"{100 * value:.1f}"


def mean_of_umsab(figures):
    """The mean macro F1 of UMSAB's languages."""
    return np.mean([row["macro F1"] for name, row in figures.items() if name.startswith("umsab")])


def print_table(figures, title):
    columns = list(dict.fromkeys(key for row in figures.values() for key in row))
    table = Table("", *columns, title=title)
    for name, row in figures.items():
        table.add_row(name, *(shown(row[column]) if column in row else "" for column in columns))
    Console(width=160).print(table)


def as_markdown(figures):
    columns = list(dict.fromkeys(key for row in figures.values() for key in row))
    lines = [f"| | {' | '.join(columns)} |", f"|---|{'---|' * len(columns)}"]
    for name, row in figures.items():
        lines.append(f"| {name} | {' | '.join(shown(row[c]) if c in row else '' for c in columns)} |")
    return "\n".join(lines)


def write_card(folder, blocks):
    """Put tables, {name: Markdown}, into the folder's CARD.md, each between its two comments `name` and `/name`."""
    card = folder / "CARD.md"
    text = card.read_text(encoding="utf-8")
    for name, table in blocks.items():
        block = f"<!-- {name} -->\n{table}\n<!-- /{name} -->"
        text = re.sub(f"<!-- {name} -->.*?<!-- /{name} -->", lambda _, block=block: block, text, flags=re.DOTALL)
    card.write_text(text, encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=Path(__file__).parent / "sentiment")
    parser.add_argument("--engine", choices=["onnx", "torch"], default="onnx")
    parser.add_argument("--card", action="store_true", help="write the tables into CARD.md, between its markers")
    args = parser.parse_args()
    exported = (args.model / MANIFEST).exists()
    manifest = verify(args.model) if exported else {"name": args.model.name, "version": "in training"}
    engine = (OnnxEngine if exported and args.engine == "onnx" else TorchEngine)(args.model, manifest, 0)
    engine.tokenizer.no_truncation()
    by_set, by_channel, by_mark = score_sets(engine)
    tables = {
        "sets": ("validation sets", by_set),
        "channels": ("our own turns by channel", by_channel),
        "marks": ("each mark, our own turns of all languages", by_mark),
        "behaviour": ("behavioural suite: failures", failure_rates(Model(engine))),
    }
    for title, figures in tables.values():
        print_table(figures, title)
    print(f"UMSAB, mean macro F1 of 8 languages: {shown(mean_of_umsab(by_set))}")
    if args.card:
        write_card(args.model, {name: as_markdown(figures) for name, (_, figures) in tables.items()})


if __name__ == "__main__":
    main()
