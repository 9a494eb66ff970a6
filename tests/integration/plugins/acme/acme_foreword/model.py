"""A tiny encoder-decoder with random weights and a byte-level tokenizer, made on the spot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from foreword.domain.base_model import Architecture, BaseModelSpec
from foreword.domain.parameters import TuneParameters
from foreword.plugin.interfaces import BaseModel, LoadedModel

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_SPEC = BaseModelSpec(
    id="acme--tiny",
    display_name="Acme Tiny",
    description="Random weights, for tests.",
    architecture=Architecture.ENCODER_DECODER,
    context_tokens=128,
    hidden_size=32,
    parameter_count=60_000,
    licence="MIT",
    recipes={
        "prompt_tuning": TuneParameters(
            learning_rate=0.1, num_epochs=2, num_virtual_tokens=4, batch_size=8, validation_split=0.2
        )
    },
    revision="1",
    aliases=("tiny",),
)


class TinyModel(BaseModel):
    """Built from a configuration, seeded, so that every process has the same weights."""

    @property
    def spec(self) -> BaseModelSpec:
        return _SPEC

    def load_tokenizer(self) -> PreTrainedTokenizerBase:
        from tokenizers import Tokenizer, decoders, models, pre_tokenizers
        from transformers import PreTrainedTokenizerFast

        alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
        words = {token: number for number, token in enumerate(["<pad>", "<s>", "</s>", *alphabet])}
        tokenizer = Tokenizer(models.BPE(vocab=words, merges=[]))
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.decoder = decoders.ByteLevel()
        return PreTrainedTokenizerFast(
            tokenizer_object=tokenizer, pad_token="<pad>", bos_token="<s>", eos_token="</s>", model_max_length=128
        )

    def load(self, *, device: str, dtype: str) -> LoadedModel:
        import torch
        from transformers import BartConfig, BartForConditionalGeneration

        torch.manual_seed(0)
        config = BartConfig(
            vocab_size=259,
            d_model=32,
            encoder_layers=2,
            decoder_layers=2,
            encoder_attention_heads=4,
            decoder_attention_heads=4,
            encoder_ffn_dim=64,
            decoder_ffn_dim=64,
            max_position_embeddings=128,
            dropout=0.0,
            pad_token_id=0,
            bos_token_id=1,
            eos_token_id=2,
            decoder_start_token_id=1,
            forced_eos_token_id=None,
        )
        module = BartForConditionalGeneration(config).to(device, getattr(torch, dtype)).eval()
        return LoadedModel(spec=_SPEC, module=module.requires_grad_(False), tokenizer=self.load_tokenizer())
