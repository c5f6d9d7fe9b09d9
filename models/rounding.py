"""Products in 8 bits while training, as ONNX Runtime will multiply them on a processor (Jacob et al. 2018).

Weights lie on a grid of 7 bits, with a step for each row of a layer's matrix: with all 8, processors without VNNI add two products
in 16 bits and overflow. Activations are rounded to 8 bits between the least and the largest of all that is read together, so that a
few values many times as large as the rest cost all others their detail: what lies beyond REACH is pulled back, and channels that a
LayerNorm can make large are divided before they are rounded, and multiplied in the weights (Xiao et al. 2022).
"""

import math

import torch

LEVELS = 64  # of a weight, on each side of zero
REACH = 6.0
ROOM = 12.0  # the largest bound of a channel that is not divided
PULL = 0.05  # weight in the loss of the distance beyond REACH: its sum over channels, its mean over tokens


def on_grid(weight):
    """A matrix, (out, in), with the values of each row at the nearest of its levels."""
    step = weight.abs().amax(1, keepdim=True).clamp_min(1e-8) / LEVELS
    return (weight / step).round_().mul_(step)


def divisors(norm):
    """Powers of two, (channels,), that bring the bound of each output of a LayerNorm, |weight| · √channels + |bias|, to ROOM."""
    bound = norm.weight.detach().abs() * math.sqrt(norm.weight.numel()) + norm.bias.detach().abs()
    return 2 ** (bound / ROOM).log2().ceil().clamp_min(0)


def ways_in(encoder):
    """[(linear layer, divisors of its channels)]: the ways into the feed-forward layers of a BERT encoder."""
    return [(layer.intermediate.dense, divisors(layer.attention.output.LayerNorm)) for layer in encoder.layer]


class _Weight(torch.autograd.Function):
    @staticmethod
    def forward(ctx, weight):
        return on_grid(weight).bfloat16()

    @staticmethod
    def backward(ctx, gradient):
        return gradient.float()


class _Activations(torch.autograd.Function):
    """(N, L, channels) in 8 bits; backwards the gradient passes as if nothing had been rounded, and the pull is added."""

    @staticmethod
    def forward(ctx, values):
        found = values.bfloat16()
        least, most = (edge.item() for edge in torch.aminmax(found))
        ctx.dtype = values.dtype
        ctx.save_for_backward(found if max(-least, most) > REACH else None)
        step = max(max(most, 0.0) - min(least, 0.0), 1e-8) / 255
        return (found * (1 / step)).round_().mul_(step)

    @staticmethod
    def backward(ctx, gradient):
        (values,) = ctx.saved_tensors
        if values is not None:
            beyond = values - values.clamp(-REACH, REACH)
            gradient = gradient + beyond.sign_().mul_(PULL / (values.shape[0] * values.shape[1]))
        return gradient.to(ctx.dtype)


class RoundedLinear(torch.nn.Linear):
    """A linear layer whose weights are kept in full and multiply from their grid."""

    divisors = None

    def forward(self, values):
        weight = self.weight
        if self.divisors is not None:
            values, weight = values / self.divisors, weight * self.divisors
        return torch.nn.functional.linear(_Activations.apply(values), _Weight.apply(weight), self.bias)


def round_products(encoder):
    """Let a BERT encoder multiply, in place, as model.onnx will."""
    for module in encoder.modules():
        if type(module) is torch.nn.Linear:
            module.__class__ = RoundedLinear
    for layer, divided in ways_in(encoder):
        layer.divisors = divided


def to_grid(encoder):
    """Put the weights of a BERT encoder, in place, on the grid from which model.onnx will multiply."""
    large = dict(ways_in(encoder))
    for module in encoder.modules():
        if isinstance(module, torch.nn.Linear):
            divided = large.get(module, torch.ones(1))
            module.weight.data = on_grid(module.weight.data * divided) / divided
