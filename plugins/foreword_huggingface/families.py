"""The supported model families and their recommended tuning values.

The learning rates come from the literature, not from a sweep on each model; set the rate in the experiment if you have
swept a model. All recipes have in common:

- 20 vectors: more bring little gain (Lester et al. 2021, arXiv 2104.08691, figure 3a).
- Initialisation from frequent tokens of the vocabulary: like text and labels, these are far better than random numbers
  (ibid., figure 3b; PEFT's method comparison on Llama-3.2-3B and GSM8K: 34.3 against 23.4).
- No accumulation: with 256 rows per update, the default of earlier services, 200 rows learn nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from foreword.domain.base_model import Architecture
from foreword.domain.context_room import ContextRoom
from foreword.domain.parameters import TuneParameters
from foreword.errors import FailedPreconditionError

if TYPE_CHECKING:
    from transformers import PreTrainedConfig

_COMMON: Final = TuneParameters(
    batch_size=16,
    num_epochs=20,
    accumulate_steps=1,
    max_input_tokens=256,
    max_output_tokens=128,
    num_virtual_tokens=20,
    init_method="sample_vocab",
    optimizer="adamw",
    schedule="linear",
    warmup_ratio=0.06,
    weight_decay=0.0,
    max_gradient_norm=1.0,
)

T5_RECIPE: Final = replace(
    # Lester et al. 2021, section 3: Adafactor, constant 0.3, decay 1e-5, no scaling by the size of the prompt.
    _COMMON, optimizer="adafactor", schedule="constant", warmup_ratio=0.0, learning_rate=0.3, weight_decay=1e-5,
)  # fmt: skip
BART_RECIPE: Final = replace(
    # BART normalises its embeddings, so large steps do no harm: a sweep of the starter model, a BART, ended at 0.1
    # with a running average. Without one, use the upper end of the usual range for AdamW, 1e-3 to 3e-2.
    _COMMON, learning_rate=0.03,
)  # fmt: skip
GPT2_RECIPE: Final = replace(
    # The embeddings are about seven times as large as Llama's (standard deviation 0.14 against 0.02), so the rate is
    # larger too.
    _COMMON, learning_rate=0.01, batch_size=8,
)  # fmt: skip
LLAMA_RECIPE: Final = replace(
    # PEFT's method comparison: 34.3 at 1e-3, 5.7 at 1e-4 (AdamW, Llama-3.2-3B). Qwen and Mistral have the same design.
    _COMMON, learning_rate=1e-3, batch_size=8,
)  # fmt: skip
GRANITE_RECIPE: Final = replace(
    # The published sentiment notebook tunes a Granite model at 1e-3. The model multiplies embeddings by 12, including
    # those of a prompt, so a step has more effect than in Llama.
    _COMMON, learning_rate=1e-3, batch_size=8,
)  # fmt: skip

_IA3_COMMON: Final = TuneParameters(
    batch_size=8,
    num_epochs=20,
    accumulate_steps=1,
    max_input_tokens=256,
    max_output_tokens=128,
    optimizer="adamw",
    schedule="linear",
    warmup_ratio=0.06,
    weight_decay=0.0,
    max_gradient_norm=1.0,
)
IA3_T5_RECIPE: Final = replace(
    # Liu et al. 2022, section 3.5 (T-Few): Adafactor 3e-3, batches of 8, linear decay after 6 % of warm-up.
    _IA3_COMMON, optimizer="adafactor", learning_rate=3e-3,
)  # fmt: skip
IA3_BART_RECIPE: Final = replace(
    # From the sweep of the starter model, a BART, which uses a running average; without one, 0.02 is equally good.
    _IA3_COMMON, learning_rate=0.02,
)  # fmt: skip
IA3_CAUSAL_RECIPE: Final = replace(
    # PEFT's method comparison on Llama-3.2-3B: 39.8 at 1e-3, 31.1 at 1e-4; 5e-3 is not better than 2e-3 and forgets
    # five times as much (peft#3337).
    _IA3_COMMON, learning_rate=2e-3,
)  # fmt: skip

_T5: Final = {"prompt_tuning": T5_RECIPE, "ia3": IA3_T5_RECIPE}
_BART: Final = {"prompt_tuning": BART_RECIPE, "ia3": IA3_BART_RECIPE}
_GPT2: Final = {"prompt_tuning": GPT2_RECIPE, "ia3": IA3_CAUSAL_RECIPE}
_LLAMA: Final = {"prompt_tuning": LLAMA_RECIPE, "ia3": IA3_CAUSAL_RECIPE}
_GRANITE: Final = {"prompt_tuning": GRANITE_RECIPE, "ia3": IA3_CAUSAL_RECIPE}


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """The models with the same `model_type`.

    Attributes:
        recipes: Recommended parameters by tuning type.
        context_tokens: Context length if the configuration does not define it.
    """

    title: str
    architecture: Architecture
    recipes: Mapping[str, TuneParameters]
    context_tokens: int = 0


FAMILIES: Final[Mapping[str, Family]] = MappingProxyType({
    # Relative positions have no limit, but these models were trained on 512 tokens.
    "t5": Family(title="T5", architecture=Architecture.ENCODER_DECODER, recipes=_T5, context_tokens=512),
    "mt5": Family(title="mT5", architecture=Architecture.ENCODER_DECODER, recipes=_T5, context_tokens=512),
    "bart": Family(title="BART", architecture=Architecture.ENCODER_DECODER, recipes=_BART),
    "gpt2": Family(title="GPT-2", architecture=Architecture.CAUSAL, recipes=_GPT2),
    "granite": Family(title="Granite", architecture=Architecture.CAUSAL, recipes=_GRANITE),
    "llama": Family(title="Llama", architecture=Architecture.CAUSAL, recipes=_LLAMA),
    "mistral": Family(title="Mistral", architecture=Architecture.CAUSAL, recipes=_LLAMA),
    "qwen2": Family(title="Qwen2", architecture=Architecture.CAUSAL, recipes=_LLAMA),
    "qwen3": Family(title="Qwen3", architecture=Architecture.CAUSAL, recipes=_LLAMA),
})  # fmt: skip
"""Families by the `model_type` of the configuration. The tests tune and serve each of them."""


def family_of(name: str, model_type: object) -> Family:
    """Return the family of a model.

    Raises:
        FailedPreconditionError: The model type is not supported; the message lists the supported ones.
    """
    found = FAMILIES.get(model_type) if isinstance(model_type, str) else None
    if found is None:
        supported = ", ".join(FAMILIES)
        raise FailedPreconditionError(
            f"{name} has the architecture {str(model_type)[:80]!r}, which is not supported. Choose a model with one of "
            f"these: {supported}.",
            reason="BASE_MODEL_UNSUPPORTED",
        )
    return found


def context_tokens(config: PreTrainedConfig, family: Family) -> int:
    """Return the context length in tokens, limited to the sliding window if there is one."""
    longest = getattr(config, "max_position_embeddings", None) or getattr(config, "n_positions", None)
    window = getattr(config, "sliding_window", None)
    known = (int(tokens) for tokens in (longest or family.context_tokens, window) if tokens)
    return min(known)


def fitted_recipes(family: Family, context_tokens: int) -> dict[str, TuneParameters]:
    """Return the family's recipes, with lengths reduced to fit a short context."""
    return {
        tuning_type: _fitted(recipe, family.architecture, context_tokens)
        for tuning_type, recipe in family.recipes.items()
    }


def _fitted(recipe: TuneParameters, architecture: Architecture, context_tokens: int) -> TuneParameters:
    virtual = recipe.num_virtual_tokens
    prompt = None if virtual is None else min(virtual, max(1, context_tokens // 8))
    output = min(recipe.max_output_tokens or 1, max(1, context_tokens // 4))
    room = ContextRoom(context_tokens=context_tokens, is_causal=architecture.is_causal, soft_prompt_tokens=prompt or 0)
    longest_input = min(recipe.max_input_tokens or 1, max(1, room.longest_input(answer_tokens=output)))
    return replace(recipe, num_virtual_tokens=prompt, max_output_tokens=output, max_input_tokens=longest_input)


def with_full_attention(config: PreTrainedConfig) -> PreTrainedConfig:
    """Disable the sliding window, which makes no difference within `context_tokens`; the engine does not support it."""
    values: dict[str, Any] = {"sliding_window": None, "use_sliding_window": False}
    if getattr(config, "layer_types", None):
        values["layer_types"] = ["full_attention"] * config.num_hidden_layers
    for name, value in values.items():
        if hasattr(config, name):
            setattr(config, name, value)
    return config
