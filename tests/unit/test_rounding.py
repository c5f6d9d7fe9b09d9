"""Products in 8 bits: what training multiplies by is what ONNX Runtime will multiply by."""

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper
from transformers import BertConfig, BertModel

from models.rounding import LEVELS, REACH, ROOM, RoundedLinear, on_grid, round_products, to_grid, ways_in

SHAPE = (2, 5, 16)  # of activations


@pytest.fixture
def encoder():
    torch.manual_seed(3)
    shape = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    encoder = BertModel(BertConfig(vocab_size=20, **shape)).encoder
    encoder.layer[0].attention.output.LayerNorm.weight.data[3] = 4 * ROOM / 16**0.5 - 1
    return encoder


@pytest.fixture
def layer():
    torch.manual_seed(3)
    layer = RoundedLinear(16, 16)
    layer.bias.data.zero_()
    return layer


def test_a_channel_that_a_norm_can_make_large_is_divided_by_a_power_of_two(encoder):
    (first, divided), (_, other) = ways_in(encoder)
    assert first is encoder.layer[0].intermediate.dense
    assert divided[3] == 4 and divided.sum() == 4 + 15 and (other == 1).all()


def test_an_encoder_on_its_grid_multiplies_the_same_rounded_or_not_but_for_its_activations(encoder):
    to_grid(encoder)
    layer, divided = ways_in(encoder)[0]
    assert torch.equal(on_grid(layer.weight * divided) / divided, layer.weight)
    values = torch.randn(SHAPE)
    plain = layer(values)
    round_products(encoder)
    assert isinstance(layer, RoundedLinear) and torch.equal(layer.divisors, divided)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.allclose(layer(values).float(), plain, atol=0.05)


def test_a_rows_weights_lie_on_its_levels_and_its_largest_stays(layer):
    found = on_grid(layer.weight.detach())
    largest = layer.weight.detach().abs().amax(1, keepdim=True)
    levels = found / largest * LEVELS
    assert torch.allclose(levels, levels.round(), atol=1e-4) and levels.abs().max() == LEVELS
    assert ((found - layer.weight).abs() <= largest / LEVELS / 2 + 1e-7).all()


def test_weights_on_the_grid_stay_there_in_half_precision(layer):
    found = on_grid(layer.weight.detach())
    assert torch.allclose(on_grid(found.half().float()), found, rtol=1e-3)


def test_activations_are_rounded_as_onnx_runtime_does(layer):
    values = torch.randn(SHAPE) * 3 + 1
    nodes = [
        helper.make_node("DynamicQuantizeLinear", ["x"], ["y", "step", "zero"]),
        helper.make_node("DequantizeLinear", ["y", "step", "zero"], ["z"]),
    ]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, SHAPE) for name in "xz"]
    graph = helper.make_model(
        helper.make_graph(nodes, "g", ends[:1], ends[1:]), opset_imports=[helper.make_opsetid("", 17)], ir_version=10
    )
    onnx.checker.check_model(graph)
    session = onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
    theirs = session.run(None, {"x": values.numpy()})[0]
    layer.weight.data = torch.eye(16)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        ours = layer(values)
    step = (values.max() - values.min()).item() / 255
    # bfloat16 holds 8 bits of a value itself, so that one near the edge of two steps may go to the other.
    assert np.abs(ours.detach().float().numpy() - theirs).max() <= step + 2**-8 * values.abs().max().item()


def test_the_gradient_passes_and_what_lies_beyond_reach_is_pulled_back(layer):
    values = torch.randn(SHAPE)
    values[0, 0, 0], values[1, 2, 3] = REACH + 4, -REACH - 4
    values.requires_grad_()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        (0 * layer(values)).sum().backward()
    assert values.grad[0, 0, 0] > 0 > values.grad[1, 2, 3]
    assert (values.grad != 0).sum() == 2
    assert (layer.weight.grad == 0).all()
