"""Tuned models: immutable artifacts with their manifest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from foreword.domain.report import Evaluation

CONFIG_FILE: Final = "adapter_config.json"
TENSORS_FILE: Final = "adapter_model.safetensors"


@dataclass(frozen=True, slots=True, kw_only=True)
class TunedModel:
    """What an experiment learnt.

    Attributes:
        tune_experiment: Id of the experiment that made it.
        schema: What the task read from the data (labels, label sets, ...), as the task's own JSON.
        artifact: Key prefix in the artifact store: `adapter_config.json` and `adapter_model.safetensors` below it.
        content_sha256: SHA-256 of the tensors file, in hexadecimal; the key of every cache.
        num_virtual_tokens: Soft-prompt vectors; they count against the context. 0 under a method that adds none.
        provenance: Hashes of what it depends on: `base_model`, `dataset`, `config`; and of
            its configuration file, `adapter_config`.
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
    evaluations: tuple[Evaluation, ...]
    creator: str
    create_time: datetime
