"""The prompt-tuning method.

Shapes: P virtual tokens, D width of the embeddings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from foreword.domain.base_model import BaseModelSpec
from foreword.domain.parameters import ResolvedParameters
from foreword.domain.violations import Violations
from foreword.plugin.contributions import Contribution, Embeds
from foreword.plugin.interfaces import Artifact, EncodedRow, LoadedModel, MethodPlan, Trainable, TuningMethod
from foreword_methods.parameters import AVERAGING, TOKEN_DROPOUT

if TYPE_CHECKING:
    from torch import Generator, Tensor

_BYTES_PER_NUMBER = 4


class PromptTuning(TuningMethod):
    """The method that trains `[P, D]` vectors in front of every input's embeddings."""

    id = "prompt_tuning"
    display_name = "Prompt tuning"
    description = "Trains a soft prompt: vectors in front of the embeddings of every input."
    parameters = (TOKEN_DROPOUT, AVERAGING)
    starts_from_tuned_models = True

    def plan(self, spec: BaseModelSpec, parameters: ResolvedParameters) -> MethodPlan:
        """Return the costs of a run.

        Raises:
            InvalidArgumentError: The initial text is missing, or the prompt does not fit into the context.
        """
        violations = Violations()
        if parameters.init_method == "text" and not (parameters.init_text or "").strip():
            violations.add("parameters.init_text", "is required when init_method is text; set it to an instruction")
        num_virtual_tokens = parameters.num_virtual_tokens
        assert num_virtual_tokens is not None
        if num_virtual_tokens >= spec.context_tokens:
            violations.add(
                "parameters.num_virtual_tokens",
                f"must be smaller than the context of {spec.context_tokens} tokens; choose 20 to 100",
            )
        violations.check()
        count = num_virtual_tokens * spec.hidden_size
        return MethodPlan(
            trainable_parameter_count=count,
            context_tokens=num_virtual_tokens,
            resident_bytes=count * _BYTES_PER_NUMBER,
        )

    def start(
        self, model: LoadedModel, parameters: ResolvedParameters, rows: Sequence[EncodedRow], generator: Generator
    ) -> Trainable:
        """Start a run with vectors initialised by `init_method`."""
        from foreword_methods.prompt_tuning.start import initial_prompt

        return _training(initial_prompt(model, parameters, rows, generator), model, parameters)

    def start_from(self, artifact: Artifact, model: LoadedModel, parameters: ResolvedParameters) -> Trainable:
        """Start a run with the vectors of a prompt."""
        from foreword_methods.prompt_tuning.peft_format import TENSOR

        vectors_PD = artifact.tensors[TENSOR]
        return _training(vectors_PD.to(model.module.device, copy=True), model, parameters)

    def contributions(self, artifact: Artifact) -> Sequence[Contribution]:
        """Return the vectors in front of the input."""
        from foreword_methods.prompt_tuning.peft_format import TENSOR

        return (Embeds(vectors_PD=artifact.tensors[TENSOR]),)

    def to_peft(self, artifact: Artifact, spec: BaseModelSpec) -> tuple[dict[str, Any], dict[str, Tensor]]:
        """Return the artifact in PEFT's format."""
        from foreword_methods.prompt_tuning.peft_format import write_adapter

        return write_adapter(artifact, spec)

    def from_peft(self, config: Mapping[str, Any], tensors: Mapping[str, Tensor], spec: BaseModelSpec) -> Artifact:
        """Read a prompt written by this service or PEFT."""
        from foreword_methods.prompt_tuning.peft_format import read_adapter

        return read_adapter(config, tensors, spec)


def _training(vectors_PD: Tensor, model: LoadedModel, parameters: ResolvedParameters) -> Trainable:
    """Return a run that starts with these vectors, in fp32 on the model's device."""
    from foreword_methods.prompt_tuning.training import Prompt

    return Prompt(
        vectors_PD,
        shape=_shape_of(model),
        special_tokens=frozenset(model.tokenizer.all_special_ids),
        token_dropout=float(parameters.method_parameters.get("token_dropout", 0.0)),
        averaging=float(parameters.method_parameters.get("averaging", 0.0)),
    )


def _shape_of(model: LoadedModel) -> dict[str, Any]:
    """Return the numbers of heads and layers of a base model, under the names that PEFT uses."""
    config = model.module.config.get_text_config()
    return {
        "num_attention_heads": getattr(config, "num_attention_heads", None),
        "num_layers": getattr(config, "num_hidden_layers", None),
    }
