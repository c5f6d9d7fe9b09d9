"""Fine-tuning: rows in, a classifier with named outputs out.

python -m models.train --init models/build/base --warm-head --epochs 4 --train-embeddings --out models/build/joint
"""

import argparse
import math
import random
import time
from pathlib import Path

import torch
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from models.augment import augmented
from models.data import PUBLIC_SETS, own_rows, public_rows
from models.evaluate import Live, print_table, score_sets
from models.outputs import OUTPUTS, SENTIMENT, targets
from service.text import model_input

HEAD_ROWS, HEAD_EPOCHS, HEAD_RATE = 12_000, 25, 1e-3
BLOCK = 40  # batches whose rows are sorted by length together, against padding waste
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
    """Cross-entropy of the sentiment, plus for each other kind of output (churn intent, drivers, acts, emotions) the
    ranking loss of Su et al. 2022 (ZLPR): every mark that is there above zero and above every one that is not. For one output
    alone it is binary cross-entropy; for many rare ones it learns where that does not."""
    count = len(SENTIMENT)
    loss = torch.nn.functional.cross_entropy(logits[:, :count], sentiment, label_smoothing=smoothing)
    kinds = [name.partition(":")[0] for name in OUTPUTS[count:]]
    for kind in dict.fromkeys(kinds):
        columns = [i for i, name in enumerate(kinds) if name == kind]
        rows = known[:, columns[0]]
        if rows.any():
            scores, there = logits[rows][:, [count + i for i in columns]], marks[rows][:, columns] > 0
            zero = scores.new_zeros(len(scores), 1)
            absent = torch.logsumexp(torch.cat([scores.masked_fill(there, -torch.inf), zero], 1), 1)
            present = torch.logsumexp(torch.cat([(-scores).masked_fill(~there, -torch.inf), zero], 1), 1)
            loss = loss + (absent + present).sum() / len(logits)
    return loss


def warm_head(model, tokenizer, rows, args, rng):
    """Fit pooler and classifier on the untouched encoder's output first, so that fine-tuning does not begin by bending good
    features to a random head (Kumar et al. 2022). The pooler starts as the standardised first token, which tanh leaves almost as it is."""
    ids = encode(tokenizer, rows, args.max_tokens, rng)
    states, aims = [], []
    model.eval()
    for padded, mask, *aim in batches(rows, ids, 64, rng):
        with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16):
            states.append(model.bert(input_ids=padded, attention_mask=mask).last_hidden_state[:, 0].float())
        aims.append(aim)
    states = torch.cat(states).clone()  # (N, hidden)
    sentiment, marks, known = (torch.cat(parts) for parts in zip(*aims))
    mean, spread = states.mean(0), states.std(0)
    pooler = model.bert.pooler.dense
    with torch.no_grad():
        pooler.weight.copy_(torch.diag(0.4 / spread))
        pooler.bias.copy_(-0.4 * mean / spread)
        model.classifier.weight.zero_()
    head = [pooler, model.classifier]
    optimiser = torch.optim.AdamW([p for part in head for p in part.parameters()], lr=HEAD_RATE, weight_decay=0.01)
    for _ in range(HEAD_EPOCHS):
        for group in torch.randperm(len(states)).split(256):
            logits = model.classifier(torch.tanh(pooler(states[group])))
            loss = loss_of(logits, sentiment[group], marks[group], known[group], args.smoothing)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    print(f"head alone: last loss {loss.item():.3f}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--init", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sets", nargs="+", choices=["public", "own"], default=["public", "own"])
    parser.add_argument(
        "--share",
        action="append",
        default=[],
        metavar="SET=SHARE",
        help="share of a public set's rows taken in each epoch (1)",
    )
    parser.add_argument("--warm-head", action="store_true", help="fit the head alone first: for an encoder without one")
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
    own = own_rows("train") if "own" in args.sets else []
    shares = {name: float(share) for name, _, share in (item.partition("=") for item in args.share)}
    if unknown := shares.keys() - PUBLIC_SETS.keys():
        parser.error(f"--share: no public set is named {', '.join(sorted(unknown))}")
    by_set = {name: [row for row in public if row["source"] == name] for name in PUBLIC_SETS}

    def epoch_rows():
        drawn = [rng.sample(rows, int(len(rows) * shares.get(name, 1))) for name, rows in by_set.items()]
        return [row for rows in drawn for row in rows] + [augmented(row, rng) for row in own]

    steps = args.epochs * math.ceil(len(epoch_rows()) / args.batch)
    body, head = [], []
    for name, parameter in model.named_parameters():
        if parameter.requires_grad and parameter is not words:
            (body if name.startswith("bert.encoder") else head).append(parameter)
    groups = [{"params": body, "lr": args.rate}, {"params": head, "lr": 2 * args.rate}]
    if args.train_embeddings:  # no decay: words that the rows at hand lack must stay as they were
        groups.append({"params": [words], "lr": args.rate, "weight_decay": 0.0})
    optimiser = torch.optim.AdamW(groups, weight_decay=0.01, fused=True)
    warm = max(1, steps // 16)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: min((step + 1) / warm, max(0.0, (steps - step) / (steps - warm + 1)))
    )
    print(f"{len(public):,} public rows (shares {shares}), {len(own):,} own rows, {steps:,} steps", flush=True)
    if args.warm_head:
        warm_head(
            model, tokenizer, rng.sample(epoch_rows(), min(HEAD_ROWS, steps * args.batch // args.epochs)), args, rng
        )
    started, seen = time.monotonic(), 0
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns) as progress:
        bar = progress.add_task("training", total=steps)
        for epoch in range(args.epochs):
            rows = epoch_rows()
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
            model.save_pretrained(args.out)  # every epoch: a run that is cut off leaves its last whole one
            tokenizer.save_pretrained(args.out)
            with torch.autocast("cpu", dtype=torch.bfloat16):
                figures, _, _ = score_sets(Live(model, tokenizer))
            print_table(figures, title=f"{args.out.name}, epoch {epoch + 1}")


if __name__ == "__main__":
    main()
