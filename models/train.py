"""Fine-tuning: rows in, a classifier with named outputs out.

python -m models.train --init models/build/base --warm-head --epochs 8 --rate 1e-4 --train-embeddings --out models/build/final

Each of our own turns is read twice in a step, as it stands and with noise (`models.augment`), and what the two readings differ by is
part of the loss (R-Drop, Liang et al. 2021, between two views): noise must not change a reading.
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
from models.rounding import round_products
from service.text import model_input

HEAD_ROWS, HEAD_EPOCHS, HEAD_RATE = 12_000, 25, 1e-3
BLOCK = 40  # batches whose rows are sorted by length together, against padding waste
SAMENESS = 0.5  # weight of the disagreement of two views, beside the loss of both
CHANNEL_DROPOUT = 0.3  # share of rows whose channel is hidden, so that a text without one is read well


def encode(tokenizer, rows, max_tokens, rng):
    texts = [model_input(row["text"], "" if rng.random() < CHANNEL_DROPOUT else row["channel"]) for row in rows]
    return tokenizer(texts, truncation=True, max_length=max_tokens)["input_ids"] if texts else []


def batches(rows, ids, size, rng, others=None):
    """Yield (ids, mask, sentiment, marks, known) tensors of `size` texts each; rows are shuffled, then sorted by length within blocks.

    others, {place in rows: ids of its other view}: such rows are read apart from the rest, size / 2 of them, then their other views in
    the same order. Texts are padded to a multiple of 4 tokens: each new shape costs as much as some steps.
    """
    others = others or {}
    groups = []
    for places, count in (
        ([i for i in range(len(rows)) if i not in others], size),
        (list(others), size // 2),
    ):
        rng.shuffle(places)
        for start in range(0, len(places), count * BLOCK):
            block = sorted(places[start : start + count * BLOCK], key=lambda i: len(ids[i]))
            groups += [block[at : at + count] for at in range(0, len(block), count)]
    rng.shuffle(groups)
    for group in groups:
        texts = [ids[i] for i in group]
        if group[0] in others:
            texts, group = texts + [others[i] for i in group], group * 2
        longest = -(-max(map(len, texts)) // 4) * 4
        padded = torch.tensor([text + [1] * (longest - len(text)) for text in texts])  # (N, L)
        sentiment, marks = zip(*(targets(rows[i]) for i in group))
        known = torch.tensor([[mark is not None for mark in row] for row in marks])  # (N, outputs - 3)
        values = torch.tensor([[mark or 0.0 for mark in row] for row in marks])
        yield padded, (padded != 1).long(), torch.tensor(sentiment), values, known


class PooledDropout(torch.nn.Module):
    """Dropout whose masks are places in one pool of random numbers: drawing them anew took a fifth of a step's time."""

    def __init__(self, share):
        super().__init__()
        self.pool = ((torch.rand(2**23) >= share) / (1 - share)).bfloat16()

    def forward(self, values):
        if not self.training:
            return values
        start = random.randrange(len(self.pool) - values.numel())
        return values * self.pool[start : start + values.numel()].view_as(values).to(values.dtype)


def disagreement(first, second):
    """Jeffreys divergence of two readings, the mean over rows: of the sentiment's softmax, plus of each mark's sigmoid;
    logits (N, outputs)."""
    count = len(SENTIMENT)
    sentiment = (first[:, :count].softmax(1) - second[:, :count].softmax(1)) * (first - second)[:, :count]
    marks = (first[:, count:].sigmoid() - second[:, count:].sigmoid()) * (first - second)[:, count:]
    return (sentiment.sum(1) + marks.sum(1)).mean()


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
    parser.add_argument(
        "--without", nargs="+", default=[], metavar="BATCH", help="batches of our own that are left out"
    )
    parser.add_argument("--twice", nargs="+", default=[], metavar="BATCH", help="batches read twice in each epoch")
    parser.add_argument("--warm-head", action="store_true", help="fit the head alone first: for an encoder without one")
    parser.add_argument("--train-embeddings", action="store_true", help="train the word embeddings too (slower)")
    parser.add_argument("--rounded", action="store_true", help="multiply in 8 bits, as the exported model will")
    parser.add_argument("--epochs", type=int, default=1, help="for which the rate is planned")
    parser.add_argument("--stop-after", type=int, metavar="EPOCH", help="leave the last epochs of the plan out")
    parser.add_argument("--batch", type=int, default=48, help="texts; both views count")
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
        dtype=torch.float32,
        num_labels=len(OUTPUTS),
        id2label=dict(enumerate(OUTPUTS)),
        label2id={name: i for i, name in enumerate(OUTPUTS)},
        problem_type="multi_label_classification",
        attention_probs_dropout_prob=0.0,
        attn_implementation="eager",  # on a processor the fused one is several times slower backwards
    )
    dropout = PooledDropout(model.config.hidden_dropout_prob)
    for module in list(model.modules()):
        for name, child in module.named_children():
            if isinstance(child, torch.nn.Dropout) and child.p:
                setattr(module, name, dropout)
    model.bert.embeddings.word_embeddings.sparse = args.train_embeddings
    words = model.bert.embeddings.word_embeddings.weight.requires_grad_(args.train_embeddings)
    public = public_rows("train") if "public" in args.sets else []
    own = [row for row in own_rows("train") if row["batch"] not in args.without] if "own" in args.sets else []
    own += [row for row in own if row["batch"] in args.twice]
    shares = {name: float(share) for name, _, share in (item.partition("=") for item in args.share)}
    if unknown := shares.keys() - PUBLIC_SETS.keys():
        parser.error(f"--share: no public set is named {', '.join(sorted(unknown))}")
    by_set = {name: [row for row in public if row["source"] == name] for name in PUBLIC_SETS}

    def epoch_rows():
        drawn = [rng.sample(rows, int(len(rows) * shares.get(name, 1))) for name, rows in by_set.items()]
        return [row for rows in drawn for row in rows] + own

    counts = len(epoch_rows()) - len(own), 2 * len(own)
    steps = args.epochs * sum(math.ceil(count / args.batch) for count in counts)
    body, head = [], []
    for name, parameter in model.named_parameters():
        if parameter.requires_grad and parameter is not words:
            (body if name.startswith("bert.encoder") else head).append(parameter)
    groups = [{"params": body, "lr": args.rate}, {"params": head, "lr": 2 * args.rate}]
    optimisers = [torch.optim.AdamW(groups, weight_decay=0.01, fused=True)]
    if args.train_embeddings:  # a word that a batch lacks stays as it was
        optimisers.append(torch.optim.SparseAdam([words], lr=args.rate))
    warm = max(1, steps // 16)
    schedules = [
        torch.optim.lr_scheduler.LambdaLR(
            optimiser, lambda step: min((step + 1) / warm, max(0.0, (steps - step) / (steps - warm + 1)))
        )
        for optimiser in optimisers
    ]
    print(f"{len(public):,} public rows (shares {shares}), {len(own):,} own rows, {steps:,} steps", flush=True)
    if args.warm_head:
        warm_head(model, tokenizer, rng.sample(epoch_rows(), min(HEAD_ROWS, sum(counts) - len(own))), args, rng)
    if args.rounded:
        round_products(model.bert.encoder)
    started, seen = time.monotonic(), 0
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns) as progress:
        bar = progress.add_task("training", total=steps)
        for epoch in range(min(args.epochs, args.stop_after or args.epochs)):
            rows = epoch_rows()
            ids = encode(tokenizer, rows, args.max_tokens, rng)
            places = [place for place, row in enumerate(rows) if row["source"] == "own"]
            noisy = encode(tokenizer, [augmented(rows[place], rng) for place in places], args.max_tokens, rng)
            model.train()
            total = 0.0
            groups = batches(rows, ids, args.batch, rng, dict(zip(places, noisy)))
            for number, (padded, mask, sentiment, marks, known) in enumerate(groups, 1):
                with torch.autocast("cpu", dtype=torch.bfloat16):
                    logits = model(input_ids=padded, attention_mask=mask).logits.float()
                loss = loss_of(logits, sentiment, marks, known, args.smoothing)
                if known.any():
                    loss = loss + SAMENESS * disagreement(*logits.chunk(2))
                loss.backward()
                torch.nn.utils.clip_grad_norm_(body + head, 1.0)
                for optimiser, schedule in zip(optimisers, schedules):
                    optimiser.step()
                    schedule.step()
                    optimiser.zero_grad(set_to_none=True)
                total, seen = total + loss.item(), seen + len(padded)
                progress.advance(bar)
                if number % 100 == 0:
                    print(
                        f"epoch {epoch + 1}, batch {number}: mean loss {total / number:.4f}, "
                        f"{seen / (time.monotonic() - started):.0f} texts/s",
                        flush=True,
                    )
            model.save_pretrained(args.out)  # every epoch: a run that is cut off leaves its last whole one
            tokenizer.save_pretrained(args.out)
    model = AutoModelForSequenceClassification.from_pretrained(args.out)
    figures, _, _ = score_sets(Live(model, tokenizer))
    print_table(figures, title=args.out.name)


if __name__ == "__main__":
    main()
