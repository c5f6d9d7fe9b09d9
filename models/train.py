"""Fine-tuning: rows in, a classifier with named outputs out.

python -m models.train --init models/build/base --sets public --epochs 1 --out models/build/public
python -m models.train --init models/build/public --sets public own --epochs 5 --train-embeddings --out models/build/tuned
"""

import argparse
import math
import random
import time
from pathlib import Path

import torch
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from models.data import own_rows, public_rows
from models.evaluate import print_table, score_sets
from models.outputs import OUTPUTS, SENTIMENT, targets
from service.text import model_input

BLOCK = 40  # batches whose rows are sorted by length together, against padding waste
# Weights of the loss, by kind of output: drivers are rare, each in a few rows of a hundred, and learned nothing at the weight of the rest.
LOSS_WEIGHT = {"churn_intent": 3.0, "driver": 2.0, "act": 1.0, "emotion": 1.0}
POSITIVE_WEIGHT = {
    "churn_intent": 1.5,
    "driver": 3.0,
    "act": 1.5,
    "emotion": 1.5,
}  # of a mark that is there, beside one that is not
CHANNEL_DROPOUT = 0.3  # share of rows whose channel is hidden, so that a text without one is read well


def encode(tokenizer, rows, max_tokens, rng):
    texts = [model_input(row["text"], "" if rng.random() < CHANNEL_DROPOUT else row["channel"]) for row in rows]
    return tokenizer(texts, truncation=True, max_length=max_tokens)["input_ids"]


def batches(rows, ids, size, rng):
    """Yield (ids, mask, sentiment, marks, known) tensors; rows are shuffled, then sorted by length within blocks."""
    order = list(range(len(rows)))
    rng.shuffle(order)
    groups = []
    for start in range(0, len(order), size * BLOCK):
        block = sorted(order[start : start + size * BLOCK], key=lambda i: len(ids[i]))
        groups += [block[at : at + size] for at in range(0, len(block), size)]
    rng.shuffle(groups)
    for group in groups:
        longest = max(len(ids[i]) for i in group)
        padded = torch.tensor([ids[i] + [1] * (longest - len(ids[i])) for i in group])  # (N, L)
        sentiment, marks = zip(*(targets(rows[i]) for i in group))
        known = torch.tensor([[mark is not None for mark in row] for row in marks])  # (N, outputs - 3)
        values = torch.tensor([[mark or 0.0 for mark in row] for row in marks])
        yield padded, (padded != 1).long(), torch.tensor(sentiment), values, known


def loss_of(logits, sentiment, marks, known, smoothing):
    """Cross-entropy of the sentiment, plus the weighted sum of the other outputs' binary cross-entropies, each the
    mean over the rows that are annotated for it."""
    count = len(SENTIMENT)
    loss = torch.nn.functional.cross_entropy(logits[:, :count], sentiment, label_smoothing=smoothing)
    if known.any():
        kinds = [name.partition(":")[0] for name in OUTPUTS[count:]]
        each = torch.nn.functional.binary_cross_entropy_with_logits(
            logits[:, count:], marks, reduction="none", pos_weight=torch.tensor([POSITIVE_WEIGHT[k] for k in kinds])
        )
        mean = (each * known).sum(0) / known.sum(0).clamp(min=1)  # (outputs - 3)
        loss = loss + (mean * torch.tensor([LOSS_WEIGHT[kind] for kind in kinds])).sum()
    return loss


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--init", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sets", nargs="+", choices=["public", "own"], default=["public", "own"])
    parser.add_argument("--public-share", type=float, default=1.0, help="share of the public rows taken in each epoch")
    parser.add_argument("--own-repeat", type=int, default=1, help="times each of our own rows is read in an epoch")
    parser.add_argument("--train-embeddings", action="store_true", help="train the word embeddings too (slower)")
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rate", type=float, default=6e-5)
    parser.add_argument("--max-tokens", type=int, default=96)
    parser.add_argument("--smoothing", type=float, default=0.05)
    parser.add_argument("--seed", type=int, default=7)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    rng = random.Random(args.seed)
    tokenizer = AutoTokenizer.from_pretrained(args.init)
    model = AutoModelForSequenceClassification.from_pretrained(
        args.init,
        num_labels=len(OUTPUTS),
        id2label=dict(enumerate(OUTPUTS)),
        label2id={name: i for i, name in enumerate(OUTPUTS)},
        problem_type="multi_label_classification",
    )
    words = model.bert.embeddings.word_embeddings.weight.requires_grad_(args.train_embeddings)
    public = public_rows("train") if "public" in args.sets else []
    own = own_rows("train") * args.own_repeat if "own" in args.sets else []
    steps = args.epochs * math.ceil((int(len(public) * args.public_share) + len(own)) / args.batch)
    body, head = [], []
    for name, parameter in model.named_parameters():
        if parameter.requires_grad and parameter is not words:
            (body if name.startswith("bert.encoder") else head).append(parameter)
    groups = [{"params": body, "lr": args.rate}, {"params": head, "lr": 3 * args.rate}]
    if args.train_embeddings:  # no decay: words that the rows at hand lack must stay as they were
        groups.append({"params": [words], "lr": args.rate, "weight_decay": 0.0})
    optimiser = torch.optim.AdamW(groups, weight_decay=0.01)
    warm = max(1, steps // 16)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: min((step + 1) / warm, max(0.0, (steps - step) / (steps - warm + 1)))
    )
    print(
        f"{len(public):,} public rows (share {args.public_share}), {len(own):,} own rows, {steps:,} steps", flush=True
    )
    started, seen = time.monotonic(), 0
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns) as progress:
        bar = progress.add_task("training", total=steps)
        for epoch in range(args.epochs):
            rows = rng.sample(public, int(len(public) * args.public_share)) + own
            ids = encode(tokenizer, rows, args.max_tokens, rng)
            model.train()
            total = 0.0
            for number, (padded, mask, sentiment, marks, known) in enumerate(batches(rows, ids, args.batch, rng), 1):
                with torch.autocast("cpu", dtype=torch.bfloat16):
                    logits = model(input_ids=padded, attention_mask=mask).logits
                loss = loss_of(logits.float(), sentiment, marks, known, args.smoothing)
                loss.backward()
                torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
                optimiser.step()
                schedule.step()
                optimiser.zero_grad(set_to_none=True)
                total, seen = total + loss.item(), seen + len(padded)
                progress.advance(bar)
                if number % 100 == 0:
                    print(
                        f"epoch {epoch + 1}, batch {number}: mean loss {total / number:.4f}, "
                        f"{seen / (time.monotonic() - started):.0f} rows/s",
                        flush=True,
                    )
            model.save_pretrained(args.out)
            tokenizer.save_pretrained(args.out)
            print_table(score_sets(model, tokenizer), title=f"{args.out.name}, epoch {epoch + 1}")


if __name__ == "__main__":
    main()
