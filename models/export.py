"""The tuned model → the exported one: calibrated, half precision, with model.onnx and a manifest that the service checks at start.

    python -m models.export --model models/build/joint --version 0.2.0

Calibration is folded into the classifier's own weights, so that any server of Hugging Face models gives the same
probabilities: the sentiment logits are divided by a temperature (Guo et al. 2017); each other kind of output is shifted so that
its best threshold on the validation batches of our own turns is 0.5, then divided by a temperature of its own. The encoder's matrices
are stored with their values on the grid of `models.rounding`, so that PyTorch and ONNX Runtime multiply by the same weights.
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
from models.evaluate import KINDS, Live, logits_of
from models.outputs import OUTPUTS, targets
from models.quantise import quantise
from models.rounding import to_grid
from service.sentiment.model import MANIFEST

NAME = "moodline-e5-small"
SIGNIFICAND = 6
TEMPERATURES = np.arange(0.3, 4.01, 0.02)


def fit_temperature(logits, truth):
    """The temperature with the least negative log-likelihood: logits (N, 3), truth (N,)."""

    def loss(temperature):
        scaled = logits / temperature
        scaled = scaled - scaled.max(1, keepdims=True)
        return -(scaled[np.arange(len(truth)), truth] - np.log(np.exp(scaled).sum(1))).mean()

    return min(TEMPERATURES, key=loss)


def fit_marks(logits, marks):
    """(shift, temperature) of outputs that share them: the logit threshold in [-2, 2] with the best F1, then the least negative
    log-likelihood; logits and marks (N, outputs of one kind)."""
    shift = max(
        np.arange(-2, 2.01, 0.1), key=lambda edge: f1_score(marks.ravel(), (logits > edge).ravel(), zero_division=0)
    )
    moved, sign = logits.ravel() - shift, 2 * marks.ravel() - 1
    return shift, min(TEMPERATURES, key=lambda t: np.logaddexp(0, -sign * moved / t).mean())


def shortened(tensor):
    """The tensor in float16 with SIGNIFICAND of its 10 bits after the point, the rest zero, so that the file compresses well in git."""
    unused = 10 - SIGNIFICAND
    bits = tensor.half().view(torch.int16).int() & 0xFFFF
    bits = (bits + (1 << (unused - 1))) & (0x10000 - (1 << unused))
    return torch.where(bits > 0x7FFF, bits - 0x10000, bits).short().view(torch.float16)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "sentiment")
    parser.add_argument("--version", required=True)
    args = parser.parse_args()
    model = AutoModelForSequenceClassification.from_pretrained(args.model, dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(args.model)
    to_grid(model.half().float().bert.encoder)
    rows = own_rows("dev")
    logits = logits_of(Live(model, tokenizer), rows)
    aims = [targets(row) for row in rows]
    temperature = fit_temperature(logits[:, :3], np.array([sentiment for sentiment, _ in aims]))
    marks = np.array([others for _, others in aims])
    print(f"sentiment: temperature {temperature:.2f}")
    with torch.no_grad():
        model.classifier.weight[:3] /= temperature
        model.classifier.bias[:3] /= temperature
        for kind in KINDS.values():
            columns = [i for i, output in enumerate(OUTPUTS) if output.startswith(kind)]
            shift, temperature = fit_marks(logits[:, columns], marks[:, [i - 3 for i in columns]])
            model.classifier.bias[columns] -= float(shift)
            model.classifier.weight[columns] /= temperature
            model.classifier.bias[columns] /= temperature
            print(f"{kind} threshold at logit {shift:+.1f}, temperature {temperature:.2f}")
        for embedding in model.bert.embeddings.children():
            if isinstance(embedding, torch.nn.Embedding):
                embedding.weight.copy_(shortened(embedding.weight))
    model.half()
    model.save_pretrained(args.out)
    tokenizer.save_pretrained(args.out)
    quantise(args.out)
    suffixes = (".json", ".safetensors", ".onnx")
    files = sorted(path for path in args.out.iterdir() if path.suffix in suffixes and path.name != MANIFEST)
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
