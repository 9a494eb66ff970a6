"""Tuned models: immutable artifacts with their manifest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from foreword.domain.answer_calibration import AnswerCalibration
from foreword.domain.report import SystemEvaluation

CONFIG_FILE: Final = "adapter_config.json"
TENSORS_FILE: Final = "adapter_model.safetensors"
MAX_SEEN_DATASETS: Final = 100
"""Maximum number of datasets that a model may have seen from which a run starts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TunedModel:
    """The result of an experiment: an artifact and its manifest.

    Attributes:
        tune_experiment: Id of the experiment that created the model.
        schema: The task's schema of the data (labels, label sets, ...), in the task's own JSON format.
        artifact: Key prefix of `adapter_config.json` and `adapter_model.safetensors` in the artifact store.
        content_sha256: SHA-256 of the tensors file, in hexadecimal; the key in every cache.
        num_virtual_tokens: Number of soft-prompt vectors, which take up context; 0 if the tuning method adds none.
        provenance: Hashes of what the model was made from (`base_model`, `dataset`, `validation_dataset` and
            `init_tuned_model` if there was one, `config`) and of its configuration file (`adapter_config`).
            `init_datasets` are the `seen_datasets` of the tuned model that it started from, separated by spaces.
        answer_calibration: Calibration of its probabilities; None for an open task, without held-out rows, and for
            models stored before there was one.
        tags: Texts by key, to search by; see `domain.tags`. They are not part of the manifest, and can be changed.
    """

    tenant: str
    id: str
    display_name: str
    base_model: str
    tune_experiment: str
    dataset: str
    task: str
    tuning_type: str
    verbalizer: str
    schema: Mapping[str, Any]
    labels: tuple[str, ...]
    multi_label: bool
    artifact: str
    content_sha256: str
    byte_size: int
    num_virtual_tokens: int
    max_input_tokens: int
    max_output_tokens: int
    provenance: Mapping[str, str]
    evaluations: tuple[SystemEvaluation, ...]
    creator: str
    create_time: datetime
    answer_calibration: AnswerCalibration | None = None
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def seen_datasets(self) -> frozenset[str]:
        """Hashes of the datasets that it, or a model before it in the chain of starts, was tuned or validated on."""
        own = (self.provenance.get(kind, "") for kind in ("dataset", "validation_dataset"))
        return frozenset(filter(None, [*own, *self.provenance.get("init_datasets", "").split()]))

    @property
    def label_temperature(self) -> float:
        """The divisor of the log-probabilities of its label sets; 1 without a calibration."""
        return 1.0 if self.answer_calibration is None else self.answer_calibration.temperature
