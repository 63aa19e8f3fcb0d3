"""Build the MarianMT model of a config, and the loss that training minimises."""

import math

import torch
from torch.nn import functional
from transformers import MarianConfig, MarianMTModel

from batches import IGNORED


def build(config, vocabulary):
    """A fresh MarianMTModel; <pad> is the last id and starts every target, as in opus-mt."""
    shape = config["model"]
    settings = MarianConfig(
        vocab_size=vocabulary,
        d_model=shape["width"],
        encoder_layers=shape["encoder_layers"],
        decoder_layers=shape["decoder_layers"],
        encoder_attention_heads=shape["heads"],
        decoder_attention_heads=shape["heads"],
        encoder_ffn_dim=shape["inner_width"],
        decoder_ffn_dim=shape["inner_width"],
        activation_function=shape["activation"],
        dropout=config["dropout"],
        attention_dropout=0.0,
        activation_dropout=0.0,
        max_position_embeddings=512,
        scale_embedding=True,
        share_encoder_decoder_embeddings=True,
        tie_word_embeddings=True,
        pad_token_id=vocabulary - 1,
        decoder_start_token_id=vocabulary - 1,
        eos_token_id=0,
        forced_eos_token_id=0,
        init_std=shape["width"] ** -0.5,
    )
    torch.manual_seed(config["seed"])
    # At ten or twenty tokens plain products beat fused attention: its backward pass alone took
    # 30 % of a step on a CPU.
    model = MarianMTModel._from_config(settings, attn_implementation="eager")
    # 1/sqrt(D) suits the embedding, which is scaled by sqrt(D); projections want Xavier's spread.
    for parameter in model.model.parameters():
        if parameter.dim() == 2 and parameter.shape[0] not in (vocabulary, 512):
            torch.nn.init.xavier_uniform_(parameter)
    drop_cheaply(model, config["dropout"])
    return model


def drop_cheaply(model, share):
    """The dropout after every sublayer, from random bytes: PyTorch's takes a CPU 8 times as long."""

    def drop(module, _, output):
        if not module.training or not share:
            return output
        words = torch.empty(-(-output.numel() // 8), dtype=torch.int64, device=output.device)
        chance = words.random_(-(2**63), None).view(torch.uint8)[: output.numel()]
        kept = (chance >= round(256 * share)).view(output.shape)
        return output * kept.to(output.dtype).mul_(256 / (256 - round(256 * share)))

    for name, module in model.named_modules():
        if name.endswith((".out_proj", ".fc2")):
            module.register_forward_hook(drop)
        if ".layers." in name and hasattr(module, "dropout"):
            # What has no weights to hook is the attention, which drops nothing here.
            module.dropout = 0.0


class Loss(torch.nn.Module):
    """Label-smoothed cross-entropy over real target tokens; the softmax sees no padding.

    With `sampled`, the denominator sums over the labels of the batch and so many others drawn at
    random, which stand for all that are left: a third of a step's time is saved on a CPU.
    """

    def __init__(self, model, config):
        super().__init__()
        self.model = model
        self.smoothing = config["label_smoothing"]
        self.sampled = config.get("sampled", 0)

    def forward(self, source, mask, shifted, labels):
        hidden = self.model.model(
            input_ids=source, attention_mask=mask, decoder_input_ids=shifted, use_cache=False
        ).last_hidden_state
        real = labels != IGNORED
        hidden, labels = hidden[real], labels[real]
        if self.sampled:
            return self.estimate(hidden, labels)
        logits = self.model.lm_head(hidden)
        return functional.cross_entropy(logits.float(), labels, label_smoothing=self.smoothing)

    def estimate(self, hidden, labels):
        """log Z − (1 − ε) · logit of the label − ε · mean logit, with Z estimated."""
        weight = self.model.lm_head.weight
        present, position = labels.unique(return_inverse=True)
        absent = torch.ones(len(weight), dtype=torch.bool, device=labels.device)
        absent[present] = False
        absent = absent.nonzero()[:, 0]
        drawn = absent[torch.randperm(len(absent), device=labels.device)[: self.sampled]]
        logits = (hidden @ weight[torch.cat([present, drawn])].T).float()
        right = logits.gather(1, position[:, None])[:, 0]
        # Each one drawn stands for as many as it was drawn from.
        stands_for = torch.zeros(logits.shape[1], device=labels.device)
        stands_for[len(present) :] = math.log(len(absent) / max(1, len(drawn)))
        total = (logits + stands_for).logsumexp(1)
        mean = (hidden @ weight.mean(0)).float()
        return (total - (1 - self.smoothing) * right - self.smoothing * mean).mean()
