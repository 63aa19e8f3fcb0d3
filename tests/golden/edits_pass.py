"""A pass of Marian, GPT-2 or Llama, spelt out, where edits change values as they arise."""

import math

import torch

OWN_NORM = {"marian": "layer", "gpt2": "layer", "llama": "rms"}


def matches(pattern, name):
    """Component by component; a `*` at the end stands for all the rest."""
    parts, names = pattern.split("."), name.split(".")
    if parts[-1] == "*" and len(names) >= len(parts):
        names = names[: len(parts)]
    return len(parts) == len(names) and all(p in ("*", n) for p, n in zip(parts, names))


def changed(edit, site, x, first_step, heads_axis):
    """The value under one edit. Maps are `[B, H, T, S]`, all others `[B, T, …]`."""
    if "scale" in edit and matches(edit["scale"], site):
        factor = torch.ones(1 if heads_axis is None else x.shape[heads_axis], dtype=x.dtype)
        factor[edit.get("heads", slice(None))] = edit["by"]
        if heads_axis is None:
            return x * factor
        return x * factor.reshape([-1] + [1] * (-1 - heads_axis if heads_axis < 0 else x.ndim - 2))
    if edit.get("replace") == site:
        data, x = edit["data"].to(x.dtype), x.clone()
        time = 2 if is_map(site) else 1
        if first_step is None or data.shape[time] > 1:
            # An encoder's values, or those of the pass over a prompt: the first rows of ours.
            count = data.shape[time]
            x.narrow(time, 0, count).copy_(data.reshape(of_length(x, time, count)))
            return x
        steps = range(first_step, x.shape[time])
        for at in steps if edit.get("position") is None else {edit["position"]} & set(steps):
            x.narrow(time, at, 1).copy_(data.reshape(of_length(x, time, 1)))
    return x


def of_length(x, axis, length):
    return [*x.shape[:axis], length, *x.shape[axis + 1 :]]


def is_map(site):
    return site.endswith((".scores", ".weights"))


def normed(kind, norm, x):
    """`norm` is any module with a gain; LayerNorm and LlamaRMSNorm call their ε differently."""
    epsilon = getattr(norm, "eps", None) or norm.variance_epsilon
    if kind == "none":
        return x
    if kind == "rms":
        return x / (x.square().mean(-1, keepdim=True) + epsilon).sqrt() * norm.weight
    x = x - x.mean(-1, keepdim=True)
    y = x / (x.square().mean(-1, keepdim=True) + epsilon).sqrt() * norm.weight
    # Neither in the place of the other has a bias.
    return y if getattr(norm, "bias", None) is None else y + norm.bias


def pairs(x):
    """Values i and i + K/2 of each head as neighbours, as the engine has them."""
    return x.unflatten(-1, (2, -1)).transpose(-1, -2).flatten(-2)


def halves(x):
    """The way back."""
    return x.unflatten(-1, (-1, 2)).transpose(-1, -2).flatten(-2)


class Pass:
    """What the edits make of each value, kept by site. Steps begin at position `first_step`."""

    def __init__(self, model, edits, first_step):
        self.model, self.config, self.edits = model, model.config, edits
        self.first_step, self.sites = first_step, {}

    def at(self, site, x, heads_axis=None):
        first_step = None if attends_to_source(site) and not is_step_site(site) else self.first_step
        for edit in self.edits:
            x = changed(edit, site, x, first_step, heads_axis)
        self.sites[site] = x
        return x

    def off(self, what, name):
        return any(
            edit.get("off") == what and matches(edit.get("in", "*"), name) for edit in self.edits)

    def norm(self, at, norm, x):
        """`at` is a block or a stack."""
        kind = OWN_NORM[self.config.model_type]
        for edit in self.edits:
            place = edit.get("in", "*")
            if "norm" in edit and (matches(place, at) or matches(place, f"{at}.norm")):
                kind = edit["norm"]
        return self.at(f"{at}.norm", normed(kind, norm, x))

    def shared(self, at, x):
        """The mean of each group of neighbouring heads: `[B, T, G0, K]` to `[B, T, G, K]`."""
        for edit in self.edits:
            if "keyValueHeads" in edit and matches("decoder.*.self_attention", at):
                x = x.unflatten(2, (edit["keyValueHeads"], -1)).mean(3)
        return x

    def attention(self, at, query, key, value, allowed, turn=None):
        """Query `[B, T, H, K]`, key, value `[B, S, G, K]`, `allowed` `[B, T, S]`: `[B, T, H·K]`."""
        key, value = self.shared(at, key), self.shared(at, value)
        if turn:
            query, key = pairs(query), pairs(key)
        query = self.at(f"{at}.query", query, -2)
        key = self.at(f"{at}.key", key, -2)
        value = self.at(f"{at}.value", value, -2)
        if turn:
            query, key = turn(halves(query)), turn(halves(key))
        self.sites[f"{at}.turned_key"] = pairs(key) if turn else key
        share = query.shape[2] // key.shape[2]
        key, value = key.repeat_interleave(share, 2), value.repeat_interleave(share, 2)
        scores = torch.einsum("bthk,bshk->bhts", query, key)
        if not self.off("scaling", at):
            scores = scores / math.sqrt(query.shape[-1])
        scores = self.at(f"{at}.scores", scores, 1)
        weights = scores.masked_fill(~allowed[:, None], -math.inf).softmax(-1)
        if self.config.model_type != "marian":
            # As the goldens of these families have them.
            self.sites[f"{at}.scores"] = scores.masked_fill(~allowed[:, None], 0)
        weights = self.at(f"{at}.weights", weights, 1)
        context = torch.einsum("bhts,bshk->bthk", weights, value)
        context = self.at(f"{at}.context", context, -2).flatten(2)
        self.sites[f"{at}.context"] = context
        return context

    def leave(self, at, x, output):
        """What a block gives, before a norm behind it."""
        if at.endswith("feed_forward") and self.off("mlps", at):
            output = torch.zeros_like(output)
        output = self.at(f"{at}.output", output)
        return self.at(f"{at}.residual", output if self.off("skips", at) else x + output)

    def causal(self, at, times, lengths=None):
        """`[1 or B, T, T]`: what each position may look at. With the causal mask off those of the
        pass over the prompt see each other, but no padding."""
        query, key = torch.arange(times)[:, None], torch.arange(times)[None]
        allowed = (key <= query)[None]
        if self.off("causal mask", at):
            allowed = allowed | ((query < self.first_step) & (key < self.first_step))[None]
            if lengths is not None:
                allowed = allowed & (key[None] < lengths[:, None, None])
        return allowed


def attends_to_source(site):
    return site.startswith("encoder") or ".cross_attention." in site


def is_step_site(site):
    """Whether a decoder's step gives this value: all of cross-attention but its keys and values."""
    return site.startswith("decoder") and not site.endswith((".key", ".value"))


@torch.no_grad()
def marian(model, edits, ids, lengths, inputs, first_step=0, target_lengths=None):
    """Sites of a pass over sources `[B, S]` and decoder inputs `[B, T]`."""
    run, body = Pass(model, edits, first_step), model.model

    def embed(stack, half, ids):
        x = run.at(f"{stack}.embedding", half.embed_tokens(ids) * half.embed_scale)
        if run.off("positions", stack):
            return x
        position = half.embed_positions.weight[: ids.shape[1]].expand_as(x)
        return x + run.at(f"{stack}.position", position)

    def attend(at, module, norm, x, source, allowed):
        split = lambda y: y.unflatten(-1, (module.num_heads, -1))
        key, value = split(module.k_proj(source)), split(module.v_proj(source))
        context = run.attention(at, split(module.q_proj(x)), key, value, allowed)
        return run.norm(at, norm, run.leave(at, x, module.out_proj(context)))

    def feed_forward(at, layer, x):
        inner = run.at(f"{at}.pre_activation", layer.fc1(x))
        inner = run.at(f"{at}.activation", layer.activation_fn(inner))
        return run.norm(at, layer.final_layer_norm, run.leave(at, x, layer.fc2(inner)))

    real = torch.arange(ids.shape[1])[None] < lengths[:, None]

    def seen(at, times):
        allowed = real | run.off("padding mask", at)
        return allowed[:, None].expand(-1, times, -1)

    x = embed("encoder", body.encoder, ids)
    for index, layer in enumerate(body.encoder.layers):
        at = f"encoder.{index}.self_attention"
        x = attend(at, layer.self_attn, layer.self_attn_layer_norm, x, x, seen(at, ids.shape[1]))
        x = feed_forward(f"encoder.{index}.feed_forward", layer, x)
    source, x = x, embed("decoder", body.decoder, inputs)
    times = inputs.shape[1]
    for index, layer in enumerate(body.decoder.layers):
        at, across = f"decoder.{index}.self_attention", f"decoder.{index}.cross_attention"
        allowed = run.causal(at, times, target_lengths)
        x = attend(at, layer.self_attn, layer.self_attn_layer_norm, x, x, allowed)
        allowed = seen(across, times)
        x = attend(across, layer.encoder_attn, layer.encoder_attn_layer_norm, x, source, allowed)
        x = feed_forward(f"decoder.{index}.feed_forward", layer, x)
    logits = run.at("logits", model.lm_head(x) + model.final_logits_bias)
    for [word] in model.generation_config.bad_words_ids or []:
        logits = logits.index_fill(-1, torch.tensor([word]), -math.inf)
    run.sites["probabilities"] = logits.softmax(-1)
    return run.sites


@torch.no_grad()
def causal(model, edits, tokens, first_step):
    """Sites of a pass over a text `[1, T]`, of which `first_step` tokens are taken in at once."""
    run, config = Pass(model, edits, first_step), model.config
    is_llama = config.model_type == "llama"
    body = model.model if is_llama else model.transformer
    times = tokens.shape[1]
    x = run.at("decoder.embedding", (body.embed_tokens if is_llama else body.wte)(tokens))
    turn = None
    if is_llama and not run.off("positions", "decoder"):
        turn = rotary(config, times)
    elif is_llama:
        turn = lambda x: x
    elif not run.off("positions", "decoder"):
        x = x + run.at("decoder.position", body.wpe.weight[None, :times])
    for index, layer in enumerate(body.layers if is_llama else body.h):
        at, forward = f"decoder.{index}.self_attention", f"decoder.{index}.feed_forward"
        attention, mlp = (layer.self_attn, layer.mlp) if is_llama else (layer.attn, layer.mlp)
        entered = run.norm(at, layer.input_layernorm if is_llama else layer.ln_1, x)
        if is_llama:
            rows = [attention.q_proj(entered), attention.k_proj(entered), attention.v_proj(entered)]
            rows = [row.unflatten(-1, (-1, config.head_dim)) for row in rows]
        else:
            rows = attention.c_attn(entered).chunk(3, -1)
            rows = [row.unflatten(-1, (config.n_head, -1)) for row in rows]
        context = run.attention(at, *rows, run.causal(at, times), turn)
        x = run.leave(at, x, (attention.o_proj if is_llama else attention.c_proj)(context))
        entered = run.norm(forward, layer.post_attention_layernorm if is_llama else layer.ln_2, x)
        if is_llama:
            gate = run.at(f"{forward}.gate", mlp.gate_proj(entered))
            inner = mlp.act_fn(gate) * run.at(f"{forward}.up", mlp.up_proj(entered))
        else:
            inner = mlp.act(run.at(f"{forward}.pre_activation", mlp.c_fc(entered)))
        inner = run.at(f"{forward}.activation", inner)
        x = run.leave(forward, x, (mlp.down_proj if is_llama else mlp.c_proj)(inner))
    x = run.norm("decoder", body.norm if is_llama else body.ln_f, x)
    logits = run.at("logits", model.lm_head(x))
    run.sites["probabilities"] = logits.softmax(-1)
    return run.sites


def rotary(config, times):
    """Turns `[B, T, H, K]`: values i and i + K/2 are a pair."""
    half = config.head_dim // 2
    theta = config.rope_parameters["rope_theta"]
    frequency = theta ** (-torch.arange(half, dtype=torch.float64) / half)
    angle = torch.arange(times, dtype=torch.float64)[:, None, None] * frequency

    def turn(x):
        a, b = x.chunk(2, -1)
        cos, sin = angle.cos().to(x.dtype), angle.sin().to(x.dtype)
        return torch.cat([a * cos - b * sin, b * cos + a * sin], -1)
    return turn
