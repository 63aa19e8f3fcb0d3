"""Muon (Jordan et al. 2024): W ← W − rate · 0.2 · √max(A, B) · orthogonal(mean gradient).

PyTorch's own works in bf16, which a processor without bf16 products does eight times slower than
f32, on one matrix after another, and repeats all of it in every worker. Here matrices of one shape
go through together, in f32 where that is faster, and each worker does its share.
"""

import math

import torch
from torch import distributed

# A quintic whose iteration drives all singular values towards one (Jordan's coefficients).
A, B, C = 3.4445, -4.775, 2.0315
ITERATIONS = 5


def fast_bf16(device):
    """True where products in bf16 are faster than in f32."""
    return device.type == "cuda" or torch.cpu._is_avx512_bf16_supported()


def orthogonal(batch):
    """The nearest orthogonal matrices, roughly, of a batch `[N, rows, columns]`, rows ≤ columns."""
    x = batch / batch.norm(dim=(1, 2), keepdim=True).clamp(min=1e-7)
    for _ in range(ITERATIONS):
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=B, alpha=C), x, beta=A)
    return x


def shared_out(batch):
    """`orthogonal`, each worker having done a part of the batch."""
    if not distributed.is_initialized():
        return orthogonal(batch)
    count, rank = distributed.get_world_size(), distributed.get_rank()
    each = math.ceil(len(batch) / count)
    padded = torch.cat([batch, batch[: each * count - len(batch)]])
    parts = [torch.empty_like(padded[:each]) for _ in range(count)]
    distributed.all_gather(parts, orthogonal(padded[rank * each : (rank + 1) * each]))
    return torch.cat(parts)[: len(batch)]


class Muon(torch.optim.Optimizer):
    """Momentum with Nesterov's look-ahead, made orthogonal; decoupled weight decay."""

    def __init__(self, matrices, lr, momentum, weight_decay):
        super().__init__(
            list(matrices), {"lr": lr, "momentum": momentum, "weight_decay": weight_decay}
        )

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            shapes = {}
            for weight in group["params"]:
                shapes.setdefault(tuple(sorted(weight.shape)), []).append(weight)
            for weights in shapes.values():
                self.step_together(weights, group)

    def step_together(self, weights, group):
        """One step of matrices that have the same two sides."""
        rows = min(weights[0].shape)
        ahead = []
        for weight in weights:
            state = self.state[weight]
            if "momentum" not in state:
                state["momentum"] = torch.zeros_like(weight)
            state["momentum"].lerp_(weight.grad, 1 - group["momentum"])
            look = weight.grad.lerp(state["momentum"], group["momentum"])
            ahead.append(look if len(look) == rows else look.T)
        batch = torch.stack(ahead)
        if fast_bf16(batch.device):
            batch = batch.bfloat16()
        rate = group["lr"] * 0.2 * math.sqrt(max(weights[0].shape))
        for weight, change in zip(weights, shared_out(batch), strict=True):
            weight.mul_(1 - group["lr"] * group["weight_decay"])
            weight.sub_(rate * (change if change.shape == weight.shape else change.T))
