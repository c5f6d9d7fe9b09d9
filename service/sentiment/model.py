"""The model: verify its files, open it by the settings, read texts with it."""

import hashlib
import json
import threading
from pathlib import Path

import numpy as np
from cachetools import LRUCache

from service.errors import BadModel
from service.sentiment.batcher import Batcher
from service.sentiment.engine import ONNX, OnnxEngine, TorchEngine
from service.sentiment.language import detect
from service.sentiment.reading import NOTHING_READ, SENTIMENTS, Reading, is_output, merge
from service.text import channel_prefix, cleaned

MANIFEST = "manifest.json"
# Longer texts are read in windows: training saw few longer than 96, and attention grows with the square.
WINDOW_TOKENS = 160
# "כן", "תודה רבה": a large share of real chat is short and said again and again.
CACHED_CHARACTERS, CACHED_TEXTS = 40, 20_000


def verify(folder):
    """The manifest of an exported model whose files are all there and unchanged; raises BadModel naming the first that is not."""
    path = Path(folder) / MANIFEST
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        files, _, _ = manifest["files"], manifest["name"], manifest["version"]
        if not files.keys() >= {"config.json", "model.safetensors", "tokenizer.json", ONNX}:
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


def open_model(settings):
    """The Model that the settings name; raises BadModel, with one line, where it is missing, changed or not loadable."""
    threads, wait_s = settings.model_threads, settings.batch_wait_ms / 1000
    if settings.hub_model:
        return Model(TorchEngine(settings.hub_model, None, threads), settings.hub_labels, wait_s)
    manifest = verify(settings.model_dir)
    engine = TorchEngine if settings.engine == "torch" else OnnxEngine
    return Model(engine(settings.model_dir, manifest, threads), wait_s=wait_s)


class Model:
    """A loaded model. `score` may be called from many threads; `name` and `version` tell which model it is."""

    def __init__(self, engine, labels=None, wait_s=0.0, cached_characters=CACHED_CHARACTERS):
        """`labels` maps an engine's labels to outputs of a Reading, those that are none by name already; several may map to one.
        Readings of texts of up to `cached_characters` are kept."""
        self.name, self.version = engine.name, engine.version
        self._engine = engine
        self._tokenizer = engine.tokenizer
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        # A piece of no known letter, and the bare word mark that stands before it.
        self._silent = {self._tokenizer.token_to_id(piece) for piece in ("<unk>", "[UNK]", "▁")}
        self._batcher = Batcher(self._infer, wait_s)
        self._cache, self._cache_lock = LRUCache(CACHED_TEXTS), threading.Lock()
        self._cached_characters = cached_characters
        outputs = [_output(label, labels or {}, engine) for label in engine.labels]
        self._columns = [[i for i, output in enumerate(outputs) if output == name] for name in SENTIMENTS]
        self._others = {output: i for i, output in enumerate(outputs) if output not in SENTIMENTS}
        if not self._columns[0] or not self._columns[2]:
            raise BadModel(f"model {self.name} has the labels {outputs}; negative and positive must be among them")
        special = self._tokenizer.encode("").ids
        self._start, self._end = special[:-1], special[-1:]

    def score(self, texts, on_batch=lambda: None):
        """Readings of texts, in their order. `texts`: a list of (text, channel); channel "" where it is unknown.

        `on_batch` is called between forward passes, for those that must show a sign of life.
        """
        keys = [(cleaned(text, channel), channel if self._engine.prefixes else "") for text, channel in texts]
        with self._cache_lock:
            found = {key: self._cache[key] for key in keys if key in self._cache}
        fresh = [key for key in dict.fromkeys(keys) if key not in found]
        windows = [self._windows(*key) for key in fresh]
        outputs = iter(self._batcher.run([ids for several in windows for ids in several], on_batch))
        for key, several in zip(fresh, windows):
            each = [(len(ids), *next(outputs)) for ids in several]
            read = merge(each) if each else NOTHING_READ
            found[key] = Reading(*read, detect(key[0]), self.name, self.version)
        with self._cache_lock:
            self._cache.update({key: found[key] for key in fresh if len(key[0]) <= self._cached_characters})
        return [found[key] for key in keys]

    def _windows(self, text, channel):
        """Token ids of a text's windows, each with the channel in front and the special tokens around; none where the
        vocabulary has no piece of the text."""
        body = self._encode(text)
        if self._silent.issuperset(body):
            return []
        start = self._start
        if self._engine.prefixes:
            start = [*start, *self._encode(channel_prefix(channel))]
        room = WINDOW_TOKENS - len(start) - len(self._end)
        count = -(-len(body) // room)
        step = -(-len(body) // count)  # even windows: a last one of two words would be read without its context
        return [[*start, *body[at : at + step], *self._end] for at in range(0, len(body), step)]

    def _encode(self, text):
        return self._tokenizer.encode(text, add_special_tokens=False).ids

    def _infer(self, windows):
        """(sentiment probabilities, other outputs) of windows that share one forward pass."""
        longest = max(map(len, windows))
        ids = np.full((len(windows), longest), self._engine.pad_id, np.int64)
        mask = np.zeros_like(ids)
        for row, window in enumerate(windows):
            ids[row, : len(window)] = window
            mask[row, : len(window)] = 1
        logits = self._engine(ids, mask).astype(np.float64)  # (N, labels)
        feelings = logits[:, [i for columns in self._columns for i in columns]]
        odds = np.exp(logits - feelings.max(1, keepdims=True))
        sums = np.stack([odds[:, columns].sum(1) for columns in self._columns], 1)  # (N, 3)
        probabilities = sums / sums.sum(1, keepdims=True)
        marks = 1 / (1 + np.exp(-logits))
        return [
            (tuple(probabilities[row].tolist()), {name: float(marks[row, i]) for name, i in self._others.items()})
            for row in range(len(windows))
        ]


def _output(label, table, engine):
    """The output of a Reading that a model's label stands for."""
    output = table.get(label, label.lower())
    if is_output(output):
        return output
    names = ", ".join(engine.labels)
    example = json.dumps({label: "negative"})
    raise BadModel(
        f"model {engine.name} has the labels {names}: name their meaning in MOODLINE_HUB_LABELS, as {example}"
    )
