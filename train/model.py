"""Build the MarianMT model of a config, and the loss that training minimises."""

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
    return model


class Loss(torch.nn.Module):
    """Label-smoothed cross-entropy over real target tokens; the softmax sees no padding."""

    def __init__(self, model, smoothing):
        super().__init__()
        self.model = model
        self.smoothing = smoothing

    def forward(self, source, mask, shifted, labels):
        hidden = self.model.model(
            input_ids=source, attention_mask=mask, decoder_input_ids=shifted, use_cache=False
        ).last_hidden_state
        real = labels != IGNORED
        logits = self.model.lm_head(hidden[real])
        return functional.cross_entropy(
            logits.float(), labels[real], label_smoothing=self.smoothing
        )
