"""Random models of every supported architecture, small enough to tune in a test."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path

import torch
from transformers import (
    AutoTokenizer,
    BartConfig,
    BartForConditionalGeneration,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
    T5Config,
    T5ForConditionalGeneration,
)
from transformers.pytorch_utils import Conv1D

import foreword_starter
from foreword.domain.base_model import Architecture, BaseModelSpec
from foreword.domain.parameters import TuneParameters
from foreword.domain.site import SiteKind
from foreword.plugin.interfaces import LoadedModel
from foreword.plugin.scaling import factors_by_module
from foreword.plugin.sites import find_sites

SHAPES = ("bart", "t5", "llama", "gpt2")
HIDDEN_SIZE = 16
CONTEXT_TOKENS = 128

_VOCABULARY = 16_000
_IDS = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}


@functools.cache
def tokenizer():
    """Return the starter's tokenizer, a real tokenizer that is always available."""
    return AutoTokenizer.from_pretrained(Path(foreword_starter.__file__).parent / "weights", local_files_only=True)


def tiny_model(shape: str, *, dtype: torch.dtype = torch.float32, scale_embedding: bool = False) -> LoadedModel:
    """Return a frozen model with fixed random weights."""
    torch.manual_seed(0)
    module = _build(shape, scale_embedding).to(dtype).eval().requires_grad_(False)
    causal = shape in ("llama", "gpt2")
    spec = BaseModelSpec(
        id=f"tiny--{shape}",
        display_name=shape,
        description="Random weights.",
        architecture=Architecture.CAUSAL if causal else Architecture.ENCODER_DECODER,
        context_tokens=CONTEXT_TOKENS,
        hidden_size=HIDDEN_SIZE,
        parameter_count=sum(parameter.numel() for parameter in module.parameters()),
        licence="Apache-2.0",
        recipes={"prompt_tuning": TuneParameters(learning_rate=0.1, num_virtual_tokens=4)},
        sites=find_sites(module),
        revision="0",
    )
    return LoadedModel(spec=spec, module=module, tokenizer=tokenizer())


def _build(shape: str, scale_embedding: bool) -> PreTrainedModel:
    match shape:
        case "bart":
            return BartForConditionalGeneration(
                BartConfig(
                    vocab_size=_VOCABULARY, d_model=HIDDEN_SIZE, encoder_layers=2, decoder_layers=2,
                    encoder_attention_heads=2, decoder_attention_heads=2, encoder_ffn_dim=32, decoder_ffn_dim=32,
                    max_position_embeddings=CONTEXT_TOKENS, dropout=0.1, scale_embedding=scale_embedding,
                    decoder_start_token_id=1, forced_eos_token_id=None, init_std=0.3, **_IDS,
                )
            )  # fmt: skip
        case "t5":
            return T5ForConditionalGeneration(
                T5Config(
                    vocab_size=_VOCABULARY, d_model=HIDDEN_SIZE, d_kv=8, d_ff=32, num_layers=2, num_heads=2,
                    decoder_start_token_id=0, **_IDS,
                )
            )  # fmt: skip
        case "llama":
            return LlamaForCausalLM(
                LlamaConfig(
                    vocab_size=_VOCABULARY, hidden_size=HIDDEN_SIZE, intermediate_size=32, num_hidden_layers=2,
                    num_attention_heads=2, num_key_value_heads=1, max_position_embeddings=CONTEXT_TOKENS,
                    initializer_range=0.3, **_IDS,
                )
            )  # fmt: skip
        case "gpt2":
            return GPT2LMHeadModel(
                GPT2Config(
                    vocab_size=_VOCABULARY, n_embd=HIDDEN_SIZE, n_layer=2, n_head=2, n_positions=CONTEXT_TOKENS,
                    initializer_range=0.3, bos_token_id=1, eos_token_id=2,
                )
            )  # fmt: skip
    raise ValueError(shape)


@torch.no_grad()
def merged_model(shape: str, scales_W: Mapping[str, torch.Tensor]) -> LoadedModel:
    """Return the tiny model of a shape with factors multiplied into its weights, as PEFT merges them."""
    model = tiny_model(shape)
    for path, factor_W in factors_by_module(model.spec.sites, scales_W).items():
        projection = model.module.get_submodule(path)
        takes = any(site.module == path and site.kind is SiteKind.FEED_FORWARD for site in model.spec.sites)
        # GPT-2's Conv1D stores its weight transposed.
        across = takes != isinstance(projection, Conv1D)
        projection.weight *= factor_W if across else factor_W[:, None]
        if not takes and projection.bias is not None:
            projection.bias *= factor_W
    return model
