"""Which edits make_edits.py makes: name, what is changed, what is stored in particular."""


def case(name, *edits, stores="some", also=(), task="write", of_step=None, most_rounding=None):
    """`of_step`: from which step of another run the values come that replace those of every step.
    `most_rounding`: where scores grow large without norms, f32 is off by more than elsewhere."""
    return dict(
        name=name, edits=list(edits), stores=stores, also=list(also), task=task, of_step=of_step,
        most_rounding=most_rounding)


def scale(pattern, by, heads=None):
    return {"scale": pattern, "by": by} | ({} if heads is None else {"heads": heads})


def replace(site, position=None):
    return {"replace": site} | ({} if position is None else {"position": position})


def off(what, place=None):
    return {"off": what} | ({} if place is None else {"in": place})


def norm(kind, place=None):
    return {"norm": kind} | ({} if place is None else {"in": place})


def key_value_heads(count):
    return {"keyValueHeads": count}


SHARED = [f"decoder.*.self_attention.{part}" for part in ("key", "value", "turned_key")]
MAPS = ["*.*.*.scores", "*.*.*.weights"]

MARIAN = [
    case("context_head_off", scale("decoder.1.cross_attention.context", 0, [2]), stores="all"),
    case("query_half", scale("decoder.0.self_attention.query", 0.5)),
    case("key_two_heads", scale("decoder.*.cross_attention.key", 0.5, [1, 2])),
    case("value_negative", scale("encoder.0.self_attention.value", -1)),
    case("scores_two_heads", scale("encoder.1.self_attention.scores", 0.3, [0, 3])),
    case("weights_double", scale("decoder.0.cross_attention.weights", 2, [1])),
    case("weights_one_head_only", scale("decoder.1.self_attention.weights", 0, [0, 1, 3])),
    case("output", scale("encoder.0.feed_forward.output", 1.5)),
    case("residual", scale("decoder.1.feed_forward.residual", -0.5)),
    case("norm", scale("encoder.1.feed_forward.norm", 0.7)),
    case("pre_activation", scale("decoder.0.feed_forward.pre_activation", -1),
         also=["decoder.0.feed_forward.activation"]),
    case("activation", scale("decoder.*.feed_forward.activation", 0.5)),
    case("embedding", scale("*.embedding", 0.6)),
    case("position", scale("encoder.position", 3)),
    case("logits", scale("logits", -0.5)),
    case("replace_step", replace("decoder.1.cross_attention.context", 2)),
    case("replace_every_step", replace("decoder.0.self_attention.output"), of_step=1),
    case("replace_weights", replace("decoder.0.cross_attention.weights", 1)),
    case("replace_encoder", replace("encoder.1.feed_forward.norm")),
    case("skips_off", off("skips"), stores="all"),
    case("skips_off_one", off("skips", "decoder.1.feed_forward"),
         also=["decoder.1.feed_forward.residual"]),
    case("skips_off_encoder", off("skips", "encoder.*")),
    case("mlps_off", off("mlps"), also=["*.*.feed_forward.output", "*.*.feed_forward.residual"]),
    case("mlps_off_one", off("mlps", "encoder.1.*")),
    case("scaling_off", off("scaling"), also=MAPS),
    case("scaling_off_cross", off("scaling", "decoder.*.cross_attention")),
    case("causal_mask_off_score", off("causal mask"), task="score", also=MAPS),
    case("padding_mask_off", off("padding mask"), stores="all"),
    case("padding_mask_off_encoder", off("padding mask", "encoder.*")),
    case("padding_mask_off_cross", off("padding mask", "decoder.*.cross_attention")),
    case("positions_off", off("positions")),
    case("positions_off_encoder", off("positions", "encoder")),
    case("positions_off_decoder", off("positions", "decoder")),
    case("norm_rms", norm("rms"), also=["*.*.*.norm"]),
    case("norm_none", norm("none"), most_rounding=2e-4),
    case("norm_none_encoder", norm("none", "encoder.*"), most_rounding=2e-4),
    case("norm_rms_one", norm("rms", "encoder.0.self_attention.norm"),
         also=["encoder.0.self_attention.norm"]),
    case("norm_none_one", norm("none", "decoder.0.cross_attention"),
         also=["decoder.0.cross_attention.norm"]),
    case("key_value_heads_2", key_value_heads(2), also=SHARED),
    case("key_value_heads_1", key_value_heads(1), also=SHARED),
    case("three", scale("decoder.*.self_attention.scores", 0.5, [0]),
         off("skips", "encoder.1.feed_forward"), norm("rms", "decoder.1.*"), stores="all"),
    case("replaced_then_scaled", replace("decoder.0.self_attention.output", 1),
         scale("decoder.0.self_attention.output", 2), key_value_heads(2)),
]


# Some way behind the prompt: the third step.
STEP = 6


def decoder_only(heads, inner, *own):
    """`heads` are some of the query heads, `inner` scales inside the feed-forward block."""
    return [
        case("context_head_off", scale("decoder.1.self_attention.context", 0, heads[:1]),
             stores="all"),
        case("query_half", scale("decoder.0.self_attention.query", 0.5)),
        case("key_one_head", scale("decoder.1.self_attention.key", -0.5, [1]), also=SHARED),
        case("value_double", scale("decoder.*.self_attention.value", 2)),
        case("scores_some_heads", scale("decoder.1.self_attention.scores", 0.3, heads)),
        case("weights_double", scale("decoder.0.self_attention.weights", 2, heads[-1:])),
        case("output", scale("decoder.0.feed_forward.output", 1.5)),
        case("residual", scale("decoder.0.self_attention.residual", 0.5)),
        case("last_residual", scale("decoder.1.feed_forward.residual", -0.5)),
        case("norm", scale("decoder.1.self_attention.norm", 0.7)),
        case("last_norm", scale("decoder.norm", -0.5)),
        *inner,
        case("embedding", scale("decoder.embedding", 0.6)),
        case("logits", scale("logits", -0.5)),
        case("replace_step", replace("decoder.0.self_attention.output", STEP)),
        case("replace_every_step", replace("decoder.1.self_attention.context"), of_step=STEP),
        case("replace_prompt", replace("decoder.0.feed_forward.residual")),
        case("skips_off", off("skips"), stores="all"),
        case("skips_off_one", off("skips", "decoder.1.self_attention")),
        case("mlps_off", off("mlps")),
        case("mlps_off_one", off("mlps", "decoder.0.feed_forward"),
             also=["decoder.0.feed_forward.output", "decoder.0.feed_forward.residual"]),
        case("scaling_off", off("scaling"), also=MAPS, most_rounding=2e-4),
        case("scaling_off_one", off("scaling", "decoder.1.*")),
        case("causal_mask_off", off("causal mask"), stores="all"),
        case("causal_mask_off_one", off("causal mask", "decoder.0.self_attention"), also=MAPS),
        case("causal_mask_off_score", off("causal mask"), task="score"),
        case("positions_off", off("positions"), also=SHARED),
        case("norm_none", norm("none"), most_rounding=2e-4),
        case("norm_none_last", norm("none", "decoder.norm")),
        *own,
        case("key_value_heads_1", key_value_heads(1), also=SHARED),
        case("replaced_then_scaled", replace("decoder.0.self_attention.output", STEP),
             scale("decoder.0.self_attention.output", 2), off("scaling", "decoder.1.*")),
    ]


GPT2 = decoder_only(
    [0],
    [case("pre_activation", scale("decoder.0.feed_forward.pre_activation", -1)),
     case("activation", scale("decoder.*.feed_forward.activation", 0.5)),
     case("position", scale("decoder.position", 2))],
    case("norm_rms", norm("rms"), also=["*.*.*.norm"]),
    case("norm_rms_one", norm("rms", "decoder.1.feed_forward.norm"),
         also=["decoder.1.feed_forward.norm"]),
    case("three", scale("decoder.*.self_attention.scores", 0.5, [0]),
         off("skips", "decoder.0.feed_forward"), norm("rms", "decoder.1.*"), stores="all"))

LLAMA = decoder_only(
    [0, 4],
    [case("gate", scale("decoder.0.feed_forward.gate", -1)),
     case("up", scale("decoder.1.feed_forward.up", 0.5)),
     case("activation", scale("decoder.*.feed_forward.activation", 0.5))],
    case("norm_layer", norm("layer"), also=["*.*.*.norm"]),
    case("norm_layer_one", norm("layer", "decoder.1.feed_forward.norm"),
         also=["decoder.1.feed_forward.norm"]),
    case("three", scale("decoder.*.self_attention.scores", 0.5, [0]),
         off("skips", "decoder.0.feed_forward"), norm("layer", "decoder.1.*"), stores="all"))

CASES = {"marian_tied_relu": MARIAN, "gpt2_tied": GPT2, "llama_3_1": LLAMA}
