"""Write what PyTorch translates, ids and all, as JSON: python reference.py MODEL OUT TEXT-OR-FILE…

A FILE ending in .tsv gives its first column (FILE:20 its first 20). Engines are held to it.
"""

import json
import sys
from pathlib import Path

import torch

from evaluate import load, read_pairs


def texts_from(argument):
    name, _, count = argument.partition(":")
    if not name.endswith(".tsv"):
        return [argument]
    texts = read_pairs(name)[0]
    return texts[: int(count)] if count else texts


def main():
    model, tokenizer = load(sys.argv[1])
    rows = []
    for text in [text for argument in sys.argv[3:] for text in texts_from(argument)]:
        source = tokenizer.encode(text).ids
        with torch.inference_mode():
            # One sentence at a time: no padding can touch a sum.
            made = model.generate(
                input_ids=torch.tensor([source], device=model.device), num_beams=1
            )
        target = made[0].tolist()
        translation = tokenizer.decode(target, skip_special_tokens=True)
        rows.append({"text": text, "source": source, "target": target, "translation": translation})
    lines = ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    Path(sys.argv[2]).write_text(f"[\n{lines}\n]\n", encoding="utf-8")


if __name__ == "__main__":
    main()
