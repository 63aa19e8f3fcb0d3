"""Grow the vocabulary of an exported model: python grow.py MODEL CONFIG DATA GROWN.

The old ids stay where they are; hanzi that DATA has and the vocabulary lacks come after them,
then further merges, then <pad>. `train.py CONFIG DATA RUN --initial GROWN` goes on from it.
"""

import heapq
import json
import re
import shutil
import sys
from collections import Counter, defaultdict
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, models

from make_tokenizer import BYTES, PAD, UNKNOWN, finish, pipeline, texts_of
from pairs import HANZI, draw, read_folder, select

# Longer ones are whole phrases, which are better read word by word.
LONGEST_HANZI, LONGEST = 4, 16
START_OF_CHINESE = re.compile("\u2581" + HANZI.pattern)


def words_of(tokenizer, texts):
    """How often each piece between spaces and punctuation marks occurs."""
    words = Counter()
    for text, count in Counter(texts).items():
        normal = tokenizer.normalizer.normalize_str(text)
        for word, _ in tokenizer.pre_tokenizer.pre_tokenize_str(normal):
            words[word] += count
    return words


def lacking(vocabulary, words, least):
    """Hanzi seen at least `least` times that are now spelled in bytes, commonest first."""
    seen = Counter()
    for word, count in words.items():
        for character in HANZI.findall(word):
            seen[character] += count
    return [c for c, count in seen.most_common() if c not in vocabulary and count >= least]


def allowed(token):
    """False for phrases, and for words that would be learnt twice: with and without a beginning."""
    hanzi = len(HANZI.findall(token))
    return (
        len(token) <= LONGEST and hanzi <= LONGEST_HANZI and not START_OF_CHINESE.match(token)
    )


def merge_in(pieces, left, right):
    """The pieces with every `left`, `right` side by side made one, from left to right."""
    merged, at = [], 0
    while at < len(pieces):
        if pieces[at : at + 2] == [left, right]:
            merged.append(left + right)
            at += 2
        else:
            merged.append(pieces[at])
            at += 1
    return merged


def learn_merges(spelled, counts, vocabulary, wanted):
    """The next `wanted` merges: each the commonest pair of neighbours after those before it.

    `spelled` holds the pieces of every word. A merge whose result is already a token is left out:
    it would let older merges apply again, and ids would no longer follow from the order alone.
    """
    known, banned = set(vocabulary), set(BYTES)
    often, where = Counter(), defaultdict(set)

    def count(index, sign):
        pieces = spelled[index]
        for pair in zip(pieces, pieces[1:], strict=False):
            often[pair] += sign * counts[index]
            where[pair].add(index)

    for index in range(len(spelled)):
        count(index, 1)
    # Counts in the heap may be stale: an entry that no longer holds is put back as it is now.
    heap = [(-number, pair) for pair, number in often.items()]
    heapq.heapify(heap)
    merges = []
    while heap and len(merges) < wanted:
        number, pair = heapq.heappop(heap)
        if -number != often[pair]:
            if often[pair] > 1:
                heapq.heappush(heap, (-often[pair], pair))
            continue
        if known & {"".join(pair)} or banned & set(pair) or not allowed("".join(pair)):
            continue
        merges.append(pair)
        known.add("".join(pair))
        for index in where.pop(pair):
            merged = merge_in(spelled[index], *pair)
            if merged == spelled[index]:
                continue
            count(index, -1)
            spelled[index] = merged
            count(index, 1)
            for new in zip(merged, merged[1:], strict=False):
                if "".join(pair) in new:
                    heapq.heappush(heap, (-often[new], new))
    return merges


def rebuilt(tokens, merges):
    """A tokenizer of these tokens in this order, with <pad> after them."""
    vocabulary = {token: number for number, token in enumerate([*tokens, PAD])}
    model = models.BPE(vocabulary, merges, byte_fallback=True, unk_token=UNKNOWN, fuse_unk=False)
    return finish(pipeline(model), vocabulary)


def grow_tokenizer(old, texts, size, least):
    """The old tokenizer with `size` ids; new hanzi must occur `least` times."""
    settings = json.loads(old.to_str())["model"]
    tokens = sorted(settings["vocab"], key=settings["vocab"].get)
    if tokens.pop() != PAD:
        sys.exit("the old vocabulary must end with <pad>")
    merges = [tuple(merge) for merge in settings["merges"]]
    words = words_of(old, texts)
    tokens += lacking(settings["vocab"], words, least)
    wider = rebuilt(tokens, merges)
    spelled = [[piece.value for piece in wider.model.tokenize(word)] for word in words]
    wanted = size - 1 - len(tokens)
    new = learn_merges(spelled, list(words.values()), tokens, wanted)
    if len(new) < wanted:
        sys.exit(f"only {len(new)} more merges in this text: ask for fewer than {size} ids")
    return rebuilt([*tokens, *("".join(pair) for pair in new)], merges + new)


def grow_embedding(weight, old, new):
    """Rows for the new ids: the mean of the old spelling's, as long as these are on average."""
    grown = torch.empty(new.get_vocab_size(), weight.shape[1])
    kept = old.get_vocab_size() - 1
    grown[:kept], grown[-1] = weight[:kept], weight[-1]
    generator = torch.Generator().manual_seed(1)
    for number in range(kept, len(grown) - 1):
        pieces = old.model.tokenize(new.id_to_token(number))
        rows = weight[[piece.id for piece in pieces]]
        mean = rows.mean(0) + 0.01 * torch.randn(weight.shape[1], generator=generator)
        grown[number] = mean * rows.norm(dim=1).mean() / mean.norm()
    return grown


def grow_model(folder, target, old, new):
    """The model in `folder` with rows for the new ids, written to `target`; its card is not."""
    weights = load_file(folder / "model.safetensors")
    name = "model.shared.weight"
    weights[name] = grow_embedding(weights[name].float(), old, new).half()
    size = new.get_vocab_size()
    weights["final_logits_bias"] = torch.zeros(1, size, dtype=torch.float16)
    target.mkdir(parents=True, exist_ok=True)
    save_file(weights, target / "model.safetensors", metadata={"format": "pt"})
    new.save(str(target / "tokenizer.json"))
    shutil.copy(folder / "tokenizer_config.json", target)
    for file in ("config.json", "generation_config.json"):
        settings = json.loads((folder / file).read_text())
        settings |= {"pad_token_id": size - 1, "decoder_start_token_id": size - 1}
        if file == "config.json":
            settings |= {"vocab_size": size, "decoder_vocab_size": size}
        else:
            settings |= {"bad_words_ids": [[size - 1]]}
        (target / file).write_text(json.dumps(settings, indent=2) + "\n")


def main():
    folder, config, data, target = map(Path, sys.argv[1:5])
    config = json.loads(config.read_text())
    pairs = select(read_folder(data)[0], config)
    chosen = draw(pairs, config["weights"], config["seed"])
    old = Tokenizer.from_file(str(folder / "tokenizer.json"))
    new = grow_tokenizer(old, texts_of(pairs, chosen), config["vocabulary"], config["least"])
    grow_model(folder, target, old, new)
    print(f"{old.get_vocab_size()} ids grew to {new.get_vocab_size()} in {target}")


if __name__ == "__main__":
    main()
