"""The exported model → model.onnx, which ONNX Runtime reads on the processor: 8-bit products where they change next to nothing.

    python -m models.quantise --model models/sentiment

The matrices of the encoder are quantised, a scale for each column, activations as they come (dynamic quantisation). Two things
keep the labels: activations are smoothed channel by channel before they are rounded (SmoothQuant, Xiao et al. 2022), and the
ways out of the feed-forward layers, where a few channels are many times as large as the rest and most of the error arose, stay in
float. Weights are unsigned: with signed ones, processors without VNNI add two products in 16 bits and overflow.
The word embeddings are not stored twice: model.onnx reads them out of model.safetensors, where they lie in half precision.
"""

import argparse
import json
import logging
import random
import struct
import tempfile
import warnings
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import TensorProto, helper, numpy_helper
from onnx.external_data_helper import set_external_data
from onnxruntime.quantization import QuantType, quantize_dynamic
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from models.data import own_rows
from service.sentiment.engine import ONNX
from service.text import model_input

WEIGHTS = "model.safetensors"
WORDS = "bert.embeddings.word_embeddings.weight"
SMOOTHING = 0.65  # how much of the spread moves from the activations into the weights
CALIBRATION_ROWS = 256


class _Logits(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, input_ids, attention_mask):
        return self.model(input_ids=input_ids, attention_mask=attention_mask).logits


def float_graph(folder):
    """The model as an onnx.ModelProto in float32: input_ids and attention_mask, (N, L) int64, to logits, (N, outputs)."""
    model = AutoModelForSequenceClassification.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager")
    ids = torch.randint(5, 1_000, (2, 12))
    count, length = torch.export.Dim("N"), torch.export.Dim("L")
    names = ("input_ids", "attention_mask")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            _Logits(model.eval()),
            (ids, torch.ones_like(ids)),
            input_names=names,
            output_names=["logits"],
            dynamic_shapes={name: {0: count, 1: length} for name in names},
            dynamo=True,
            verbose=False,
        )
    return program.model_proto


def _session(graph):
    with tempfile.TemporaryDirectory() as folder:  # with its weights a graph may be too large for a message in memory
        onnx.save(graph, Path(folder) / ONNX)
        return onnxruntime.InferenceSession(Path(folder) / ONNX, providers=["CPUExecutionProvider"])


def weight_products(graph):
    """The matrix products of the encoder with a weight, by the tensor that goes into them: {name: [node]}."""
    weights = {tensor.name for tensor in graph.graph.initializer}
    found = {}
    for node in graph.graph.node:
        if node.op_type == "MatMul" and node.input[1] in weights:
            found.setdefault(node.input[0], []).append(node)
    return found


def largest_activations(graph, tensors, rows, tokenizer):
    """The largest magnitude of each channel of tensors over rows: {name: (channels,) float32}."""
    watched = onnx.ModelProto()
    watched.CopyFrom(graph)
    watched.graph.output.extend(helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in tensors)
    session, top = _session(watched), {}
    for row in rows:
        text = model_input(row["text"], row["channel"])
        ids = np.array([tokenizer(text, truncation=True, max_length=96)["input_ids"]])
        for name, values in zip(tensors, session.run(tensors, {"input_ids": ids, "attention_mask": np.ones_like(ids)})):
            top[name] = np.maximum(top.get(name, 0), np.abs(values).reshape(-1, values.shape[-1]).max(0))
    return top


def smooth(graph, top):
    """Change the graph: x @ W becomes (x / s) @ (s * W), but the ways out of the feed-forward layers are stored in half precision.

    Returns the names of the products to quantise.
    """
    weights = {tensor.name: tensor for tensor in graph.graph.initializer}
    before, quantised = {}, []
    for name, nodes in weight_products(graph).items():
        matrices = {node.name: numpy_helper.to_array(weights[node.input[1]]) for node in nodes}
        reach = np.abs(np.concatenate(list(matrices.values()), 1)).max(1)
        if len(reach) > max(matrix.shape[1] for matrix in matrices.values()):  # out of a feed-forward layer
            for node in nodes:
                weight, half = node.input[1], f"{node.input[1]}_half"
                weights[weight].CopyFrom(numpy_helper.from_array(matrices[node.name].astype(np.float16), half))
                before[node.name] = helper.make_node("Cast", [half], [weight], to=TensorProto.FLOAT)
            continue
        scale = np.maximum(top[name], 1e-4) ** SMOOTHING / np.maximum(reach, 1e-4) ** (1 - SMOOTHING)
        scale = (scale / np.exp(np.log(scale).mean())).astype(np.float32)
        small = f"{name}_smoothed"
        graph.graph.initializer.append(numpy_helper.from_array(1 / scale, f"{name}_scale"))
        before[nodes[0].name] = helper.make_node("Mul", [name, f"{name}_scale"], [small])
        for node in nodes:
            weight = node.input[1]
            weights[weight].CopyFrom(numpy_helper.from_array(matrices[node.name] * scale[:, None], weight))
            node.input[0] = small
            quantised.append(node.name)
    nodes = [new for node in graph.graph.node for new in (before.get(node.name), node) if new is not None]
    del graph.graph.node[:]
    graph.graph.node.extend(nodes)
    return quantised


def share_words(graph, folder):
    """Change the graph: the word embeddings are those in model.safetensors, float16, cast to float32 after the look-up."""
    with open(folder / WEIGHTS, "rb") as stream:  # the format: an 8-byte length, a JSON header, the tensors
        length = struct.unpack("<Q", stream.read(8))[0]
        place = json.loads(stream.read(length))[WORDS]
    start, end = place["data_offsets"]
    if place["dtype"] != "F16":
        raise SystemExit(f"{WORDS} is {place['dtype']}, not F16: export the model first")
    look_up = next(node for node in graph.graph.node if node.op_type == "Gather" and node.input[0].endswith(WORDS))
    words = next(tensor for tensor in graph.graph.initializer if tensor.name == look_up.input[0])
    shape = list(words.dims)
    words.CopyFrom(TensorProto(name=words.name, dims=shape, data_type=TensorProto.FLOAT16, raw_data=b""))
    set_external_data(words, WEIGHTS, 8 + length + start, end - start)
    words.ClearField("raw_data")
    result = look_up.output[0]
    look_up.output[0] = f"{result}_half"
    at = list(graph.graph.node).index(look_up)
    graph.graph.node.insert(at + 1, helper.make_node("Cast", [f"{result}_half"], [result], to=TensorProto.FLOAT))


def quantise(folder):
    """Write model.onnx beside the folder's model.safetensors."""
    logging.disable(logging.WARNING)  # the quantiser advises a step for images
    graph = float_graph(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    rows = random.Random(3).sample(own_rows("train"), CALIBRATION_ROWS)
    del graph.graph.value_info[:]  # shapes known before the products are changed
    names = smooth(graph, largest_activations(graph, list(weight_products(graph)), rows, tokenizer))
    with tempfile.TemporaryDirectory() as scratch:
        target = Path(scratch) / ONNX
        quantize_dynamic(
            graph,
            target,
            per_channel=True,
            weight_type=QuantType.QUInt8,
            nodes_to_quantize=names,
            extra_options={"MatMulConstBOnly": True, "DefaultTensorType": TensorProto.FLOAT},
        )
        graph = onnx.load(target)
    share_words(graph, folder)
    (folder / ONNX).write_bytes(graph.SerializeToString())
    logging.disable(logging.NOTSET)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=Path(__file__).parent / "sentiment")
    folder = parser.parse_args().model
    quantise(folder)
    print(f"{ONNX}: {(folder / ONNX).stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
