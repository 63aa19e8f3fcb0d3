"""Writes small GGUF files and what other libraries make of them: tensors of every type, and tokenizers.

    python make_gguf.py
"""

import json
from pathlib import Path

import gguf
import numpy
import tokenizers
import torch
import transformers
from safetensors.numpy import save_file
from tokenizers import decoders, models, normalizers, pre_tokenizers, trainers
from transformers.convert_slow_tokenizer import TikTokenConverter
from transformers.integrations.gguf import convert_gguf_tokenizer, get_gguf_tokenizer

FOLDER = Path(__file__).resolve().parent / "gguf"
Type = gguf.GGMLQuantizationType

# What `gguf` quantises itself; of the others it only knows how to read them.
QUANTISED = [Type.Q8_0, Type.Q4_0, Type.Q4_1, Type.Q5_0, Type.Q5_1, Type.BF16]
RANDOM = {Type.Q4_K: [0, 2], Type.Q5_K: [0, 2], Type.Q6_K: [208]}  # where the scales are, in f16

TEXTS = [
    "", " ", "Hello world", "  two  spaces \n\n\n and\tlines\r\n ", "It's 2024, isn't it? WE'LL see: I'M 1234567.",
    "naïve café — 你好，世界。Привет 🌍🚀", "x=3.14159*y+1e-5;//ok", "<|user|>hi<|end|>\n<|user|>", "ends with space ",
    "e\u0301 and \u00e9 (two forms)", "\u0000\u0001 control", "a<s>b</s>c",
]


def write_types():
    """One tensor of each type, 3 rows of 512, and the values that `gguf` reads in it."""
    random = numpy.random.default_rng(7)
    writer = gguf.GGUFWriter(FOLDER / "types.gguf", "llama")
    values = {}

    def add(kind, data, shape=None):
        name = f"tensor.{kind.name.lower()}"
        writer.add_tensor(name, data, raw_shape=shape, raw_dtype=kind)
        read = gguf.quants.dequantize(data, kind) if kind not in (Type.F32, Type.F16) else data
        values[name] = read.astype(numpy.float32).reshape(3, 512)

    matrix = (random.standard_normal((3, 512)) * random.exponential(1, (3, 512))).astype(numpy.float32)
    matrix[:, :32] *= 1e-5  # scales that are subnormal in f16
    matrix[1, 64:96] = 0
    add(Type.F32, matrix)
    add(Type.F16, matrix.astype(numpy.float16))
    for kind in QUANTISED:
        add(kind, gguf.quants.quantize(matrix, kind))
    for kind, scales in RANDOM.items():
        count, size = gguf.GGML_QUANT_SIZES[kind]
        blocks = random.integers(0, 256, (3 * 512 // count, size), dtype=numpy.uint8)
        for at in scales:
            halves = (random.standard_normal(len(blocks)) * 0.01).astype(numpy.float16)
            blocks[:, at:at + 2] = halves[:, None].view(numpy.uint8)
        add(kind, blocks.reshape(3, -1))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    save_file(values, FOLDER / "types.safetensors")


def train(tokenizer, alphabet):
    """Some merges from the words of this very file."""
    trainer = trainers.BpeTrainer(
        vocab_size=len(alphabet) + 160, initial_alphabet=alphabet, special_tokens=[], show_progress=False)
    lines = Path(__file__).read_text().splitlines() + TEXTS * 3
    tokenizer.train_from_iterator([line.replace("\0", "") for line in lines], trainer)
    model = json.loads(tokenizer.to_str())["model"]
    tokens = sorted(model["vocab"], key=model["vocab"].get)
    return tokens, [tuple(merge) for merge in model["merges"]]


def write_tokenizer(name, kind, pre, tokens, types, merges=None, scores=None, begin=None):
    writer = gguf.GGUFWriter(FOLDER / f"{name}.gguf", "llama")
    writer.add_tokenizer_model(kind)
    if pre:
        writer.add_tokenizer_pre(pre)
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    if merges:
        writer.add_token_merges([" ".join(merge) for merge in merges])
    if scores:
        writer.add_token_scores(scores)
    if begin is not None:
        writer.add_bos_token_id(tokens.index(begin))
    writer.add_eos_token_id(tokens.index("<|end|>" if "<|end|>" in tokens else "</s>"))
    writer.add_chat_template("{{ messages }}")
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def byte_level_tokenizers():
    """Name, reference of Hugging Face and `pre` of each way to split a text into words."""
    bare = tokenizers.Tokenizer(models.BPE())
    bare.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokens, merges = train(bare, sorted(pre_tokenizers.ByteLevel.alphabet()))
    vocabulary = {token: index for index, token in enumerate(tokens)}
    special = ["<|end|>", "<|user|>"]
    types = [gguf.TokenType.NORMAL] * len(tokens) + [gguf.TokenType.CONTROL, gguf.TokenType.USER_DEFINED]

    def built(words, **model):
        tokenizer = tokenizers.Tokenizer(models.BPE(vocabulary, merges, **model))
        tokenizer.pre_tokenizer, tokenizer.decoder = words, decoders.ByteLevel()
        return tokenizer

    llama3 = pre_tokenizers.Sequence([
        pre_tokenizers.Split(tokenizers.Regex(TikTokenConverter("").pattern), "isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    smollm = pre_tokenizers.Sequence([
        pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)])
    references = {
        "gpt-2": transformers.GPT2Tokenizer(vocab=vocabulary, merges=merges).backend_tokenizer,
        "qwen2": transformers.Qwen2Tokenizer(vocab=vocabulary, merges=merges).backend_tokenizer,
        "llama-bpe": built(llama3, ignore_merges=True),
        "smollm": built(smollm),
    }
    for pre, reference in references.items():
        # Classes of transformers add their own special tokens; ids follow the list all the same.
        reference = tokenizers.Tokenizer.from_str(json.dumps(
            {**json.loads(reference.to_str()), "added_tokens": [], "post_processor": None}))
        reference.model = models.BPE(vocabulary, merges, ignore_merges=pre == "llama-bpe")
        reference.add_special_tokens([special[0]])
        reference.add_tokens([tokenizers.AddedToken(special[1], normalized=False)])
        begin = special[0] if pre == "llama-bpe" else None
        write_tokenizer(pre, "gpt2", pre, tokens + special, types, merges, begin=begin)
        yield pre, reference, [] if begin is None else [len(tokens)]


def sentence_piece():
    """The merges that transformers' own loader makes of the scores; but a text always gets the space before it
    that SentencePiece and llama.cpp give it, also where it begins with one."""
    bare = tokenizers.Tokenizer(models.BPE())
    bare.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    pieces, _ = train(bare, list("▁abcdefghijklmnopqrstuvwxyz.,'"))
    pieces = [piece for piece in pieces if piece not in ("\n", "\t", "\r")]
    bytes_ = [f"<0x{byte:02X}>" for byte in range(256)]
    tokens = ["<unk>", "<s>", "</s>"] + bytes_ + pieces
    kind = gguf.TokenType
    types = [kind.UNKNOWN, kind.CONTROL, kind.CONTROL] + [kind.BYTE] * 256 + [kind.NORMAL] * len(pieces)
    scores = [0.0] * 259 + [-float(rank) for rank in range(len(pieces))]
    write_tokenizer("llama", "llama", None, tokens, types, scores=scores, begin="<s>")
    architecture, parts, _ = get_gguf_tokenizer(str(FOLDER / "llama.gguf"))
    reference, _ = convert_gguf_tokenizer(architecture, parts)
    reference.normalizer = bare.normalizer
    reference.pre_tokenizer = pre_tokenizers.Split("unsplit", "isolated")
    return "llama", reference, [1]


def main():
    FOLDER.mkdir(exist_ok=True)
    write_types()
    cases = []
    for name, reference, begin in [*byte_level_tokenizers(), sentence_piece()]:
        for text in TEXTS:
            ids = reference.encode(text, add_special_tokens=False).ids
            cases.append(dict(file=name, text=text, begin=begin, ids=ids, back=reference.decode(ids)))
    lines = ",\n".join(json.dumps(case, ensure_ascii=False) for case in cases)
    (FOLDER / "tokens.json").write_text(f"[\n{lines}\n]\n", encoding="utf-8")


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
