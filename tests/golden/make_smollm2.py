"""Writes smollm2.json: how SmolLM2-135M-Instruct goes on from ten prompts, greedily, by transformers.

    python make_smollm2.py FILE      the GGUF that `node scripts/fetch_smollm2.mjs` prints the path of
"""

import hashlib
import json
import sys
from pathlib import Path

import gguf
import jinja2
import tokenizers
import torch
import transformers

HERE = Path(__file__).resolve().parent
STEPS = 200

ARTICLE = (
    "The tea plant, Camellia sinensis, is an evergreen shrub that is native to East Asia. It has been grown for its "
    "leaves for at least two thousand years. Legend has it that the emperor Shennong first drank tea in 2737 BC, when "
    "leaves from a wild tree blew into his pot of boiling water. By the Tang dynasty (618-907) tea was drunk all over "
    "China, and the scholar Lu Yu wrote the first book about it, The Classic of Tea. Buddhist monks took it to Japan, "
    "where it became a ceremony; Dutch traders brought it to Europe in 1610, and by 1800 the British drank more of it "
    "than anybody else. Green, white, oolong and black tea all come from the same plant: what sets them apart is how "
    "long the leaves may oxidise before they are heated.")
PROMPTS = {
    "prose": "The history of the printing press begins",
    "story": "Once upon a time, in a small village by the sea, there lived a clockmaker who",
    "python": 'def is_prime(n):\n    """Whether n is a prime number."""\n',
    "javascript": "// Calls `callback` once, when nothing has happened for a while.\nfunction debounce(",
    "list": "Ten things to pack for a week in the mountains:\n\n1.",
    "json": '[{"name": "Ada Lovelace", "born": 1815, "died": 1852}, {"name": "Alan Turing", "born":',
    "scripts": "Bonjour ! ¿Qué tal? 你好，世界。 Привет 🌍🚀 — naïve café,\t3.14159 × 2\n\n",
    "question": [
        {"role": "user", "content": "Why is the sky blue? Explain it to a child."},
    ],
    "turns": [
        {"role": "system", "content": "You are a cook. You answer briefly."},
        {"role": "user", "content": "What can I make from eggs and rice?"},
        {"role": "assistant", "content": "Fried rice: fry the rice, then stir in the eggs."},
        {"role": "user", "content": "Write the recipe as numbered steps."},
    ],
    "article": [
        {"role": "user", "content": f"Summarise this text in three sentences.\n\n{ARTICLE}"},
    ],
}


def read_tokenizer(fields):
    """The tokenizer that the file describes: `gpt2` is byte-level BPE, `smollm` splits digits off."""
    assert fields["tokenizer.ggml.model"].contents() == "gpt2"
    assert fields["tokenizer.ggml.pre"].contents() == "smollm"
    tokens = fields["tokenizer.ggml.tokens"].contents()
    merges = [tuple(merge.split(" ")) for merge in fields["tokenizer.ggml.merges"].contents()]
    vocabulary = {token: index for index, token in enumerate(tokens)}
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE(vocabulary, merges))
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Sequence([
        tokenizers.pre_tokenizers.Digits(individual_digits=True),
        tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)])
    tokenizer.decoder = tokenizers.decoders.ByteLevel()
    control = gguf.TokenType.CONTROL
    kinds = fields["tokenizer.ggml.token_type"].contents()
    tokenizer.add_special_tokens([token for token, kind in zip(tokens, kinds) if kind == control])
    return tokenizer


@torch.no_grad()
def go_on(model, prompt):
    """The `STEPS` tokens of the highest logit after `prompt`, whether they end a text or not."""
    written, cache, given = [], None, prompt
    for _ in range(STEPS):
        out = model(input_ids=torch.tensor([given]), past_key_values=cache, use_cache=True)
        cache = out.past_key_values
        given = [int(out.logits[0, -1].argmax())]
        written += given
    return written


@torch.no_grad()
def judge(model, prompt, written):
    """By how much the best logit leads at each step, and which token has it, without a cache."""
    logits = model(input_ids=torch.tensor([prompt + written[:-1]])).logits[0, len(prompt) - 1:]
    best = logits.topk(2)
    return best.indices[:, 0].tolist(), (best.values[:, 0] - best.values[:, 1]).tolist()


def load(path, dtype):
    """transformers unpacks the blocks of the file itself, by the gguf package, to plain matrices."""
    model = transformers.AutoModelForCausalLM.from_pretrained(
        path.parent, gguf_file=path.name, dtype=dtype, attn_implementation="eager").eval()
    assert all(weight.dtype == dtype for weight in model.parameters())
    return model


def main(path):
    fields = gguf.GGUFReader(path).fields
    tokenizer = read_tokenizer(fields)
    template = jinja2.Environment(trim_blocks=True, lstrip_blocks=True).from_string(
        fields["tokenizer.chat_template"].contents())
    single, double = load(path, torch.float32), load(path, torch.float64)
    cases = []
    for name, prompt in PROMPTS.items():
        text = prompt if isinstance(prompt, str) else template.render(
            messages=prompt, add_generation_prompt=True)
        ids = tokenizer.encode(text, add_special_tokens=False).ids
        assert tokenizer.decode(ids, skip_special_tokens=False) == text
        written = go_on(single, ids)
        best, gaps = judge(double, ids, written)
        # f64 has the last word: a golden token is the best one beyond doubt, given those before it.
        assert best == written, f"{name}: f32 and f64 part at {[a == b for a, b in zip(best, written)].index(False)}"
        cases.append(dict(
            name=name, prompt=prompt, text=text, ids=ids, tokens=written,
            gaps=[float(f"{gap:.3g}") for gap in gaps],
            written=tokenizer.decode(written, skip_special_tokens=False)))
        print(f"{name}: {len(ids)} tokens, least gap {min(gaps):.2g}: {cases[-1]['written'][:80]!r}", flush=True)
    golden = dict(
        file=path.name, sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        versions=dict(torch=torch.__version__.split("+")[0], transformers=transformers.__version__,
                      tokenizers=tokenizers.__version__),
        cases=cases)
    lines = json.dumps({**golden, "cases": None}, ensure_ascii=False)[:-5]
    lines += "[\n" + ",\n".join(json.dumps(case, ensure_ascii=False) for case in cases) + "\n]}\n"
    (HERE / "smollm2.json").write_text(lines)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    torch.set_num_threads(1)
    main(Path(sys.argv[1]))
