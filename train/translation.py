"""The task of translating: a MarianMT model learns from a folder of pairs."""

import shutil

import torch
from tokenizers import Tokenizer

from batches import epoch
from make_tokenizer import END, PAD, UNKNOWN, texts_of, train_tokenizer
from model import Loss, build
from pairs import draw, read_folder, select

__all__ = ["SPECIAL_TOKENS", "Loss", "batches_of", "build", "generation", "prepare"]

SPECIAL_TOKENS = {
    "eos_token": END,
    "unk_token": UNKNOWN,
    "pad_token": PAD,
    "model_max_length": 512,
}


def prepare(config, options, workers):
    """The clean pairs and the tokenizer, which the first worker makes if the run has none."""
    pairs, report = read_folder(options.data)
    found = sorted({pair.source for pair in pairs})
    pairs = select(pairs, config)
    if not draw(pairs, config["weights"], config["seed"]):
        raise SystemExit(f"the config gives no weight to any source found: {', '.join(found)}")
    path = options.run / "tokenizer.json"
    if workers.first:
        print(f"{len(pairs):,} pairs kept; seen and skipped: {dict(report)}", flush=True)
        if options.initial and not path.exists():
            shutil.copy(options.initial / "tokenizer.json", path)
        if not path.exists():
            texts = texts_of(pairs, draw(pairs, config["weights"], config["seed"]))
            train_tokenizer(texts, config["vocabulary"], config["alphabet"]).save(str(path))
    workers.wait()
    return pairs, Tokenizer.from_file(str(path))


def batches_of(pairs, tokenizer, config, seed, workers):
    """This worker's batches of one epoch."""
    chosen = draw(pairs, config["weights"], seed)
    torch.manual_seed(1000 * seed + workers.rank)
    # Leaving out merges at random shows the model each word in several spellings.
    tokenizer.model.dropout = config["merge_dropout"]
    mine = chosen[workers.rank :: workers.count]
    return epoch(pairs, mine, tokenizer, config, tokenizer.get_vocab_size() - 1, seed)


def generation(settings):
    """What generation_config.json says: greedy, and what opus-mt's says."""
    pad = settings.pad_token_id
    return {
        "max_length": 256,
        "num_beams": 1,
        "do_sample": False,
        "eos_token_id": 0,
        "forced_eos_token_id": 0,
        "pad_token_id": pad,
        "decoder_start_token_id": pad,
        "bad_words_ids": [[pad]],
    }
