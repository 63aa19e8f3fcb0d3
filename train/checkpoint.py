"""Save and load the state of a run, so that a killed run goes on where it was."""

import os

import torch


def save(run, model, optimizers, state, keep):
    """Write checkpoint.pt in one rename, and keep the weights alone of the last `keep` saves for averaging."""
    whole = {
        "model": model.state_dict(),
        "optimizers": [optimizer.state_dict() for optimizer in optimizers],
        "state": state,
    }
    draft = run / "checkpoint.tmp"
    torch.save(whole, draft)
    os.replace(draft, run / "checkpoint.pt")
    half = {name: tensor.to(torch.float16) for name, tensor in model.state_dict().items()}
    torch.save(half, draft)
    os.replace(draft, run / f"weights-{state['step']:07d}.pt")
    for old in sorted(run.glob("weights-*.pt"))[:-keep]:
        old.unlink()


def load(run, model, optimizers, device):
    """Fill model and optimizers from checkpoint.pt if there is one; return the progress."""
    path = run / "checkpoint.pt"
    if not path.exists():
        return {"step": 0, "epoch": 0, "seconds": 0.0}
    whole = torch.load(path, map_location=device)
    model.load_state_dict(whole["model"])
    for optimizer, saved in zip(optimizers, whole["optimizers"]):
        optimizer.load_state_dict(saved)
    print(f"going on from step {whole['state']['step']} in {path}", flush=True)
    return whole["state"]
