"""What multiplies: token ids in, logits out. ONNX Runtime on the processor, PyTorch on a GPU or for a model from a hub."""

import json
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from service.errors import BadModel

ONNX = "model.onnx"


class OnnxEngine:
    """ONNX Runtime over an exported folder's model.onnx. `labels` names the logits; `name` and `version` are the manifest's.

    Calling it with ids and mask, (N, L) int64, returns logits, (N, labels) float32.
    """

    prefixes = True  # the model was taught to read the channel in front of the text

    def __init__(self, folder, manifest, threads):
        """Raises BadModel where the files can't be loaded."""
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        folder = Path(folder)
        self.name, self.version = manifest["name"], manifest["version"]
        try:
            config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
            self.labels = [config["id2label"][str(i)] for i in range(len(config["id2label"]))]
            self.pad_id = config["pad_token_id"]
            self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
            self._session = onnxruntime.InferenceSession(folder / ONNX, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime and tokenizers raise classes of their own, without a common one
            raise BadModel(f"model in {folder} can't be loaded ({type(error).__name__})") from None

    def __call__(self, ids, mask):
        return self._session.run(None, {"input_ids": ids, "attention_mask": mask})[0]


class TorchEngine:
    """PyTorch, on the GPU where there is one, over a folder or a hub's model in the Hugging Face form; else as OnnxEngine."""

    def __init__(self, source, manifest=None, threads=0):
        """`source`: a folder, or `owner/name` or `owner/name@revision` of a hub. Raises BadModel where it can't be loaded."""
        import torch
        from transformers import AutoModelForSequenceClassification, AutoTokenizer
        from transformers.utils import logging

        logging.set_verbosity_error()
        logging.disable_progress_bar()
        self._torch = torch
        if threads:
            torch.set_num_threads(threads)
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        self.prefixes = manifest is not None
        where, _, revision = (str(source), "", "") if Path(source).exists() else str(source).partition("@")
        options = {"revision": revision or "main", "local_files_only": manifest is not None}
        try:
            tokenizer = AutoTokenizer.from_pretrained(where, **options)
            self._model = AutoModelForSequenceClassification.from_pretrained(where, dtype=torch.float32, **options)
            self.tokenizer = Tokenizer.from_str(tokenizer.backend_tokenizer.to_str())
        except Exception as error:  # the libraries raise many kinds, some with pages of advice
            advice = "" if manifest else ": check MOODLINE_HUB_MODEL, and that the hub can be reached"
            raise BadModel(f"model {source} can't be loaded ({type(error).__name__}){advice}") from None
        self._model.eval().to(self._device)
        config = self._model.config
        self.labels = [config.id2label[i] for i in range(len(config.id2label))]
        self.pad_id = tokenizer.pad_token_id or 0
        if manifest is None:
            commit = getattr(config, "_commit_hash", None)
            manifest = {"name": Path(where).name, "version": revision or (commit and commit[:12]) or "local"}
        self.name, self.version = manifest["name"], manifest["version"]

    def __call__(self, ids, mask):
        torch = self._torch
        with torch.inference_mode():
            tensors = {"input_ids": torch.from_numpy(ids), "attention_mask": torch.from_numpy(mask)}
            found = self._model(**{name: tensor.to(self._device) for name, tensor in tensors.items()})
        return found.logits.float().cpu().numpy().astype(np.float32, copy=False)
