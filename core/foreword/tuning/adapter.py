"""Conversion of tuned artifacts into the files of a PEFT adapter."""

from __future__ import annotations

import json

from safetensors.torch import save

from foreword.domain.base_model import BaseModelSpec
from foreword.domain.tuned_model import CONFIG_FILE, TENSORS_FILE
from foreword.plugin.interfaces import Artifact, TuningMethod


def adapter_files(method: TuningMethod, artifact: Artifact, spec: BaseModelSpec) -> dict[str, bytes]:
    """Return the files that `PeftModel.from_pretrained` reads, by name. Equal artifacts give equal bytes."""
    config, tensors = method.to_peft(artifact, spec)
    return {
        CONFIG_FILE: (json.dumps(config, indent=2, sort_keys=True) + "\n").encode(),
        TENSORS_FILE: save(tensors, metadata={"format": "pt"}),
    }
