"""The tuned model → the exported one: calibrated, half precision, with a manifest that the service checks at start.

    python -m models.export --model models/build/tuned --version 0.1.0

Calibration is folded into the classifier's own weights, so that any server of Hugging Face models gives the same
probabilities: the sentiment logits are divided by a temperature (Guo et al. 2017), and each kind of output is shifted so that
its best threshold on the validation batches of our own turns is 0.5.
"""

import argparse
import hashlib
import json
from pathlib import Path

import numpy as np
import torch
from sklearn.metrics import f1_score
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from models.data import own_rows
from models.evaluate import logits_of
from models.outputs import OUTPUTS, targets
from service.sentiment.model import MANIFEST

NAME = "moodline-e5-small"


def fit_temperature(logits, truth):
    """The temperature in [0.5, 3] with the least negative log-likelihood: logits (N, 3), truth (N,)."""

    def loss(temperature):
        scaled = logits / temperature
        scaled = scaled - scaled.max(1, keepdims=True)
        return -(scaled[np.arange(len(truth)), truth] - np.log(np.exp(scaled).sum(1))).mean()

    return min(np.arange(0.5, 3.01, 0.02), key=loss)


def fit_shift(logits, marks):
    """The logit threshold in [-2, 2] with the best F1: logits and marks (N, outputs of one kind)."""
    return max(
        np.arange(-2, 2.01, 0.1), key=lambda edge: f1_score(marks.ravel(), (logits > edge).ravel(), zero_division=0)
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "sentiment")
    parser.add_argument("--version", required=True)
    args = parser.parse_args()
    model = AutoModelForSequenceClassification.from_pretrained(args.model, dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(args.model)
    rows = own_rows("dev")
    logits = logits_of(model, tokenizer, rows)
    aims = [targets(row) for row in rows]
    temperature = fit_temperature(logits[:, :3], np.array([sentiment for sentiment, _ in aims]))
    marks = np.array([others for _, others in aims])
    print(f"temperature {temperature:.2f}")
    with torch.no_grad():
        model.classifier.weight[:3] /= temperature
        model.classifier.bias[:3] /= temperature
        for kind in ("churn", "driver:", "act:", "emotion:"):
            columns = [i for i, output in enumerate(OUTPUTS) if output.startswith(kind)]
            shift = fit_shift(logits[:, columns], marks[:, [i - 3 for i in columns]])
            model.classifier.bias[columns] -= float(shift)
            print(f"{kind} threshold at logit {shift:+.1f}")
    model.half().save_pretrained(args.out)
    tokenizer.save_pretrained(args.out)
    files = sorted(
        path for path in args.out.iterdir() if path.suffix in (".json", ".safetensors") and path.name != MANIFEST
    )
    manifest = {
        "name": NAME,
        "version": args.version,
        "files": {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files},
    }
    (args.out / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n")
    for path in files:
        path.chmod(0o644)
        print(f"{path.name}: {path.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
