"""Print BLEU and chrF of a model: python evaluate.py MODEL FILE… [--beams N] [--int8] [--out FILE].

MODEL is a folder in the Hugging Face layout; each FILE has lines of Chinese<TAB>English.
--int8 rounds all matrices as the engine's storage of that name does.
"""

import argparse
import json
import time
from pathlib import Path

import sacrebleu
import torch
from tokenizers import Tokenizer
from transformers import MarianMTModel

from batches import encode, pad


def translate(model, tokenizer, texts, beams=1, batch=64, longest=128):
    """The translation of each text; similar lengths share a batch, the order stays."""
    rows = encode(tokenizer, texts, 512)
    order = sorted(range(len(rows)), key=lambda index: len(rows[index]))
    results = [""] * len(rows)
    pad_id = model.config.pad_token_id
    for start in range(0, len(order), batch):
        group = order[start : start + batch]
        source = pad([rows[index] for index in group], pad_id).to(model.device)
        with torch.inference_mode():
            made = model.generate(
                input_ids=source,
                attention_mask=(source != pad_id).long(),
                num_beams=beams,
                do_sample=False,
                max_length=longest,
            )
        for index, ids in zip(group, made.tolist(), strict=True):
            results[index] = tokenizer.decode(ids, skip_special_tokens=True)
    return results


def read_pairs(path):
    """The two columns of a test file, as two lists."""
    rows = [line.split("\t") for line in Path(path).read_text(encoding="utf-8").splitlines()]
    return [row[0] for row in rows], [row[1] for row in rows]


def scores(made, wanted):
    bleu = sacrebleu.corpus_bleu(made, [wanted]).score
    chrf = sacrebleu.corpus_chrf(made, [wanted]).score
    return {"bleu": round(bleu, 2), "chrf": round(chrf, 2), "sentences": len(made)}


def round_to_int8(model):
    """Each row of each matrix to 255 steps of one width, in place; positions are no weights."""
    for name, weight in model.named_parameters():
        if weight.dim() != 2 or "embed_positions" in name:
            continue
        scale = weight.data.abs().amax(dim=1, keepdim=True) / 127
        scale[scale == 0] = 1
        weight.data = (weight.data / scale).round().clamp(-127, 127) * scale


def load(folder):
    model = MarianMTModel.from_pretrained(folder, dtype=torch.float32).eval()
    if torch.cuda.is_available():
        model = model.cuda()
    return model, Tokenizer.from_file(str(Path(folder) / "tokenizer.json"))


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("model", type=Path)
    parser.add_argument("files", type=Path, nargs="+")
    parser.add_argument("--beams", type=int, default=1, help="1 is greedy")
    parser.add_argument("--int8", action="store_true", help="round the weights to eight bits")
    parser.add_argument("--out", type=Path, help="write source, reference and translation there")
    options = parser.parse_args()
    model, tokenizer = load(options.model)
    if options.int8:
        round_to_int8(model)
    for path in options.files:
        sources, wanted = read_pairs(path)
        started = time.monotonic()
        made = translate(model, tokenizer, sources, options.beams)
        seconds = round(time.monotonic() - started, 1)
        row = {
            "file": path.name,
            "beams": options.beams,
            "weights": "int8" if options.int8 else "as in the file",
            **scores(made, wanted),
            "seconds": seconds,
        }
        print(json.dumps(row), flush=True)
        if options.out:
            with options.out.open("a", encoding="utf-8") as file:
                for row in zip(sources, wanted, made, strict=True):
                    file.write("\t".join(row) + "\n")


if __name__ == "__main__":
    main()
