"""The task of writing poems: a GPT-2 model over characters learns from make_poems.py's train.tsv.

A poem is one text: perhaps its form, perhaps its title in 《》, a line break, then its lines in
couplets. Leaving form and title out at random lets a prompt begin with any of the three.
"""

import random
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import torch
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, processors
from torch.nn import functional
from transformers import GPT2Config, GPT2LMHeadModel

from batches import IGNORED, pad, plan

BEGIN, END, UNKNOWN = "<s>", "</s>", "<unk>"
SPECIAL_TOKENS = {
    "bos_token": BEGIN,
    "eos_token": END,
    "unk_token": UNKNOWN,
    "model_max_length": 128,
}


class Poem(NamedTuple):
    form: str
    title: str
    lines: list[str]


def read_poems(path):
    """The poems of a file of form<TAB>title<TAB>lines."""
    rows = [line.split("\t") for line in Path(path).read_text(encoding="utf-8").splitlines()]
    return [Poem(form, title, verse.split(" ")) for form, title, verse in rows]


def text_of(poem, form=True, title=True):
    """A poem as the model reads it, with or without its form and title."""
    head = (poem.form if form else "") + (f"《{poem.title}》" if title and poem.title else "")
    ends = ["，" if index % 2 == 0 else "。\n" for index in range(len(poem.lines))]
    body = "".join(line + end for line, end in zip(poem.lines, ends, strict=True))
    return (head + "\n" if head else "") + body.removesuffix("\n")


def make_tokenizer(poems):
    """One id a character of the verse, the commonest first; <unk> for all others."""
    counts = Counter("".join("".join(poem.lines) for poem in poems))
    characters = [
        "\n",
        "，",
        "。",
        "《",
        "》",
        *(character for character, _ in counts.most_common()),
    ]
    characters += sorted(set("五七绝律") - set(characters))
    vocabulary = {text: index for index, text in enumerate([BEGIN, END, UNKNOWN, *characters])}
    tokenizer = Tokenizer(models.BPE(vocabulary, [], unk_token=UNKNOWN, fuse_unk=False))
    # What a visitor types is brought to the marks that the poems have.
    tokenizer.normalizer = normalizers.Sequence(
        [
            normalizers.Replace(Regex("[ \\t\\r]+"), ""),
            normalizers.Replace(Regex("[,;、；]"), "，"),
            normalizers.Replace(Regex("[.!?！？]"), "。"),
        ]
    )
    tokenizer.decoder = decoders.Fuse()
    tokenizer.add_special_tokens([BEGIN, END, UNKNOWN])
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{BEGIN} $A", pair=f"{BEGIN} $A $B", special_tokens=[(BEGIN, vocabulary[BEGIN])]
    )
    return tokenizer


def prepare(_config, options, workers):
    """The poems and the tokenizer, which the first worker makes if the run has none."""
    poems = read_poems(options.data / "train.tsv")
    path = options.run / "tokenizer.json"
    if workers.first:
        print(f"{len(poems):,} poems", flush=True)
        if not path.exists():
            make_tokenizer(poems).save(str(path))
    workers.wait()
    return poems, Tokenizer.from_file(str(path))


def batches_of(poems, tokenizer, config, seed, workers):
    """This worker's batches of one epoch: ids `[B, T]` and labels `[B, T]`."""
    torch.manual_seed(1000 * seed + workers.rank)
    generator = random.Random(seed)
    texts = [
        text_of(poem, generator.random() < config["forms"], generator.random() < config["titles"])
        for poem in poems
    ][workers.rank :: workers.count]
    end, unknown = tokenizer.token_to_id(END), tokenizer.token_to_id(UNKNOWN)
    rows = [encoding.ids + [end] for encoding in tokenizer.encode_batch(texts)]
    lengths = [(len(row) - 1,) for row in rows]
    for group in plan(lengths, config["batch_tokens"], generator):
        inputs = pad([rows[index][:-1] for index in group], end)
        labels = pad([rows[index][1:] for index in group], IGNORED)
        # Rare characters of titles may be read, never written.
        yield inputs, labels.masked_fill(labels == unknown, IGNORED)


def build(config, vocabulary):
    """A fresh GPT2LMHeadModel with a tied head."""
    shape = config["model"]
    settings = GPT2Config(
        vocab_size=vocabulary,
        n_positions=shape["positions"],
        n_embd=shape["width"],
        n_layer=shape["layers"],
        n_head=shape["heads"],
        resid_pdrop=config["dropout"],
        embd_pdrop=config["dropout"],
        attn_pdrop=0.0,
        bos_token_id=0,
        eos_token_id=1,
    )
    torch.manual_seed(config["seed"])
    return GPT2LMHeadModel._from_config(settings)


class Loss(torch.nn.Module):
    """Cross-entropy over real tokens; padding lies to the right, where no real token looks."""

    def __init__(self, model, config):
        super().__init__()
        self.model = model
        self.smoothing = config["label_smoothing"]

    def forward(self, inputs, labels):
        hidden = self.model.transformer(input_ids=inputs, use_cache=False).last_hidden_state
        real = labels != IGNORED
        logits = self.model.lm_head(hidden[real])
        return functional.cross_entropy(
            logits.float(), labels[real], label_smoothing=self.smoothing
        )


def generation(settings):
    """What generation_config.json says: sample among the likelier characters, one poem at most."""
    return {
        "max_length": settings.n_positions,
        "do_sample": True,
        "temperature": 0.8,
        "top_k": 0,
        "top_p": 0.9,
        "bos_token_id": settings.bos_token_id,
        "eos_token_id": settings.eos_token_id,
        "pad_token_id": settings.eos_token_id,
    }
