"""Writes four small Marian models of random weights and every site of each, as transformers and
PyTorch compute them, for the engine to be held against: python make.py."""

import math
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from transformers import GenerationConfig, MarianConfig, MarianMTModel

HERE = Path(__file__).resolve().parent
EOS = 0

# The shapes are awkward on purpose: heads that divide no workgroup, widths that are no multiple of 16.
MODELS = {
    "marian_tied_relu": dict(
        dtype=torch.float16, lengths=[5, 4, 2], targets=[8, 5, 8], ban_padding=True,
        config=dict(
            d_model=32, encoder_layers=2, decoder_layers=2, encoder_attention_heads=4,
            decoder_attention_heads=4, encoder_ffn_dim=64, decoder_ffn_dim=64, vocab_size=96,
            activation_function="relu", scale_embedding=True)),
    "marian_untied_swish": dict(
        dtype=torch.float32, lengths=[3, 7, 6], targets=[4, 10, 10], ban_padding=False,
        config=dict(
            d_model=24, encoder_layers=1, decoder_layers=2, encoder_attention_heads=3,
            decoder_attention_heads=3, encoder_ffn_dim=52, decoder_ffn_dim=52, vocab_size=101,
            decoder_vocab_size=97, activation_function="swish", scale_embedding=True,
            share_encoder_decoder_embeddings=False, tie_word_embeddings=False)),
    "marian_gelu": dict(
        dtype=torch.bfloat16, lengths=[4, 2, 3], targets=[5, 5, 4], ban_padding=True,
        config=dict(
            d_model=60, encoder_layers=3, decoder_layers=1, encoder_attention_heads=5,
            decoder_attention_heads=5, encoder_ffn_dim=36, decoder_ffn_dim=36, vocab_size=83,
            activation_function="gelu", scale_embedding=True)),
    "marian_gelu_new": dict(
        dtype=torch.float16, lengths=[1, 5, 4], targets=[6, 6, 6], ban_padding=False,
        config=dict(
            d_model=80, encoder_layers=1, decoder_layers=1, encoder_attention_heads=5,
            decoder_attention_heads=4, encoder_ffn_dim=20, decoder_ffn_dim=28, vocab_size=50,
            activation_function="gelu_new", scale_embedding=False)),
}


def random_model(shape, generator):
    """A model whose attention is not uniform."""
    target = shape["config"].get("decoder_vocab_size", shape["config"]["vocab_size"])
    pad = target - 1
    config = MarianConfig(
        **shape["config"], max_position_embeddings=64, pad_token_id=pad, decoder_start_token_id=pad,
        eos_token_id=EOS, bos_token_id=EOS, forced_eos_token_id=EOS)
    model = MarianMTModel(config)
    for name, weight in model.named_parameters():
        noise = torch.randn(weight.shape, generator=generator)
        if "embed_positions" in name:
            continue
        if "layer_norm.weight" in name:
            noise = 1 + 0.2 * noise
        elif weight.ndim == 1:
            noise = 0.2 * noise
        elif "embed_tokens" in name or "shared" in name or "lm_head" in name:
            noise = 0.3 * noise if not config.scale_embedding else 2 * noise / math.sqrt(config.d_model)
        elif "q_proj" in name or "k_proj" in name:
            noise = 1.4 * noise / math.sqrt(weight.shape[1])
        else:
            noise = noise / math.sqrt(weight.shape[1])
        weight.data.copy_(noise)
    model.final_logits_bias.copy_(0.5 * torch.randn(model.final_logits_bias.shape, generator=generator))
    model.generation_config = GenerationConfig(
        decoder_start_token_id=pad, eos_token_id=EOS, pad_token_id=pad, forced_eos_token_id=EOS,
        max_length=64, num_beams=4, renormalize_logits=True,
        bad_words_ids=[[pad]] if shape["ban_padding"] else None)
    return model.eval()


def save_model(model, folder, with_derived):
    """Writes the published layout; `with_derived` adds tensors that other files leave out."""
    model.save_pretrained(folder)
    if with_derived:
        tensors = load_file(folder / "model.safetensors")
        for stack in ("encoder", "decoder"):
            positions = getattr(model.model, stack).embed_positions.weight
            tensors[f"model.{stack}.embed_positions.weight"] = positions.detach().clone()
        tensors["lm_head.weight"] = model.lm_head.weight.detach().clone()
        save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def load_model(folder, dtype):
    """The model as the file has it; float64 arithmetic leaves no doubt about the last bit."""
    return MarianMTModel.from_pretrained(folder, dtype=dtype, attn_implementation="eager").eval()


def pad_sources(sources, pad):
    width = max(map(len, sources))
    ids = torch.tensor([source + [pad] * (width - len(source)) for source in sources])
    mask = torch.tensor([[1] * len(source) + [0] * (width - len(source)) for source in sources])
    return ids, mask


def generate(model, ids, mask, steps):
    """Greedy tokens `[B, T]`. A sentence that the limit cuts is left as it is: no forced end."""
    out = model.generate(
        input_ids=ids, attention_mask=mask, num_beams=1, do_sample=False, max_new_tokens=steps,
        max_length=None, forced_eos_token_id=None)
    return out[:, 1:]


def heads(x, count):
    """`[B, N, D]` to `[B, N, H, K]`."""
    return x.reshape(*x.shape[:-1], count, -1)


def watch(model, sites):
    """Hooks that write every site of a teacher-forced pass into `sites`."""
    config = model.config

    def output(module, name, change=lambda x: x):
        def hook(_, __, out):
            sites[name] = change(out)
        module.register_forward_hook(hook)

    def given(module, name):
        module.register_forward_pre_hook(lambda _, args: sites.__setitem__(name, args[0]))

    def attention(module, norm, at, count):
        for part in ("query", "key", "value"):
            projection = getattr(module, part[0] + "_proj")
            output(projection, f"{at}.{part}", lambda x: heads(x, count))

        def hook(_, __, out):
            query, key = sites[f"{at}.query"], sites[f"{at}.key"]
            products = torch.einsum("bthk,bshk->bhts", query, key)
            sites[f"{at}.scores"] = products / math.sqrt(query.shape[-1])
            sites[f"{at}.weights"] = out[1]
        module.register_forward_hook(hook)
        given(module.out_proj, f"{at}.context")
        output(module.out_proj, f"{at}.output")
        given(norm, f"{at}.residual")
        output(norm, f"{at}.norm")

    for stack in ("encoder", "decoder"):
        half = getattr(model.model, stack)
        output(half.embed_tokens, f"{stack}.embedding", lambda x, half=half: x * half.embed_scale)
        output(half.embed_positions, f"{stack}.position")
        count = getattr(config, f"{stack}_attention_heads")
        for index, layer in enumerate(half.layers):
            at = f"{stack}.{index}"
            attention(layer.self_attn, layer.self_attn_layer_norm, f"{at}.self_attention", count)
            if stack == "decoder":
                norm = layer.encoder_attn_layer_norm
                attention(layer.encoder_attn, norm, f"{at}.cross_attention", count)
            output(layer.fc1, f"{at}.feed_forward.pre_activation")
            given(layer.fc2, f"{at}.feed_forward.activation")
            output(layer.fc2, f"{at}.feed_forward.output")
            given(layer.final_layer_norm, f"{at}.feed_forward.residual")
            output(layer.final_layer_norm, f"{at}.feed_forward.norm")


@torch.no_grad()
def trace(model, ids, mask, tokens):
    """Every site, log-probabilities `[B, T]` and log-probabilities of all tokens `[B, T, V]`."""
    sites = {}
    watch(model, sites)
    sites["logits"], everything = judge(model, ids, mask, tokens)
    sites["probabilities"] = everything.exp()
    for stack, like in (("encoder", ids), ("decoder", tokens)):
        position = sites[f"{stack}.position"]
        sites[f"{stack}.position"] = position.expand(*like.shape, position.shape[-1])
    chosen = everything.gather(-1, tokens[..., None])[..., 0]
    return sites, chosen, everything


def judge(model, ids, mask, tokens):
    """Logits `[B, T, V]` of a pass over the tokens, and log-probabilities without banned tokens."""
    start = torch.full((len(ids), 1), model.generation_config.decoder_start_token_id)
    inputs = torch.cat([start, tokens[:, :-1]], dim=1)
    logits = model(
        input_ids=ids, attention_mask=mask, decoder_input_ids=inputs, use_cache=False).logits
    allowed = logits.clone()
    for [word] in model.generation_config.bad_words_ids or []:
        allowed[..., word] = -math.inf
    return logits, allowed.log_softmax(-1)


def teach(model, ids, mask, targets):
    """A few steps towards the targets: purely random weights repeat one token for ever, and a test
    of greedy decoding needs sentences that vary and end at different steps."""
    for name, weight in model.named_parameters():
        weight.requires_grad = "embed_positions" not in name
    optimizer = torch.optim.Adam([w for w in model.parameters() if w.requires_grad], lr=3e-3)
    start = torch.full((len(ids), 1), model.config.decoder_start_token_id)
    inputs = torch.cat([start, targets[:, :-1]], dim=1)
    written = targets != model.config.pad_token_id
    for _ in range(500):
        logits = model(
            input_ids=ids, attention_mask=mask, decoder_input_ids=inputs, use_cache=False).logits
        scores = logits[written].log_softmax(-1)
        if margins(scores, targets[written]).min() > 0.7:
            return
        loss = torch.nn.functional.nll_loss(scores, targets[written])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    raise SystemExit("the targets were not learnt")


def margins(scores, targets):
    """By how much each target's score leads that of the best other token."""
    others = scores.clone().scatter(-1, targets[..., None], -math.inf)
    return scores.gather(-1, targets[..., None])[..., 0] - others.max(-1).values


def random_tokens(length, below, generator):
    """Distinct tokens without the end, then the end."""
    return (torch.randperm(below - 1, generator=generator)[: length - 1] + 1).tolist() + [EOS]


def make_model(name, shape):
    folder, generator = HERE / name, torch.Generator().manual_seed(7)
    model = random_model(shape, generator).double()
    pad, steps = model.config.pad_token_id, max(shape["targets"])
    sources = [random_tokens(length, pad, generator) for length in shape["lengths"]]
    ids, mask = pad_sources(sources, pad)
    # The longest are cut by the limit: they have no end.
    targets = [random_tokens(length + (length == steps), pad, generator) for length in shape["targets"]]
    targets = pad_sources([target[:steps] for target in targets], pad)[0]
    teach(model, ids, mask, targets)
    save_model(model.to(shape["dtype"]), folder, with_derived=name == "marian_gelu_new")

    model = load_model(folder, torch.float64)
    tokens = generate(model, ids, mask, steps)
    assert (tokens == targets).all(), "the file writes what was taught"
    sites, chosen, everything = trace(model, ids, mask, tokens)
    written = tokens != pad
    margin = margins(everything[written], tokens[written]).min()
    assert margin > 0.1, "rounding in f32 must not decide"
    sites |= {
        "source": ids, "source_lengths": mask.sum(-1), "tokens": tokens,
        "lengths": written.sum(-1), "log_probabilities": chosen.where(written, 0)}
    # Ids are floats too, so that the engine's own reader reads them.
    save_file({key: x.float().contiguous() for key, x in sites.items()}, folder / "sites.safetensors")
    print(f"{name}: least margin {margin:.2f}, probability {chosen[written].exp().mean():.2f}")


if __name__ == "__main__":
    # One thread adds in one order: the files come out the same on every run.
    torch.set_num_threads(1)
    for name, shape in MODELS.items():
        make_model(name, shape)
