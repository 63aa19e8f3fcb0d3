"""Train one byte-fallback BPE vocabulary for both languages and write it as tokenizer.json.

python make_tokenizer.py CONFIG DATA FILE. Ids follow Marian: </s> is 0, <unk> is 1, <pad> is last.
"""

import json
import sys
from pathlib import Path

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from tokenizers.trainers import BpeTrainer

from pairs import draw, read_folder, select

END, UNKNOWN, PAD = "</s>", "<unk>", "<pad>"
BYTES = [f"<0x{byte:02X}>" for byte in range(256)]


def pipeline(model):
    """Everything around the BPE model: only parts that Rust, Python and JavaScript run alike."""
    tokenizer = Tokenizer(model)
    tokenizer.normalizer = normalizers.Sequence(
        [
            normalizers.NFKC(),
            normalizers.Replace(Regex("[ \\t\\r\\n]+"), " "),
            normalizers.Strip(),
        ]
    )
    # Digits and punctuation stand alone: numbers are copied, and "apple." is "apple" and ".".
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Metaspace(replacement="\u2581", prepend_scheme="always"),
            pre_tokenizers.Split(
                Regex('[0-9.,!?;:()"\u3001\u3002\u201c\u201d\u300a\u300b]'), "isolated"
            ),
        ]
    )
    tokenizer.decoder = decoders.Sequence(
        [
            decoders.ByteFallback(),
            decoders.Metaspace(replacement="\u2581", prepend_scheme="always"),
        ]
    )
    return tokenizer


def train_tokenizer(texts, size, alphabet):
    """A tokenizer of exactly `size` ids whose single characters are the `alphabet` commonest."""
    trainer = BpeTrainer(
        vocab_size=size - 1,
        limit_alphabet=alphabet,
        special_tokens=[END, UNKNOWN, *BYTES],
        show_progress=False,
        min_frequency=2,
    )
    draft = pipeline(models.BPE())
    draft.train_from_iterator(texts, trainer)
    learnt = json.loads(draft.to_str())["model"]
    vocabulary = learnt["vocab"] | {PAD: len(learnt["vocab"])}
    merges = [tuple(merge) for merge in learnt["merges"]]
    model = models.BPE(vocabulary, merges, byte_fallback=True, unk_token=UNKNOWN, fuse_unk=False)
    return finish(pipeline(model), vocabulary)


def finish(tokenizer, vocabulary):
    """The special tokens, and </s> after every text."""
    tokenizer.add_special_tokens([END, UNKNOWN, PAD])
    end = vocabulary[END]
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"$A {END}", pair=f"$A $B {END}", special_tokens=[(END, end)]
    )
    if end != 0 or vocabulary[PAD] != tokenizer.get_vocab_size() - 1:
        sys.exit("the vocabulary does not follow Marian: </s> must be 0 and <pad> last")
    return tokenizer


def texts_of(pairs, chosen):
    for index in chosen:
        yield pairs[index].chinese
        yield pairs[index].english


if __name__ == "__main__":
    config_path, data, target = sys.argv[1:4]
    config = json.loads(Path(config_path).read_text())
    pairs = select(read_folder(data)[0], config)
    chosen = draw(pairs, config["weights"], config["seed"])
    tokenizer = train_tokenizer(texts_of(pairs, chosen), config["vocabulary"], config["alphabet"])
    tokenizer.save(target)
    print(f"{tokenizer.get_vocab_size()} tokens in {target}")
