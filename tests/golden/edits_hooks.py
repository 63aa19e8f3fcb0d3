"""The same edits done by hooks on transformers' own modules: edits_pass.py must agree."""

from contextlib import contextmanager

import torch

from edits_pass import changed, halves, matches, normed, pairs


@contextmanager
def edited(model, edits, first_step):
    """The model with the edits, but for those of masks. LookupError where no hook can do it."""
    handles = []
    try:
        for edit in edits:
            for site, hook in places(model):
                handles += hook(edit, site, first_step) or []
            structural(model, edit, handles)
        yield model
    finally:
        for handle in handles:
            handle.remove()


def places(model):
    """Each site of a module's own, and what hooks an edit of it."""
    config, is_marian = model.config, model.config.model_type == "marian"
    is_llama = config.model_type == "llama"

    def wanted(edit, site):
        return "scale" in edit and matches(edit["scale"], site) or edit.get("replace") == site

    def step_of(site, first_step):
        is_source = site.startswith("encoder") or site.endswith(
            ("cross_attention.key", "cross_attention.value"))
        return None if is_source else first_step

    def on_output(module, heads=None, view=lambda x: x, back=lambda x: x):
        def hook(edit, site, first_step):
            def change(_, __, out):
                x = view(out if heads is None else out.unflatten(-1, (heads, -1)))
                x = changed(edit, site, x, step_of(site, first_step), None if heads is None else -2)
                x = back(x)
                return x if heads is None else x.flatten(-2)
            return [module.register_forward_hook(change)] if wanted(edit, site) else None
        return hook

    def on_input(module, heads=None):
        def hook(edit, site, first_step):
            def change(_, args):
                x = args[0] if heads is None else args[0].unflatten(-1, (heads, -1))
                x = changed(edit, site, x, step_of(site, first_step), None if heads is None else -2)
                return (x if heads is None else x.flatten(-2),)
            return [module.register_forward_pre_hook(change)] if wanted(edit, site) else None
        return hook

    def on_part(module, part, heads):
        def hook(edit, site, first_step):
            def change(_, __, out):
                rows = list(out.chunk(3, -1))
                x = rows[part].unflatten(-1, (heads, -1))
                rows[part] = changed(edit, site, x, first_step, -2).flatten(-2)
                return torch.cat(rows, -1)
            return [module.register_forward_hook(change)] if wanted(edit, site) else None
        return hook

    def through(heads, other):
        """Scaled scores are scores of scaled queries, scaled weights give a scaled context."""
        def hook(edit, site, first_step):
            if edit.get("replace") == site:
                raise LookupError
            if wanted(edit, site):
                return other({**edit, "scale": site}, site, first_step)
        return hook

    def on_sum(module):
        """The residual where norms stand in front: the block gives what is missing for it."""
        def hook(edit, site, first_step):
            if not wanted(edit, site):
                return None
            def change(_, args, kwargs, out):
                x = module.entered
                residual = changed(edit, site, x + out[0], first_step, None)
                return (residual - x, *out[1:])
            return [module.register_forward_hook(change, with_kwargs=True)]
        return hook

    def attention(at, module, heads, groups, norm, end):
        projections = [getattr(module, p + "_proj") for p in "qkv"]
        turns = dict(view=pairs, back=halves) if is_llama else {}
        hooks = [on_output(p, h, **turns) for p, h in zip(projections, (heads, groups, groups))]
        yield from zip((f"{at}.query", f"{at}.key", f"{at}.value"), hooks)
        yield f"{at}.scores", through(heads, hooks[0])
        yield f"{at}.weights", through(heads, on_input(end, heads))
        yield f"{at}.context", on_input(end, heads)
        yield f"{at}.output", on_output(end)
        if norm is not None:
            yield f"{at}.residual", on_input(norm)

    yield "logits", on_logits(model, changed, wanted)
    if is_marian:
        for stack in ("encoder", "decoder"):
            half = getattr(model.model, stack)
            heads = getattr(config, f"{stack}_attention_heads")
            yield f"{stack}.embedding", on_output(half.embed_tokens)
            yield f"{stack}.position", on_output(half.embed_positions)
            for index, layer in enumerate(half.layers):
                at = f"{stack}.{index}"
                blocks = [("self_attention", layer.self_attn, layer.self_attn_layer_norm)]
                if stack == "decoder":
                    blocks.append(
                        ("cross_attention", layer.encoder_attn, layer.encoder_attn_layer_norm))
                for block, module, norm in blocks:
                    end = module.out_proj
                    yield from attention(f"{at}.{block}", module, heads, heads, norm, end)
                    yield f"{at}.{block}.norm", on_output(norm)
                at += ".feed_forward"
                yield f"{at}.pre_activation", on_output(layer.fc1)
                yield f"{at}.activation", on_input(layer.fc2)
                yield f"{at}.output", on_output(layer.fc2)
                yield f"{at}.residual", on_input(layer.final_layer_norm)
                yield f"{at}.norm", on_output(layer.final_layer_norm)
        return
    body = model.model if is_llama else model.transformer
    yield "decoder.embedding", on_output(body.embed_tokens if is_llama else body.wte)
    if not is_llama:
        yield "decoder.position", on_output(body.wpe)
    yield "decoder.norm", on_output(body.norm if is_llama else body.ln_f)
    for index, layer in enumerate(body.layers if is_llama else body.h):
        at, forward = f"decoder.{index}.self_attention", f"decoder.{index}.feed_forward"
        if is_llama:
            module, mlp, heads = layer.self_attn, layer.mlp, config.num_attention_heads
            norms = layer.input_layernorm, layer.post_attention_layernorm
            yield from attention(at, module, heads, config.num_key_value_heads, None, module.o_proj)
            yield f"{forward}.gate", on_output(mlp.gate_proj)
            yield f"{forward}.up", on_output(mlp.up_proj)
            end = mlp.down_proj
        else:
            module, mlp, heads = layer.attn, layer.mlp, config.n_head
            norms, end = (layer.ln_1, layer.ln_2), mlp.c_proj
            hooks = [on_part(module.c_attn, part, heads) for part in range(3)]
            yield from zip((f"{at}.query", f"{at}.key", f"{at}.value"), hooks)
            yield f"{at}.scores", through(heads, hooks[0])
            yield f"{at}.weights", through(heads, on_input(module.c_proj, heads))
            yield f"{at}.context", on_input(module.c_proj, heads)
            yield f"{at}.output", on_output(module.c_proj)
            yield f"{forward}.pre_activation", on_output(mlp.c_fc)
        yield f"{at}.norm", on_output(norms[0])
        yield f"{forward}.norm", on_output(norms[1])
        yield f"{at}.residual", on_sum(module)
        yield f"{forward}.activation", on_input(end)
        yield f"{forward}.output", on_output(end)
        yield f"{forward}.residual", on_output(layer)
        remember_input(layer, module)


def remember_input(layer, module):
    """What a layer reads, kept where its attention's hook finds it."""
    if not hasattr(module, "entered"):
        layer.register_forward_pre_hook(lambda _, args: setattr(module, "entered", args[0]))
        module.entered = None


def on_logits(model, changed, wanted):
    def hook(edit, site, first_step):
        def change(_, __, ___, out):
            out.logits = changed(edit, site, out.logits, first_step, None)
            return out
        if wanted(edit, site):
            return [model.register_forward_hook(change, with_kwargs=True)]
        return None
    return hook


def structural(model, edit, handles):
    """Edits of other kinds than scaling and replacing."""
    kind, config = edit.get("off"), model.config
    is_marian, is_llama = config.model_type == "marian", config.model_type == "llama"
    for block, attention, norm, parts in blocks(model):
        there = matches(edit.get("in", "*"), block)
        if kind == "scaling" and there and attention is not None:
            scaling, attention.scaling = attention.scaling, 1.0
            handles.append(Undo(attention, "scaling", scaling))
        if kind == "mlps" and there and attention is None:
            handles.append(parts["end"].register_forward_hook(lambda _, __, out: 0 * out))
        if "norm" in edit and (there or matches(edit["in"], f"{block}.norm")):
            handles.append(norm.register_forward_hook(
                lambda norm, args, _: normed(edit["norm"], norm, args[0])))
        if kind == "skips" and there and is_marian:
            end, kept = parts["end"], {}
            handles.append(end.register_forward_hook(
                lambda _, __, out, kept=kept: kept.__setitem__("output", out)))
            handles.append(norm.register_forward_pre_hook(
                lambda _, args, kept=kept: (kept["output"],)))
        if kind == "skips" and there and not is_marian:
            # Without its input a block adds its output less that: x + (output - x).
            entered = {}
            handles.append(norm.register_forward_pre_hook(
                lambda _, args, entered=entered: entered.__setitem__("x", args[0])))
            handles.append(parts["end"].register_forward_hook(
                lambda _, __, out, entered=entered: out - entered["x"]))
        if "keyValueHeads" in edit and matches("decoder.*.self_attention", block):
            share_heads(config, attention, edit["keyValueHeads"], handles)
    if "norm" in edit and not is_marian and matches(edit.get("in", "*"), "decoder.norm"):
        norm = model.model.norm if is_llama else model.transformer.ln_f
        handles.append(norm.register_forward_hook(
            lambda norm, args, _: normed(edit["norm"], norm, args[0])))
    if kind == "positions" and is_marian:
        for stack in ("encoder", "decoder"):
            if matches(edit.get("in", "*"), stack):
                module = getattr(model.model, stack).embed_positions
                handles.append(module.register_forward_hook(lambda _, __, out: 0 * out))
    elif kind == "positions" and is_llama:
        handles.append(model.model.rotary_emb.register_forward_hook(
            lambda _, __, out: (torch.ones_like(out[0]), torch.zeros_like(out[1]))))
    elif kind == "positions":
        handles.append(model.transformer.wpe.register_forward_hook(lambda _, __, out: 0 * out))


def blocks(model):
    """Name, attention or nothing, norm and last product of each block."""
    kind = model.config.model_type
    if kind == "marian":
        for stack in ("encoder", "decoder"):
            for index, layer in enumerate(getattr(model.model, stack).layers):
                at = f"{stack}.{index}"
                end = {"end": layer.self_attn.out_proj}
                yield f"{at}.self_attention", layer.self_attn, layer.self_attn_layer_norm, end
                if stack == "decoder":
                    end = {"end": layer.encoder_attn.out_proj}
                    norm = layer.encoder_attn_layer_norm
                    yield f"{at}.cross_attention", layer.encoder_attn, norm, end
                yield f"{at}.feed_forward", None, layer.final_layer_norm, {"end": layer.fc2}
        return
    for index, layer in enumerate(model.model.layers if kind == "llama" else model.transformer.h):
        at = f"decoder.{index}"
        if kind == "llama":
            end = {"end": layer.self_attn.o_proj}
            yield f"{at}.self_attention", layer.self_attn, layer.input_layernorm, end
            end = {"end": layer.mlp.down_proj}
            yield f"{at}.feed_forward", None, layer.post_attention_layernorm, end
        else:
            yield f"{at}.self_attention", layer.attn, layer.ln_1, {"end": layer.attn.c_proj}
            yield f"{at}.feed_forward", None, layer.ln_2, {"end": layer.mlp.c_proj}


def share_heads(config, attention, groups, handles):
    """Each key-value head becomes the mean of its group."""
    def mean(x, heads):
        grouped = x.unflatten(-1, (groups, heads // groups, -1))
        return grouped.mean(-2, keepdim=True).expand_as(grouped).flatten(-3)

    if config.model_type == "gpt2":
        def change(_, __, out):
            query, key, value = out.chunk(3, -1)
            return torch.cat([query, mean(key, config.n_head), mean(value, config.n_head)], -1)
        handles.append(attention.c_attn.register_forward_hook(change))
        return
    heads = (config.decoder_attention_heads if config.model_type == "marian"
             else config.num_key_value_heads)
    for module in (attention.k_proj, attention.v_proj):
        handles.append(module.register_forward_hook(lambda _, __, out: mean(out, heads)))


class Undo:
    """Puts an attribute back."""

    def __init__(self, module, name, value):
        self.module, self.name, self.value = module, name, value

    def remove(self):
        setattr(self.module, self.name, self.value)
