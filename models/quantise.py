"""The exported model → model.onnx, which ONNX Runtime reads on the processor: the encoder's products in 8 bits.

    python -m models.quantise --model models/sentiment

Activations are rounded as they come (dynamic quantisation); the weights lie on the grid of `models.rounding` already, on which the
model was trained, so that nothing is lost on them here. A few ways out of feed-forward layers stay in float. The word embeddings are
not stored twice: model.onnx reads them out of model.safetensors, where they lie in half precision.
"""

import argparse
import json
import logging
import struct
import tempfile
import warnings
from pathlib import Path

import onnx
import torch
from onnx import TensorProto, helper
from onnx.external_data_helper import set_external_data
from onnxruntime.quantization import QuantType, quantize_dynamic
from transformers import AutoModelForSequenceClassification

from models.rounding import ways_in
from service.sentiment.engine import ONNX

WEIGHTS = "model.safetensors"
FLOAT_WAYS_OUT = (1, 2, 4, 5)  # where the largest part of the error of 0.4.0 arose (models/LOG.md)
WORDS = "bert.embeddings.word_embeddings.weight"


class _Logits(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, input_ids, attention_mask):
        return self.model(input_ids=input_ids, attention_mask=attention_mask).logits


class _Times(torch.nn.Module):
    def __init__(self, factors):
        super().__init__()
        self.register_buffer("factors", factors)

    def forward(self, values):
        return values * self.factors


def float_graph(folder):
    """The model as an onnx.ModelProto in float32: input_ids and attention_mask, (N, L) int64, to logits, (N, outputs).

    What goes into the feed-forward layers is divided, and their weights multiplied, by the divisors of `models.rounding`.
    """
    model = AutoModelForSequenceClassification.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager")
    for place, (layer, divisors) in zip(model.bert.encoder.layer, ways_in(model.bert.encoder)):
        layer.weight.data *= divisors
        place.intermediate.dense = torch.nn.Sequential(_Times(1 / divisors), layer)
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


def encoder_products(graph, but=()):
    """Names of the encoder's matrix products with a weight, without the ways out of the feed-forward layers `but`, counted from 0."""
    weights = {tensor.name: tensor.dims for tensor in graph.graph.initializer}
    found = [node for node in graph.graph.node if node.op_type == "MatMul" and node.input[1] in weights]
    out = [node for node in found if weights[node.input[1]][0] > weights[node.input[1]][1]]
    return [node.name for node in found if node not in [out[layer] for layer in but]]


def in_8_bits(graph, products, reduce_range):
    """The graph with the named products in 8 bits (reduce_range: their weights in 7), a scale for each column of a matrix."""
    logging.disable(logging.WARNING)  # the quantiser advises a step for images
    del graph.graph.value_info[:]  # shapes known before the products are changed
    with tempfile.TemporaryDirectory() as scratch:
        target = Path(scratch) / ONNX
        quantize_dynamic(
            graph,
            target,
            per_channel=True,
            reduce_range=reduce_range,
            weight_type=QuantType.QInt8,
            nodes_to_quantize=products,
            extra_options={"MatMulConstBOnly": True, "DefaultTensorType": TensorProto.FLOAT},
        )
        graph = onnx.load(target)
    logging.disable(logging.NOTSET)
    return graph


def quantise(folder):
    """Write model.onnx beside the folder's model.safetensors."""
    graph = float_graph(folder)
    graph = in_8_bits(graph, encoder_products(graph, but=FLOAT_WAYS_OUT), reduce_range=True)
    share_words(graph, folder)
    (folder / ONNX).write_bytes(graph.SerializeToString())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=Path(__file__).parent / "sentiment")
    folder = parser.parse_args().model
    quantise(folder)
    print(f"{ONNX}: {(folder / ONNX).stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
