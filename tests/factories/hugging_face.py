"""Model folders in the format of `save_pretrained`, one per family: random weights and a small trained tokenizer."""

from __future__ import annotations

import functools
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import (
    CONFIG_MAPPING,
    AutoModelForCausalLM,
    AutoModelForSeq2SeqLM,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)

from factories.runs import OUTPUTS, make_rows

ENCODER_DECODER = ("t5", "mt5", "bart")
CAUSAL = ("llama", "granite", "gpt2", "qwen2", "qwen3", "mistral")
HIDDEN_SIZE = 16
CONTEXT_TOKENS = 192

_DECODER = {
    "hidden_size": HIDDEN_SIZE, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2,
    "num_key_value_heads": 1, "head_dim": 8, "max_position_embeddings": CONTEXT_TOKENS, "initializer_range": 0.3,
}  # fmt: skip
_T5 = {
    "d_model": HIDDEN_SIZE, "d_kv": 8, "d_ff": 32, "num_layers": 2, "num_heads": 2, "decoder_start_token_id": 0,
    "initializer_factor": 1.0,
}  # fmt: skip
CONFIGS: dict[str, dict[str, object]] = {
    "t5": _T5,
    "mt5": {**_T5, "feed_forward_proj": "gated-gelu", "tie_word_embeddings": False},
    "bart": {
        "d_model": HIDDEN_SIZE, "encoder_layers": 2, "decoder_layers": 2, "encoder_attention_heads": 2,
        "decoder_attention_heads": 2, "encoder_ffn_dim": 32, "decoder_ffn_dim": 32, "init_std": 0.3,
        "max_position_embeddings": CONTEXT_TOKENS, "decoder_start_token_id": 2, "forced_eos_token_id": None,
    },
    "llama": {**_DECODER, "tie_word_embeddings": False},
    "granite": {
        **_DECODER, "embedding_multiplier": 12.0, "logits_scaling": 2.0, "residual_multiplier": 0.5,
        "attention_multiplier": 0.125, "tie_word_embeddings": False,  # tied random weights repeat the input
    },
    "gpt2": {
        "n_embd": HIDDEN_SIZE, "n_layer": 2, "n_head": 2, "n_positions": CONTEXT_TOKENS, "initializer_range": 0.3,
        "pad_token_id": None,
    },
    "qwen2": _DECODER,
    "qwen3": _DECODER,
    "mistral": {**_DECODER, "sliding_window": 128},
}  # fmt: skip
"""Small configurations with the peculiarities of each family."""

_AROUND = {"t5": "$A </s>", "mt5": "$A </s>", "bart": "<s> $A </s>", "llama": "<s> $A", "mistral": "<s> $A"}
"""Special tokens that a family's tokenizer puts around a text; the others put none."""


@functools.cache
def _trained() -> str:
    """Return a byte-level tokenizer of the test data, as JSON."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=["<pad>", "<s>", "</s>", "<unk>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([*(row.input for row in make_rows()), *OUTPUTS], trainer)
    return tokenizer.to_str()


def make_tokenizer(family: str) -> PreTrainedTokenizerFast:
    """Return a tokenizer with the special tokens of a family; GPT-2 and Llama have no padding token."""
    tokenizer = Tokenizer.from_str(_trained())
    if family in _AROUND:
        tokenizer.post_processor = processors.TemplateProcessing(
            single=_AROUND[family], special_tokens=[("<s>", 1), ("</s>", 2)]
        )
    padding = {} if family in ("gpt2", "llama") else {"pad_token": "<pad>"}
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", **padding)


def make_module(family: str, **changes: object) -> PreTrainedModel:
    """Return a model with fixed random weights."""
    torch.manual_seed(0)
    size = len(Tokenizer.from_str(_trained()).get_vocab())
    ids = {"vocab_size": size, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
    config = CONFIG_MAPPING[family](**{**ids, **CONFIGS[family], **changes})
    kind = AutoModelForSeq2SeqLM if family in ENCODER_DECODER else AutoModelForCausalLM
    return kind.from_config(config)


def write_model(folder: Path, family: str, *, dtype: torch.dtype = torch.float32, **changes: object) -> Path:
    """Write a model's folder.

    Args:
        dtype: Dtype of the file.
        changes: Changes to the configuration.
    """
    make_module(family, **changes).to(dtype).save_pretrained(folder)
    make_tokenizer(family).save_pretrained(folder)
    return folder
