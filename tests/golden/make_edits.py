"""Writes edits/: what a Marian, a GPT-2 and a Llama model write, and what their values are, when something in them is changed.

    python make_edits.py
"""

import itertools
import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM

from edits_cases import CASES
from edits_hooks import edited
from edits_pass import causal, is_map, marian, matches
from make import EOS, load_model, margins, pad_sources, random_tokens
from make_causal import Unfit

HERE = Path(__file__).resolve().parent
SOURCES, TARGETS, MULTIPLE = [5, 3], [5, 3], 8
PROMPT, STEPS = 5, 5
# Rounding in f32 must not decide, nor hide what is wrong.
LEAST_LEAD, MOST_ROUNDING = 0.02, 4e-6


class Translator:
    """Marian: sources of different lengths, padded to a multiple of eight as the engine pads them."""

    def __init__(self, name):
        self.model = load_model(HERE / name, torch.float64)
        self.rounded = load_model(HERE / name, torch.float32)
        self.pad = self.model.config.pad_token_id

    def draw(self, generator, task):
        sources = [random_tokens(length, self.pad, generator) for length in SOURCES]
        targets = [random_tokens(length, self.pad, generator) for length in TARGETS]
        return sources, targets if task == "score" else None

    def run(self, model, edits, sources, tokens, task="write"):
        """Sites of a pass that predicts `tokens` `[B, T]`."""
        ids, lengths = self.padded(sources)
        start = torch.full((len(sources), 1), self.pad)
        inputs = torch.cat([start, tokens[:, :-1]], 1)
        if task == "write":
            return marian(model, edits, ids, lengths, inputs)
        return marian(model, edits, ids, lengths, inputs, inputs.shape[1], self.lengths(tokens))

    def padded(self, sources):
        width = -max(map(len, sources)) // MULTIPLE * -MULTIPLE
        rows = [source + [self.pad] * (width - len(source)) for source in sources]
        return torch.tensor(rows), torch.tensor([len(source) for source in sources])

    def lengths(self, tokens):
        return (tokens != self.pad).sum(1)

    def write(self, edits, sources):
        """Greedy tokens `[B, T]`, an end token ends; each from a pass over all before it."""
        tokens = torch.full((len(sources), 0), 0)
        for _ in range(STEPS):
            inputs = torch.cat([tokens, torch.full((len(sources), 1), self.pad)], 1)
            best = self.run(self.model, edits, sources, inputs)["probabilities"][:, -1].argmax(-1)
            ended = (tokens == EOS).any(1)
            tokens = torch.cat([tokens, best.masked_fill(ended, self.pad)[:, None]], 1)
        return tokens

    def given(self, targets):
        return pad_sources(targets, self.pad)[0]

    def chances(self, sites):
        return sites["probabilities"].log()

    def counted(self, sources, tokens):
        return tokens != self.pad

    def rows(self, tokens):
        return [row[:length].tolist() for row, length in zip(tokens, self.lengths(tokens))]

    def hooked(self, edits, sources, tokens, task):
        """Logits of transformers' own pass."""
        ids, lengths = self.padded(sources)
        real = (torch.arange(ids.shape[1])[None] < lengths[:, None]).long()
        reads, looks = real, real
        for edit in edits:
            if edit.get("off") == "padding mask":
                place = edit.get("in", "*")
                if place not in ("*", "encoder.*", "decoder.*.cross_attention"):
                    raise LookupError
                reads = reads if place.startswith("decoder") else torch.ones_like(real)
                looks = looks if place.startswith("encoder") else torch.ones_like(real)
        start = torch.full((len(sources), 1), self.pad)
        inputs, first = torch.cat([start, tokens[:, :-1]], 1), 0
        if task == "score":
            first, seen = inputs.shape[1], torch.arange(inputs.shape[1])[None] < self.lengths(tokens)[:, None]
            mask = seen[:, None, None].expand(-1, 1, inputs.shape[1], -1)
        with edited(self.model, edits, first) as model:
            encoded = model.model.encoder(input_ids=ids, attention_mask=reads)
            return model(
                encoder_outputs=encoded, attention_mask=looks, decoder_input_ids=inputs, use_cache=False,
                decoder_attention_mask=additive(mask) if task == "score" else None).logits


class Writer:
    """GPT-2 and Llama: a prompt, all of which but the last token is taken in by one pass, then steps."""

    def __init__(self, name):
        load = lambda dtype: AutoModelForCausalLM.from_pretrained(
            HERE / name, dtype=dtype, attn_implementation="eager").eval()
        self.model, self.rounded = load(torch.float64), load(torch.float32)

    def draw(self, generator, task):
        below = self.model.config.vocab_size - 2
        length = PROMPT + STEPS if task == "score" else PROMPT
        tokens = torch.randint(0, below, (length,), generator=generator).tolist()
        return ([tokens], [tokens[1:]]) if task == "score" else ([tokens], None)

    def text(self, prompts, tokens, task):
        """What goes in: never the last token. And how many of that one pass takes in."""
        if task == "score":
            return torch.tensor([prompts[0][:-1]]), len(prompts[0]) - 1
        return torch.tensor([prompts[0] + tokens[0, :-1].tolist()]), len(prompts[0]) - 1

    def run(self, model, edits, prompts, tokens, task="write"):
        return causal(model, edits, *self.text(prompts, tokens, task))

    def write(self, edits, prompts):
        tokens = torch.zeros((1, 0), dtype=torch.long)
        for _ in range(STEPS):
            inputs = torch.cat([tokens, torch.zeros((1, 1), dtype=torch.long)], 1)
            best = self.run(self.model, edits, prompts, inputs)["logits"][:, -1].argmax(-1)
            tokens = torch.cat([tokens, best[:, None]], 1)
        return tokens

    def given(self, targets):
        return torch.tensor(targets)

    def chances(self, sites):
        """Of the tokens that are written, or given."""
        return sites["logits"].log_softmax(-1)

    def counted(self, prompts, tokens):
        return torch.ones_like(tokens, dtype=torch.bool)

    def rows(self, tokens):
        return tokens.tolist()

    def hooked(self, edits, prompts, tokens, task):
        text, first = self.text(prompts, tokens, task)
        query, key = torch.arange(text.shape[1])[:, None], torch.arange(text.shape[1])[None]
        allowed = key <= query
        for edit in edits:
            if edit.get("off") == "causal mask":
                if "in" in edit:
                    raise LookupError
                allowed = allowed | (query < first) & (key < first)
        with edited(self.model, edits, first) as model:
            return model(text, attention_mask=additive(allowed[None, None]), use_cache=False).logits


def additive(allowed):
    mask = torch.zeros(allowed.shape, dtype=torch.float64)
    return mask.masked_fill(~allowed, torch.finfo(torch.float64).min)


def snapshots(host, case, generator):
    """The edits, each `replace` with values of another run, in the shape in which the engine traces them."""
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
    patterns = [f"encoder.*.feed_forward.{last}", f"decoder.*.feed_forward.{last}", "decoder.norm", "logits"]
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
        "name": name, "model": None, "task": task, "edits": [words(edit, name) for edit in case["edits"]],
        "inputs": inputs, "tokens": host.rows(tokens), "stores": case["stores"],
        "rounding": float(f"{rounding:.1e}")}
    print(f"  {name}: seed {seed}, rounding {rounding:.1e}, transformers with hooks {check}, {row['tokens']}")
    return row, {f"{name}/{key}": x.float().contiguous() for key, x in tensors.items()}


def finite(sites):
    assert all(torch.isfinite(x).all() for x in sites.values())
    return sites


def compare(host, edits, inputs, tokens, task, logits, counted, rounding):
    """Holds the logits against those of transformers' own modules, if hooks can do the same to them."""
    try:
        with torch.no_grad():
            hooked = host.hooked(edits, inputs, tokens, task)
    except LookupError:
        return "can't"
    if isinstance(host, Translator):
        logits, hooked = logits[counted], hooked[counted]
    error = ((logits - hooked).abs().max() / hooked.abs().max()).item()
    # transformers' Llama rounds its norms, its softmax and its angles to f32.
    assert error < (1e-12 if host.model.config.model_type != "llama" else max(2e-5, 3 * rounding)), f"{error:.1e}"
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
