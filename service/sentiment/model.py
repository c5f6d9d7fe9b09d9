"""The exported model: verify its files, load it, read texts with it."""

import hashlib
import json
import os
import threading
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer
from transformers.utils import logging as transformers_logging

from service.errors import BadModel
from service.sentiment.language import detect
from service.sentiment.reading import SENTIMENTS, Reading, merge
from service.text import channel_prefix, normalise

MANIFEST = "manifest.json"
WINDOW_TOKENS = (
    160  # longer texts are read in windows: training saw none longer than 96, and attention grows with the square
)
BATCH_TOKENS = (
    1_024  # padded tokens of one forward pass: somebody who waits for one text waits for one pass of another at most
)


def verify(folder):
    """The manifest of an exported model whose files are all there and unchanged; raises BadModel naming the first that is not."""
    path = Path(folder) / MANIFEST
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        files, _, _ = manifest["files"], manifest["name"], manifest["version"]
        if not files.keys() >= {"config.json", "model.safetensors", "tokenizer.json"}:
            raise ValueError
    except FileNotFoundError:
        raise BadModel(f"model file {path} is missing: restore it from git, or set MOODLINE_MODEL_DIR") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise BadModel(f"model file {path} is no manifest: restore it from git") from None
    for name, expected in files.items():
        file = path.parent / name
        if not file.is_file():
            raise BadModel(f"model file {file} is missing: restore it from git, or set MOODLINE_MODEL_DIR")
        with open(file, "rb") as stream:
            if hashlib.file_digest(stream, "sha256").hexdigest() != expected:
                raise BadModel(
                    f"model file {file} has changed (its SHA-256 is not the manifest's): restore it from git"
                )
    return manifest


class Model:
    """A loaded model. `score` may be called from many threads; `name` and `version` are the manifest's."""

    def __init__(self, folder, threads=0):
        """Raises BadModel, with one line, where the files are missing, changed or not loadable."""
        manifest = verify(folder)
        self.name, self.version = manifest["name"], manifest["version"]
        if threads:
            torch.set_num_threads(threads)
        transformers_logging.set_verbosity_error()
        transformers_logging.disable_progress_bar()
        try:
            self._tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
            self._model = AutoModelForSequenceClassification.from_pretrained(
                folder, local_files_only=True, dtype=torch.float32
            ).eval()
        except (OSError, ValueError, RuntimeError, KeyError) as error:
            raise BadModel(f"model in {folder} can't be loaded ({type(error).__name__})") from None
        labels = self._model.config.id2label
        self._outputs = [labels[i] for i in range(len(labels))]
        if tuple(self._outputs[:3]) != SENTIMENTS:
            raise BadModel(
                f"model in {folder} has the outputs {self._outputs[:3]}; the first three must be {list(SENTIMENTS)}"
            )
        self._turn = threading.Lock()  # one forward pass at a time: two would only share the same cores

    def score(self, texts, on_batch=lambda: None):
        """Readings of texts, in their order. `texts`: a list of (text, channel); channel "" where it is unknown.

        `on_batch` is called after each forward pass, for those that must show a sign of life.
        """
        windows = [(place, ids) for place, (text, channel) in enumerate(texts) for ids in self._prepare(text, channel)]
        found = [[] for _ in texts]
        for (place, ids), outputs in zip(windows, self._infer([ids for _, ids in windows], on_batch)):
            found[place].append((len(ids), outputs[0], outputs[1]))
        return [Reading(*merge(each), detect(text), self.name, self.version) for each, (text, _) in zip(found, texts)]

    def _prepare(self, text, channel):
        """Token ids of a text's windows, each with the channel in front and the special tokens around."""
        special = self._tokenizer
        start = [special.cls_token_id, *special(channel_prefix(channel), add_special_tokens=False)["input_ids"]]
        body = special(normalise(text), add_special_tokens=False, truncation=False, verbose=False)["input_ids"]
        room = WINDOW_TOKENS - len(start) - 1
        count = max(1, -(-len(body) // room))
        step = -(-len(body) // count)  # even windows: a last one of two words would be read without its context
        return [
            [*start, *body[at : at + step], special.sep_token_id] for at in range(0, max(1, len(body)), max(1, step))
        ]

    def _infer(self, windows, on_batch):
        """(sentiment probabilities, other outputs) of windows, in their order; similar lengths share a forward pass."""
        order = sorted(range(len(windows)), key=lambda i: len(windows[i]))
        found = [None] * len(windows)
        while order:
            longest = len(windows[order[-1]])
            group, order = order[-max(1, BATCH_TOKENS // longest) :], order[: -max(1, BATCH_TOKENS // longest)]
            padded = torch.full((len(group), longest), self._tokenizer.pad_token_id)  # (N, L) int64
            mask = torch.zeros((len(group), longest), dtype=torch.long)
            for row, i in enumerate(group):
                padded[row, : len(windows[i])] = torch.tensor(windows[i])
                mask[row, : len(windows[i])] = 1
            with self._turn, torch.inference_mode():
                logits = self._model(input_ids=padded, attention_mask=mask).logits  # (N, outputs) float32
            sentiments, others = logits[:, :3].softmax(-1).tolist(), logits[:, 3:].sigmoid().tolist()
            for i, sentiment, other in zip(group, sentiments, others):
                found[i] = tuple(sentiment), dict(zip(self._outputs[3:], other))
            on_batch()
        return found
