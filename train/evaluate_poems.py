"""Measure a model of poems: python evaluate_poems.py MODEL DATA [--samples N] [--show N].

Perplexity of held-out verse beside counted baselines; what share of sampled poems keep their form,
rhyme, and repeat lines of the training data. DATA is what make_poems.py wrote.
"""

import argparse
import json
import math
from collections import Counter
from itertools import pairwise
from pathlib import Path

import torch
from pypinyin import Style, lazy_pinyin
from tokenizers import Tokenizer
from transformers import GPT2LMHeadModel

from batches import IGNORED, pad
from poems import END, read_poems, text_of

# The thirteen rhyme classes of northern verse: finals that modern ears take for one rhyme.
RHYMES = [
    "a ia ua", "o e uo", "ie ve", "ai uai", "ei uei ui", "ao iao", "ou iou iu",
    "an ian uan van", "en in uen un vn", "ang iang uang", "eng ing ueng ong iong", "i er v", "u",
]  # fmt: skip
CLASS = {final: index for index, finals in enumerate(RHYMES) for final in finals.split()}
COUNTS = {"绝": 4, "律": 8}
WIDTHS = {"五": 5, "七": 7}


def load(folder):
    model = GPT2LMHeadModel.from_pretrained(folder, dtype=torch.float32).eval()
    return model, Tokenizer.from_file(str(Path(folder) / "tokenizer.json"))


def verse_of(poem, tokenizer):
    """Ids of a poem's text, and whether each is a character of its verse (no mark, no title)."""
    ids = tokenizer.encode(text_of(poem)).ids
    head = len(tokenizer.encode(poem.form + (f"《{poem.title}》" if poem.title else "")).ids)
    marks = {tokenizer.token_to_id(mark) for mark in "\n，。"}
    return ids, [at >= head and token not in marks for at, token in enumerate(ids)]


def perplexity(model, rows):
    """Of the model, for the characters of the verse, given form, title and all before."""
    loss, count = 0.0, 0
    for start in range(0, len(rows), 50):
        group = rows[start : start + 50]
        ids = pad([ids for ids, _ in group], 1)
        wanted = pad(
            [[t if v else IGNORED for t, v in zip(*row, strict=True)] for row in group], IGNORED
        )
        with torch.inference_mode():
            logits = model(input_ids=ids[:, :-1]).logits
        loss += torch.nn.functional.cross_entropy(
            logits.flatten(0, 1), wanted[:, 1:].flatten(), reduction="sum"
        ).item()
        count += int((wanted[:, 1:] != IGNORED).sum())
    return math.exp(loss / count)


def counted_perplexities(train, heldout, size):
    """Of unigrams and of bigrams mixed with them, counted in the training poems."""
    ones, pairs, firsts = Counter(), Counter(), Counter()
    for ids, verse in train:
        for before, token, real in zip(ids, ids[1:], verse[1:]):
            if real:
                ones[token] += 1
                pairs[before, token] += 1
                firsts[before] += 1
    total, losses, count = sum(ones.values()), [0.0, 0.0], 0
    for ids, verse in heldout:
        for before, token, real in zip(ids, ids[1:], verse[1:]):
            if real:
                one = (ones[token] + 0.1) / (total + 0.1 * size)
                # The rarer the character before, the more the unigrams count (Witten and Bell).
                two = (pairs[before, token] + 200 * one) / (firsts[before] + 200)
                losses[0] -= math.log(one)
                losses[1] -= math.log(two)
                count += 1
    return [math.exp(loss / count) for loss in losses]


def sample(model, tokenizer, prompts, seed=1):
    """One poem a prompt as its generation_config says, prompt included; None if it did not end."""
    torch.manual_seed(seed)
    poems = []
    for prompt in prompts:
        ids = torch.tensor([tokenizer.encode(prompt).ids])
        with torch.inference_mode():
            made = model.generate(input_ids=ids, attention_mask=torch.ones_like(ids))[0].tolist()
        ended = made[-1] == tokenizer.token_to_id(END)
        poems.append(tokenizer.decode(made) if ended else None)
    return poems


def lines_of(text):
    """The verse lines of a sampled poem: all after the head."""
    body = text.split("\n", 1)[1] if text.split("\n")[0][-1] != "。" else text
    return [line for line in body.replace("\n", "").replace("。", "，").split("，") if line]


def keeps(form, lines):
    return len(lines) == COUNTS[form[1]] and all(len(line) == WIDTHS[form[0]] for line in lines)


def rhyme_share(poems):
    """Share of neighbouring couplets whose second lines end in one class of today's finals."""
    hits, count = 0, 0
    for lines in poems:
        finals = lazy_pinyin([line[-1] for line in lines[1::2]], style=Style.FINALS, v_to_u=False)
        classes = [CLASS.get(final) for final in finals]
        hits += sum(one == two for one, two in pairwise(classes))
        count += len(classes) - 1
    return hits / count


def longest_run(lines, corpus):
    """The longest run of a poem's characters, marks left out, that the training verse has."""
    text, best = "".join(lines), 0
    for start in range(len(text)):
        while start + best < len(text) and text[start : start + best + 1] in corpus:
            best += 1
    return best


def runs_of(poems, corpus):
    runs = sorted(longest_run(lines, corpus) for lines in poems)
    return runs[len(runs) // 2], runs[-1]


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("model", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("--samples", type=int, default=200)
    parser.add_argument("--show", type=int, default=0, help="print the first N samples")
    options = parser.parse_args()
    model, tokenizer = load(options.model)
    train, heldout = (read_poems(options.data / f"{name}.tsv") for name in ("train", "heldout"))
    rows = [verse_of(poem, tokenizer) for poem in heldout]
    known = [verse_of(poem, tokenizer) for poem in train]
    one, two = counted_perplexities(known, rows, tokenizer.get_vocab_size())
    result = {
        "perplexity": {
            "unigrams": one,
            "bigrams": two,
            "model": perplexity(model, rows),
            "model, training poems": perplexity(model, known[:1000]),
        }
    }
    titled = [poem for poem in heldout if poem.title][: options.samples]
    made = sample(model, tokenizer, [text_of(poem).split("\n")[0] + "\n" for poem in titled])
    ended = [(poem, lines_of(text)) for poem, text in zip(titled, made, strict=True) if text]
    kept = [lines for poem, lines in ended if keeps(poem.form, lines)]
    corpus = "|".join("".join(poem.lines) for poem in train)
    lines = {line for poem in train for line in poem.lines}
    copied = [sum(line in lines for line in poem) for poem in kept]
    real = [poem.lines for poem in titled]
    mixed = [[*one.lines[:2], *two.lines[2:4]] for one, two in pairwise(heldout)]
    result["samples"] = {
        "count": len(titled),
        "ended": len(ended) / len(titled),
        "of the form asked for": len(kept) / len(titled),
        "couplets that rhyme": rhyme_share(kept),
        "the same, held-out poems": rhyme_share(real),
        "the same, lines of different poems": rhyme_share(mixed),
        "a line or more of the training data": sum(n >= 1 for n in copied) / len(kept),
        "two lines or more": sum(n >= 2 for n in copied) / len(kept),
        "longest known run of characters, median and most": runs_of(kept, corpus),
        "the same, poems held out": runs_of(real, corpus),
    }
    print(json.dumps(result, indent=2))
    for text in made[: options.show]:
        print(f"\n{text}")


if __name__ == "__main__":
    main()
