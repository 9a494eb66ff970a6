"""A model that was found by its name, with what the engine needs to know of it."""

from __future__ import annotations

from dataclasses import dataclass

from foreword.domain.answer_calibration import AnswerCalibration
from foreword.domain.templates import apply_verbalizer
from foreword.inference.interfaces import AdapterReference
from foreword.plugin.interfaces import LabelSpace


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedModel:
    """A model that was found by its name.

    Attributes:
        version: Resource name of the tuned or base model.
        adapter: Adapter of a tuned model; None for a base model.
        verbalizer: Template of inputs; `{{input}}` for a base model.
        label_space: Closed set of answers; None if any text is possible.
        soft_prompt_tokens: Number of soft-prompt vectors before every input.
        context_tokens: Context of the base model in tokens.
        label_temperature: Divisor of the log-probabilities of label sets, from the calibration of a tuned model.
        calibration: That calibration; None if there is none.
        deployment: Serving name or id of the deployment whose model it is; empty if the model was named itself.
        revision: Number of its revision there; 0 if the model was named itself.
    """

    version: str
    base_model: str
    adapter: AdapterReference | None
    verbalizer: str
    label_space: LabelSpace | None
    soft_prompt_tokens: int
    context_tokens: int
    label_temperature: float = 1.0
    calibration: AnswerCalibration | None = None
    deployment: str = ""
    revision: int = 0

    def text(self, prompt: str) -> str:
        """Return the input for the base model."""
        return apply_verbalizer(self.verbalizer, prompt)
