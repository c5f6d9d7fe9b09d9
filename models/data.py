"""Training data: the public sets and our own turns, as rows of one shape.

A row: text, sentiment, lang, channel ("" where unknown), source (the set), and for our own turns churn, drivers, acts, emotions.
"""

import json
import os
from pathlib import Path

HERE = Path(__file__).parent
PUBLIC = Path(os.environ.get("MOODLINE_PUBLIC_DATA", HERE.parent.parent / "shared" / "data"))

# set -> the channel its texts come from; questions and encyclopaedia sentences come from none.
PUBLIC_SETS = {
    "onlp_hebrew": "social",
    "hebert_ugc": "social",
    "umsab": "social",
    "rusentitweet": "social",
    "afrisenti_amharic": "social",
    "heq_neutral": "",
}

# Whole batches are set aside for validation, so that no writer is on both sides.
VALIDATION_BATCHES = {
    *("he-04", "he-11", "he-17", "he-31", "he-43", "en-02", "en-07", "am-02", "eu-02", "mix-02"),
    *("ar-02", "ar-09", "ar-10", "ru-02", "ru-06", "ru-07"),
}

# The labels of UMSAB's Hindi tweets can't be told from chance ones (models/LOG.md), in train and dev: not trained on.
NOISE = {("umsab", "hi")}


def read_jsonl(path):
    with open(path, encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def public_rows(split):
    """Rows of the public sets; split is "train" (weakly labelled sets among it) or "dev"."""
    rows = []
    for path in sorted(PUBLIC.glob("*.jsonl")):
        name, kind, _ = path.name.split(".")
        if (kind == "dev") != (split == "dev"):
            continue
        rows += [
            {
                "text": row["text"],
                "sentiment": row["label"],
                "lang": row["lang"],
                "channel": PUBLIC_SETS[name],
                "source": name,
            }
            for row in read_jsonl(path)
            if split == "dev" or (name, row["lang"]) not in NOISE
        ]
    return rows


def own_rows(split):
    """Rows of our own customer turns, with all their fields; split is "train" or "dev" (whole batches apart)."""
    rows = []
    for path in sorted((HERE / "data").glob("turns-*.jsonl")):
        if (path.stem.removeprefix("turns-") in VALIDATION_BATCHES) == (split == "dev"):
            rows += [row | {"source": "own"} for row in read_jsonl(path)]
    return rows


def blind_rows():
    """Rows of the blind sets: turns written and annotated from the fields' names alone, by writers who saw neither the guideline nor any
    other row. Nothing is trained or fitted on them; those of surveys have a sentiment only."""
    return [
        row | {"source": path.stem.replace("-", " ")}
        for path in sorted((HERE / "data").glob("blind-*.jsonl"))
        for row in read_jsonl(path)
    ]
