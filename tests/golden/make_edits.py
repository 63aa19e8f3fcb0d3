"""Writes edits/: what small models write, and what is in them, when something is changed.

    python make_edits.py
"""

import itertools
import json
from pathlib import Path

import torch
from safetensors.torch import save_file

from edits_cases import CASES
from edits_hosts import PROMPT, Translator, Writer
from edits_pass import is_map, matches
from make import margins
from make_causal import Unfit

HERE = Path(__file__).resolve().parent
# Rounding in f32 must not decide, nor hide what is wrong.
LEAST_LEAD, MOST_ROUNDING = 0.02, 4e-6


def snapshots(host, case, generator):
    """The edits, each `replace` with values of another run, shaped as the engine traces them."""
    edits = []
    for edit in case["edits"]:
        if "replace" in edit:
            inputs, _ = host.draw(generator, "write")
            sites = host.run(host.model, [], inputs, host.write([], inputs))
            site, time = edit["replace"], 2 if is_map(edit["replace"]) else 1
            data = sites[site].float()
            if edit.get("position") is not None:
                data = data.narrow(time, edit["position"], 1)
            elif case["of_step"] is not None:
                data = data.narrow(time, case["of_step"], 1)
            elif not site.startswith("encoder"):
                data = data.narrow(time, 0, PROMPT - 1)
            edit = {**edit, "data": data.double()}
        edits.append(edit)
    return edits


def words(edit, name):
    """As people write it; a snapshot has no words."""
    place = f" in {edit['in']}" if "in" in edit else ""
    if "scale" in edit:
        heads = f" heads {','.join(map(str, edit['heads']))}" if "heads" in edit else ""
        return f"scale {edit['scale']} by {edit['by']}{heads}"
    if "off" in edit:
        return f"{edit['off']} off{place}"
    if "norm" in edit:
        return f"norm {edit['norm']}{place}"
    if "keyValueHeads" in edit:
        return f"key-value heads {edit['keyValueHeads']}"
    return {**edit, "data": f"{name}/replace"}


def kept(case, site, model):
    """Whether a file that does not store all sites stores this one."""
    if case["stores"] == "all":
        return site != "probabilities"
    last = "norm" if model.config.model_type == "marian" else "residual"
    patterns = [f"*.*.feed_forward.{last}", "decoder.norm", "logits"]
    patterns += [edit.get("scale") or edit.get("replace") for edit in case["edits"]]
    return any(matches(pattern, site) for pattern in patterns + case["also"] if pattern)


def stored(host, sites, case):
    """Sites as the goldens have them."""
    is_marian = isinstance(host, Translator)
    result = {}
    for site, x in sites.items():
        if not kept(case, site, host.model) or is_marian and site.endswith(".turned_key"):
            continue
        result[site] = x if is_marian else x[0]
    return result


def make(host, case, seed, least_distinct):
    generator = torch.Generator().manual_seed(seed)
    name, task = case["name"], case["task"]
    inputs, targets = host.draw(generator, task)
    edits = snapshots(host, case, generator)
    tokens = host.given(targets) if targets else host.write(edits, inputs)
    sites = host.run(host.model, edits, inputs, tokens, task)
    counted = host.counted(inputs, tokens)
    chances = host.chances(sites)[:, -tokens.shape[1] :]
    if task == "write":
        lead = margins(chances[counted], tokens[counted]).min()
        ends = host.model.generation_config.eos_token_id
        ends = ends if isinstance(ends, list) else [ends]
        distinct = len(set(tokens[counted].tolist()))
        if lead < LEAST_LEAD or counted.sum() < 5 or distinct < least_distinct:
            raise Unfit(f"lead {lead:.3f}, {tokens.tolist()}")
        if isinstance(host, Writer) and set(ends) & set(tokens[0].tolist()):
            raise Unfit("an end")
        if (host.write([], inputs) == tokens).all():
            raise Unfit("the edit changes no token")
    rounding = max(
        ((sites[site] - x).abs().max() / sites[site].abs().max().clamp(min=1e-30)).item()
        for site, x in finite(host.run(host.rounded, edits, inputs, tokens, task)).items())
    if rounding > (case["most_rounding"] or MOST_ROUNDING):
        raise Unfit(f"rounding {rounding:.1e}")
    chosen = chances.gather(-1, tokens[..., None])[..., 0].where(counted, 0)
    tensors = stored(host, finite(sites), case)
    tensors["log_probabilities"] = chosen if isinstance(host, Translator) else chosen[0]
    for edit in edits:
        if "replace" in edit:
            tensors["replace"] = edit["data"]
    check = compare(host, edits, inputs, tokens, task, sites["logits"], counted, rounding)
    row = {
        "name": name, "model": None, "task": task,
        "edits": [words(edit, name) for edit in case["edits"]],
        "inputs": inputs, "tokens": host.rows(tokens), "stores": case["stores"],
        "rounding": float(f"{rounding:.1e}")}
    print(f"  {name}: seed {seed}, rounding {rounding:.1e}, hooks {check}, {row['tokens']}")
    return row, {f"{name}/{key}": x.float().contiguous() for key, x in tensors.items()}


def finite(sites):
    assert all(torch.isfinite(x).all() for x in sites.values())
    return sites


def compare(host, edits, inputs, tokens, task, logits, counted, rounding):
    """Holds the logits against those of transformers' own model, if hooks can change it so."""
    try:
        with torch.no_grad():
            hooked = host.hooked(edits, inputs, tokens, task)
    except LookupError:
        return "can't"
    if isinstance(host, Translator):
        logits, hooked = logits[counted], hooked[counted]
    error = ((logits - hooked).abs().max() / hooked.abs().max()).item()
    # transformers' Llama rounds its norms, its softmax and its angles to f32.
    is_llama = host.model.config.model_type == "llama"
    assert error < (max(2e-5, 3 * rounding) if is_llama else 1e-12), f"{error:.1e}"
    return f"{error:.0e}"


def make_model(name):
    host = (Translator if name.startswith("marian") else Writer)(name)
    rows, tensors = [], {}
    print(name)
    for case in CASES[name]:
        # Some edits leave a model that writes one token for ever.
        for least_distinct, seed in itertools.product((3, 2, 1), range(40)):
            try:
                row, values = make(host, case, seed, least_distinct)
                break
            except Unfit as unfit:
                reason = unfit
        else:
            raise SystemExit(f"{name}: {case['name']}: {reason}")
        rows.append({**row, "model": name})
        tensors |= values
    save_file(tensors, HERE / "edits" / f"{name}.safetensors")
    return rows


if __name__ == "__main__":
    # One thread adds in one order: the files come out the same on every run.
    torch.set_num_threads(1)
    (HERE / "edits").mkdir(exist_ok=True)
    rows = [row for name in CASES for row in make_model(name)]
    lines = ",\n".join(json.dumps(row) for row in rows)
    (HERE / "edits" / "edits.json").write_text(f"[\n{lines}\n]\n")
