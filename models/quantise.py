"""The exported model → model.onnx, which ONNX Runtime reads on the processor: all products of the encoder in 8 bits.

    python -m models.quantise --model models/sentiment

Activations are rounded as they come (dynamic quantisation); the weights lie on the grid of `models.rounding` already, on which the
model was trained, so that nothing is lost on them here. The word embeddings are not stored twice: model.onnx reads them out of
model.safetensors, where they lie in half precision.
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

from service.sentiment.engine import ONNX

WEIGHTS = "model.safetensors"
WORDS = "bert.embeddings.word_embeddings.weight"


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


def in_8_bits(graph, **options):
    """The graph with its products with weights in 8 bits, a scale for each column of a matrix; options as `quantize_dynamic` takes them."""
    logging.disable(logging.WARNING)  # the quantiser advises a step for images
    del graph.graph.value_info[:]  # shapes known before the products are changed
    with tempfile.TemporaryDirectory() as scratch:
        target = Path(scratch) / ONNX
        extra = {"MatMulConstBOnly": True, "DefaultTensorType": TensorProto.FLOAT}
        quantize_dynamic(graph, target, per_channel=True, weight_type=QuantType.QInt8, extra_options=extra, **options)
        graph = onnx.load(target)
    logging.disable(logging.NOTSET)
    return graph


def quantise(folder):
    """Write model.onnx beside the folder's model.safetensors."""
    graph = in_8_bits(float_graph(folder), op_types_to_quantize=["MatMul"], reduce_range=True)
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
