"""Small base models with random weights, for tests of tuning methods."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from foreword.domain.base_model import Architecture, BaseModelSpec
from foreword.domain.parameters import TuneParameters
from foreword.plugin.interfaces import BaseModel, LoadedModel
from foreword.plugin.sites import find_sites

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

CONTEXT_TOKENS: Final = 128
HIDDEN_SIZE: Final = 16
_VOCABULARY: Final = 259
_IDS: Final[dict[str, Any]] = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}


class TinyModel(BaseModel):
    """A BART or Llama model with two layers, one token for each byte, and fixed random weights."""

    def __init__(self, architecture: Architecture) -> None:
        encoder_decoder = not architecture.is_causal
        network = self._build(architecture)
        self._spec = BaseModelSpec(
            id=f"tiny--{architecture.value.replace('_', '-')}",
            display_name=f"Tiny {'BART' if encoder_decoder else 'Llama'}",
            description="Random weights, for tests.",
            architecture=architecture,
            context_tokens=CONTEXT_TOKENS,
            hidden_size=HIDDEN_SIZE,
            parameter_count=sum(parameter.numel() for parameter in network.parameters()),
            licence="Apache-2.0",
            recipes={
                "prompt_tuning": TuneParameters(
                    learning_rate=0.1, num_virtual_tokens=4, max_input_tokens=64, max_output_tokens=32, batch_size=4
                )
            },
            revision="1",
            sites=find_sites(network),
        )

    @property
    def spec(self) -> BaseModelSpec:
        """The description of the model."""
        return self._spec

    def load_tokenizer(self) -> PreTrainedTokenizerBase:
        """Return a tokenizer of bytes."""
        from tokenizers import Tokenizer, decoders, models, pre_tokenizers
        from transformers import PreTrainedTokenizerFast

        alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
        words = {token: number for number, token in enumerate(["<pad>", "<s>", "</s>", *alphabet])}
        backend = Tokenizer(models.BPE(vocab=words, merges=[]))
        backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        backend.decoder = decoders.ByteLevel()
        tokenizer: PreTrainedTokenizerBase = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
            tokenizer_object=backend, pad_token="<pad>", bos_token="<s>", eos_token="</s>"
        )
        return tokenizer

    def load(self, *, device: str, dtype: str) -> LoadedModel:
        """Build the network and its tokenizer."""
        import torch

        module: Any = self._build(self._spec.architecture)
        module.to(device=device, dtype=getattr(torch, dtype)).eval().requires_grad_(False)
        return LoadedModel(spec=self._spec, module=module, tokenizer=self.load_tokenizer())

    @staticmethod
    def _build(architecture: Architecture) -> PreTrainedModel:
        import torch
        from transformers import BartConfig, BartForConditionalGeneration, LlamaConfig, LlamaForCausalLM

        with torch.random.fork_rng():
            torch.manual_seed(0)
            module: PreTrainedModel
            if not architecture.is_causal:
                module = BartForConditionalGeneration(
                    BartConfig(
                        vocab_size=_VOCABULARY, d_model=HIDDEN_SIZE, encoder_layers=2, decoder_layers=2,
                        encoder_attention_heads=2, decoder_attention_heads=2, encoder_ffn_dim=32, decoder_ffn_dim=32,
                        max_position_embeddings=CONTEXT_TOKENS, decoder_start_token_id=1, forced_eos_token_id=None,
                        init_std=0.3, **_IDS,
                    )
                )  # fmt: skip
            else:
                module = LlamaForCausalLM(
                    LlamaConfig(
                        vocab_size=_VOCABULARY, hidden_size=HIDDEN_SIZE, intermediate_size=32, num_hidden_layers=2,
                        num_attention_heads=2, num_key_value_heads=1, max_position_embeddings=CONTEXT_TOKENS,
                        initializer_range=0.3, **_IDS,
                    )
                )  # fmt: skip
        return module
