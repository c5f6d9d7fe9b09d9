"""Products in 8 bits while training, as ONNX Runtime will multiply them on a processor (Jacob et al. 2018).

Weights lie on a grid of 7 bits, with a step for each row of a layer's matrix: with all 8, processors without VNNI add two products
in 16 bits and overflow. Activations are rounded to 8 bits between the least and the largest of all that is read together, so that a
few values many times as large as the rest cost all others their detail: what lies beyond REACH is pulled back.
"""

import torch

LEVELS = 64  # of a weight, on each side of zero
REACH = 6.0
PULL = 0.05  # weight in the loss of the distance beyond REACH: its sum over channels, its mean over tokens


def on_grid(weight):
    """A matrix, (out, in), with the values of each row at the nearest of its levels."""
    step = weight.abs().amax(1, keepdim=True).clamp_min(1e-8) / LEVELS
    return (weight / step).round_().mul_(step)


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

    def forward(self, values):
        return torch.nn.functional.linear(values, _Weight.apply(self.weight), self.bias)


def round_products(encoder):
    """Let a BERT encoder multiply, in place, as model.onnx will; what goes into query, key and value is rounded once."""
    for name, module in encoder.named_modules():
        if type(module) is torch.nn.Linear:
            module.__class__ = RoundedLinear
        if name.endswith(("attention.self", "dense")):
            module.register_forward_pre_hook(lambda _, inputs: (_Activations.apply(inputs[0]), *inputs[1:]))
