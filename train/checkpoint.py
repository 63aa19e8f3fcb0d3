"""Save and load the state of a run, so that a killed run goes on where it was."""

import os

import torch
from safetensors.torch import load_file


def save(run, model, optimizers, state, keep):
    """Write checkpoint.pt in one rename; of the last `keep` saves the weights stay, to average."""
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


def start_from(folder, model):
    """Fill a fresh model with the weights of an exported one; the optimizers begin anew."""
    weights = load_file(folder / "model.safetensors")
    fresh = model.state_dict()
    wrong = [name for name in weights if weights[name].shape != fresh[name].shape]
    if wrong:
        raise SystemExit(f"{folder} has another shape than the config: {wrong[0]}")
    # Tied copies and the fixed positions are not in the file.
    model.load_state_dict({name: tensor.float() for name, tensor in weights.items()}, strict=False)
    model.tie_weights()


def load(run, model, optimizers, device):
    """Fill model and optimizers from checkpoint.pt if there is one; return the progress."""
    path = run / "checkpoint.pt"
    if not path.exists():
        return {"step": 0, "epoch": 0, "seconds": 0.0}
    whole = torch.load(path, map_location=device)
    model.load_state_dict(whole["model"])
    for optimizer, saved in zip(optimizers, whole["optimizers"], strict=True):
        optimizer.load_state_dict(saved)
    # The rest of the interrupted epoch is left out rather than its beginning repeated.
    whole["state"]["epoch"] += 1
    print(f"going on from step {whole['state']['step']} in {path}", flush=True)
    return whole["state"]
