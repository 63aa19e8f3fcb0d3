"""The models of make_edits.py: how each draws inputs, runs with edits, and writes."""

from pathlib import Path

import torch
from transformers import AutoModelForCausalLM

from edits_hooks import edited
from edits_pass import causal, marian
from make import EOS, load_model, pad_sources, random_tokens

HERE = Path(__file__).resolve().parent
SOURCES, TARGETS, MULTIPLE = [5, 3], [5, 3], 8
PROMPT, STEPS = 5, 5


class Translator:
    """Marian: sources of different lengths, padded to a multiple of eight as the engine does."""

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
            first = inputs.shape[1]
            seen = torch.arange(first)[None] < self.lengths(tokens)[:, None]
            mask = seen[:, None, None].expand(-1, 1, first, -1)
        with edited(self.model, edits, first) as model:
            encoded = model.model.encoder(input_ids=ids, attention_mask=reads)
            return model(
                encoder_outputs=encoded, attention_mask=looks, decoder_input_ids=inputs,
                use_cache=False,
                decoder_attention_mask=additive(mask) if task == "score" else None).logits


class Writer:
    """GPT-2 and Llama: one pass takes in a prompt but for its last token, then there are steps."""

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
