"""AdamW for everything, or Muon for the matrices inside the layers and AdamW for the rest."""

import torch

from muon import Muon


def build_optimizers(model, config):
    """The optimizers of a config; each group remembers its full learning rate as base_lr."""
    if config["optimizer"] == "adamw":
        matrices, others = [], list(model.parameters())
    elif config["optimizer"] == "muon":
        # Marian calls its layers "layers", GPT-2 "h".
        inside = [
            p
            for name, p in model.named_parameters()
            if (".layers." in name or ".h." in name) and p.dim() == 2
        ]
        chosen = {id(p) for p in inside}
        matrices, others = inside, [p for p in model.parameters() if id(p) not in chosen]
    else:
        raise SystemExit(f"optimizer must be adamw or muon, not {config['optimizer']!r}")
    others = [p for p in others if p.requires_grad]
    built = [
        torch.optim.AdamW(
            others,
            lr=config["rate"],
            betas=(0.9, 0.98),
            eps=1e-9,
            weight_decay=config["weight_decay"],
            fused=True,
        )
    ]
    if matrices:
        built.append(
            Muon(
                matrices,
                lr=config["muon_rate"],
                momentum=0.95,
                weight_decay=config["weight_decay"],
            )
        )
    for optimizer in built:
        for group in optimizer.param_groups:
            group["base_lr"] = group["lr"]
    return built


def set_rate(optimizers, factor):
    """Set every learning rate to a share of its full value."""
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = group["base_lr"] * factor
