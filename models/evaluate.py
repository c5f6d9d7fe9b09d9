"""Figures of a model on the validation sets: macro and weighted F1 of the sentiment, F1 of the other outputs.

    python -m models.evaluate                       the exported model
    python -m models.evaluate --model models/build/tuned --rows 300

Validation data only: the public dev splits and the batches of our own turns that training never read.
"""

import argparse
from collections import defaultdict
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from sklearn.metrics import f1_score
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from models.data import own_rows, public_rows
from models.outputs import OUTPUTS, SENTIMENT, targets
from service.text import model_input


def logits_of(model, tokenizer, rows, batch=32, max_tokens=256):
    """Logits of rows, (N, outputs) float32, in the order of the rows."""
    ids = tokenizer([model_input(row["text"], row["channel"]) for row in rows], truncation=True, max_length=max_tokens)[
        "input_ids"
    ]
    order = sorted(range(len(ids)), key=lambda i: len(ids[i]))
    out = np.zeros((len(ids), len(OUTPUTS)), np.float32)
    model.eval()
    with torch.inference_mode():
        for start in range(0, len(order), batch):
            group = order[start : start + batch]
            longest = max(len(ids[i]) for i in group)
            padded = torch.tensor([ids[i] + [1] * (longest - len(ids[i])) for i in group])
            out[group] = model(input_ids=padded, attention_mask=(padded != 1).long()).logits.float().numpy()
    return out


def calibration_error(probabilities, truth, bins=15):
    """Expected calibration error of the top class: probabilities (N, 3), truth (N,); bins of equal width (Guo et al. 2017)."""
    confidence, right = probabilities.max(1), probabilities.argmax(1) == truth
    bin_of = np.minimum((confidence * bins).astype(int), bins - 1)
    return sum(
        abs(right[bin_of == b].mean() - confidence[bin_of == b].mean()) * (bin_of == b).mean()
        for b in range(bins)
        if (bin_of == b).any()
    )


def score_sets(model, tokenizer, most=None):
    """Figures by validation set: {set: {figure: value}}; `most` takes the first rows of each set only."""
    groups = defaultdict(list)
    for row in public_rows("dev"):
        groups[f"{row['source']} {row['lang']}"].append(row)
    for row in own_rows("dev"):
        groups[f"own {row['lang']}"].append(row)
    figures = {}
    for name, rows in sorted(groups.items()):
        rows = rows[:most]
        logits = logits_of(model, tokenizer, rows)
        truth = np.array([targets(row)[0] for row in rows])
        odds = np.exp(logits[:, :3] - logits[:, :3].max(1, keepdims=True))
        probabilities = odds / odds.sum(1, keepdims=True)
        guess = probabilities.argmax(1)
        figures[name] = {
            "rows": len(rows),
            "macro F1": f1_score(truth, guess, average="macro", labels=range(len(SENTIMENT)), zero_division=0),
            "weighted F1": f1_score(truth, guess, average="weighted", zero_division=0),
            "calibration error": calibration_error(probabilities, truth),
        }
        if "churn" in rows[0]:
            marks = np.array([targets(row)[1] for row in rows])
            said = logits[:, 3:] > 0
            for title, prefix in (
                ("churn F1", "churn"),
                ("drivers F1", "driver:"),
                ("acts F1", "act:"),
                ("emotions F1", "emotion:"),
            ):
                columns = [i for i, output in enumerate(OUTPUTS[3:]) if output.startswith(prefix)]
                figures[name][title] = f1_score(marks[:, columns].ravel(), said[:, columns].ravel(), zero_division=0)
    return figures


def print_table(figures, title):
    columns = list(dict.fromkeys(key for row in figures.values() for key in row))
    table = Table("set", *columns, title=title)
    for name, row in figures.items():
        table.add_row(
            name, *(f"{row[c]:,}" if c == "rows" else f"{100 * row[c]:.1f}" if c in row else "" for c in columns)
        )
    umsab = [row["macro F1"] for name, row in figures.items() if name.startswith("umsab")]
    if umsab:
        table.caption = f"UMSAB, mean macro F1 of {len(umsab)} languages: {100 * np.mean(umsab):.1f}"
    Console(width=140).print(table)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=Path(__file__).parent / "sentiment")
    parser.add_argument("--rows", type=int, help="at most this many rows of each set")
    args = parser.parse_args()
    model = AutoModelForSequenceClassification.from_pretrained(args.model, dtype=torch.float32)
    print_table(score_sets(model, AutoTokenizer.from_pretrained(args.model), args.rows), title=str(args.model))


if __name__ == "__main__":
    main()
