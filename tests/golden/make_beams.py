"""Writes beams.json and everyday_beams.json: what transformers' beam search finds.

    python make_beams.py [FOLDER]    (default ../../models/zh-en)
"""

import json
import math
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer
from transformers import AutoModelForCausalLM

from beams_plain import search
from make import load_model, pad_sources

HERE = Path(__file__).resolve().parent
MARIAN = ["marian_tied_relu", "marian_untied_swish", "marian_gelu", "marian_gelu_new"]
# Lengths of prompts: of several drawn, the first is taken on which no search has a near tie.
WRITERS = {"gpt2_tied": [4, 1], "llama_3_1": [3, 6], "llama_8_1": [2, 5]}
BEAMS = [1, 2, 4, 8]
PENALTIES = [1.0, 0.6, 2.0]
EARLY_STOPPING = [False, True, "never"]
LIMIT, FORCED_LIMIT, EVERYDAY_LIMIT = 9, 4, 64
# f32 rounds values of this size by some 1e-6.
LEAST_GAP = 2e-5


def options(beams, penalty, early_stopping, limit, ends, forced_end=False, prefixes=()):
    return dict(
        beams=beams, length_penalty=penalty, early_stopping=early_stopping, max_tokens=limit,
        end_tokens=ends, forced_end=forced_end, prefixes=list(prefixes))


def all_options(limit, ends):
    for beams in BEAMS:
        for penalty in PENALTIES:
            # One beam is greedy writing, which knows neither.
            for early_stopping in EARLY_STOPPING if beams > 1 else [False]:
                if beams > 1 or penalty == 1:
                    yield options(beams, penalty, early_stopping, limit, ends)


@torch.no_grad()
def generate(
        model, inputs, mask, beams, length_penalty, early_stopping, max_tokens, end_tokens,
        forced_end, prefixes):
    """Of each row all hypotheses, as (score, new tokens), best first."""
    is_marian = model.config.model_type == "marian"
    begun = {}
    if prefixes:
        first = model.generation_config.decoder_start_token_id
        begun["decoder_input_ids"] = torch.tensor([[first, *prefix] for prefix in prefixes])
    start = (len(prefixes[0]) + 1 if prefixes else 1) if is_marian else inputs.shape[1]
    pad = model.generation_config.pad_token_id
    if beams == 1:
        out = model.generate(
            inputs, attention_mask=mask, num_beams=1, do_sample=False, max_new_tokens=max_tokens,
            max_length=None, eos_token_id=end_tokens, forced_eos_token_id=None,
            pad_token_id=end_tokens[0] if pad is None else pad, output_scores=True,
            return_dict_in_generate=True, **begun)
        rows = []
        for index, tokens in enumerate(out.sequences[:, start:].tolist()):
            ended = [at for at, token in enumerate(tokens) if token in end_tokens]
            tokens = tokens[: ended[0] + 1] if ended else tokens
            values = [log_probabilities(model, step[None, index])[0, token].item()
                      for step, token in zip(out.scores, tokens)]
            rows.append([(sum(values) / len(values) ** length_penalty, tokens)])
        return rows
    out = model.generate(
        inputs, attention_mask=mask, num_beams=beams, num_return_sequences=beams, do_sample=False,
        length_penalty=length_penalty, early_stopping=early_stopping, max_new_tokens=max_tokens,
        max_length=None, eos_token_id=end_tokens,
        pad_token_id=end_tokens[0] if pad is None else pad,
        forced_eos_token_id=end_tokens[0] if forced_end else None, output_scores=True,
        return_dict_in_generate=True, **begun)
    lengths = (out.beam_indices >= 0).sum(1)
    rows = zip(out.sequences_scores.tolist(), out.sequences[:, start:], lengths)
    hypotheses = [(score, tokens[:length].tolist()) for score, tokens, length in rows]
    return [hypotheses[at : at + beams] for at in range(0, len(hypotheses), beams)]


def log_probabilities(model, logits):
    """Of scores `[n, V]`. Bans come after the softmax, unless the model asks for another."""
    settings = model.generation_config
    values = logits.float().log_softmax(-1)
    for [word] in settings.bad_words_ids or []:
        values[..., word] = -math.inf
    return values.log_softmax(-1) if settings.renormalize_logits else values


@torch.no_grad()
def follower(model, inputs, prefix=(), forced_end=None, limit=None):
    """What `search` asks: log-probabilities after hypotheses on one row of inputs."""
    is_marian = model.config.model_type == "marian"
    if is_marian:
        encoded = model.model.encoder(input_ids=torch.tensor([inputs])).last_hidden_state
        start = [model.generation_config.decoder_start_token_id, *prefix]

    @torch.no_grad()
    def following(hypotheses):
        if is_marian:
            rows = torch.tensor([start + tokens for tokens in hypotheses])
            logits = model(
                encoder_outputs=(encoded.expand(len(rows), -1, -1),), decoder_input_ids=rows,
                use_cache=False).logits[:, -1]
        else:
            rows = torch.tensor([inputs + tokens for tokens in hypotheses])
            logits = model(rows, use_cache=False).logits[:, -1]
        values = log_probabilities(model, logits)
        if forced_end is not None and len(hypotheses[0]) == limit - 1:
            values = torch.full_like(values, -math.inf)
            values[:, forced_end] = 0
        return values
    return following


def plainly(
        model, inputs, prefix, beams, length_penalty, early_stopping, max_tokens, end_tokens,
        forced_end, **_):
    """The same of one row by plain search, and its least gap."""
    if beams == 1:
        return greedily(model, inputs, length_penalty, max_tokens, end_tokens)
    following = follower(model, inputs, prefix, end_tokens[0] if forced_end else None, max_tokens)
    return search(following, beams, length_penalty, early_stopping, max_tokens, end_tokens)


def greedily(model, inputs, length_penalty, max_tokens, end_tokens):
    following, tokens, total, gaps = follower(model, inputs), [], 0.0, []
    while len(tokens) < max_tokens and not (tokens and tokens[-1] in end_tokens):
        best = following([tokens])[0].topk(2)
        gaps.append((best.values[0] - best.values[1]).item())
        total += best.values[0].item()
        tokens.append(best.indices[0].item())
    return [(total / len(tokens) ** length_penalty, tokens)], min(gaps)


def same(hypotheses, others, what):
    tokens, other_tokens = ([tokens for _, tokens in rows] for rows in (hypotheses, others))
    assert tokens == other_tokens, f"{what}: {hypotheses} {others}"
    for (score, _), (other, _) in zip(hypotheses, others):
        assert abs(score - other) < 1e-5 * max(1, abs(score)), f"{what}: score {score} or {other}"


def record(name, models, inputs, chosen):
    """transformers in f64 and f32, and the plain search, agree; or there is a near tie."""
    # A prompt is alone and needs no padding.
    ids, mask = pad_sources(inputs, models[0].config.pad_token_id)
    exact, rounded = (generate(model, ids, mask, **chosen) for model in models)
    prefixes = chosen["prefixes"] or [[]] * len(inputs)
    plain = [plainly(models[0], row, prefix, **chosen) for row, prefix in zip(inputs, prefixes)]
    least = min(gap for _, gap in plain)
    if least > LEAST_GAP:
        for hypotheses, others, (third, _) in zip(exact, rounded, plain):
            same(hypotheses, others, f"{name}, f64 and f32, {chosen}")
            same(hypotheses, third, f"{name}, transformers and plain search, {chosen}")
    return {
        "model": name, **chosen,
        "renormalized": bool(models[0].generation_config.renormalize_logits),
        "inputs": inputs, "least_gap": digits(least),
        "ids": [[tokens for _, tokens in hypotheses] for hypotheses in exact],
        "scores": [[digits(score) for score, _ in hypotheses] for hypotheses in exact]}


def digits(x):
    return float(f"{x:.7g}")


def marian_records(name):
    models = [load_model(HERE / name, dtype) for dtype in (torch.float64, torch.float32)]
    golden = load_file(HERE / name / "sites.safetensors")
    rows = zip(golden["source"].int().tolist(), golden["source_lengths"].int().tolist())
    sources = [row[:length] for row, length in rows]
    ends = [models[0].generation_config.eos_token_id]
    for chosen in all_options(LIMIT, ends):
        yield record(name, models, sources, chosen)
    # As generation_config.json has it: what the limit cuts ends in an end token, for nothing.
    chosen = options(4, 1.0, False, FORCED_LIMIT, ends, forced_end=True)
    yield record(name, models, sources, chosen)
    # What a sentence is to begin with counts in no length and in no score.
    prefixes = [row[:2] for row in golden["tokens"].int().tolist()]
    for penalty in PENALTIES:
        chosen = options(4, penalty, False, LIMIT, ends, prefixes=prefixes)
        yield record(name, models, sources, chosen)
    # As models have it whose generation_config.json does not ask for another softmax after bans.
    if models[0].generation_config.bad_words_ids:
        for model in models:
            model.generation_config.renormalize_logits = False
        yield record(name, models, sources, options(4, 1.0, False, LIMIT, ends))


def writer_records(name, lengths):
    load = lambda dtype: AutoModelForCausalLM.from_pretrained(
        HERE / name, dtype=dtype, attn_implementation="eager").eval()
    models = [load(torch.float64), load(torch.float32)]
    own, below = models[0].generation_config.eos_token_id, models[0].config.vocab_size - 2
    for seed, length in enumerate(lengths):
        for attempt in range(100):
            generator = torch.Generator().manual_seed(100 * seed + attempt)
            prompt = torch.randint(0, below, (length,), generator=generator).tolist()
            # The second prompt has two end tokens that are likely to be written.
            [(_, tokens)], _ = greedily(models[0], prompt, 1.0, LIMIT, [])
            ends = [own] if seed == 0 else sorted({tokens[3], tokens[6]} - {tokens[0]})
            if len(ends) < seed + 1:
                continue
            records = [
                record(name, models, [prompt], chosen) for chosen in all_options(LIMIT, ends)]
            if min(row["least_gap"] for row in records) > LEAST_GAP:
                break
        yield from records


def everyday(folder):
    """In f32, as the file is shipped: the best hypothesis of each sentence."""
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    model = load_model(folder, torch.float32)
    ends = [model.generation_config.eos_token_id]
    for sentence in (HERE / "everyday.txt").read_text(encoding="utf-8").splitlines():
        source = tokenizer.encode(sentence).ids
        ids, mask = pad_sources([source], model.config.pad_token_id)
        row = {"source": sentence, "source_ids": source, "beams": []}
        for beams in BEAMS:
            chosen = options(beams, 1.0, False, EVERYDAY_LIMIT, ends)
            [hypotheses] = generate(model, ids, mask, **chosen)
            plain, least = plainly(model, source, [], **chosen)
            if least > LEAST_GAP:
                same(hypotheses, plain, f"{sentence}, {beams} beams")
            score, tokens = hypotheses[0]
            row["beams"].append({
                "beams": beams, "ids": tokens, "score": digits(score), "least_gap": digits(least)})
        row["text"] = tokenizer.decode(row["beams"][2]["ids"])
        print(sentence, row["text"], [found["least_gap"] for found in row["beams"]])
        yield row


def write_rows(path, rows):
    lines = ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    path.write_text(f"[\n{lines}\n]\n", encoding="utf-8")


if __name__ == "__main__":
    # One thread adds in one order: the files come out the same on every run.
    torch.set_num_threads(1)
    rows = []
    for name in MARIAN:
        rows += marian_records(name)
    for name, lengths in WRITERS.items():
        rows += writer_records(name, lengths)
    for row in rows:
        shown = [row[key] for key in ("beams", "length_penalty", "early_stopping", "least_gap")]
        print(row["model"], shown, [list(map(len, ids)) for ids in row["ids"]])
    write_rows(HERE / "beams.json", rows)
    default = HERE.parents[1] / "models" / "zh-en"
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else default
    write_rows(HERE / "everyday_beams.json", everyday(folder))
