from __future__ import annotations

import pytest

from factories.hugging_face import write_model
from foreword.errors import FailedPreconditionError
from foreword_huggingface.model import HuggingFaceModel
from foreword_huggingface.settings import ModelEntry


def test_memory_is_checked_before_the_weights_are_read(tmp_path):
    """The described model is too large for any machine, and its weights would fail to load with another error."""
    folder = write_model(tmp_path, "llama")
    config = folder / "config.json"
    config.write_text(
        config.read_text()
        .replace('"num_hidden_layers": 2', '"num_hidden_layers": 80')
        .replace('"hidden_size": 16', '"hidden_size": 65536')
        .replace('"intermediate_size": 32', '"intermediate_size": 262144')
    )
    model = HuggingFaceModel.describe(ModelEntry(name="huge", folder=folder))

    assert model.spec.parameter_count > 10**12
    with pytest.raises(FailedPreconditionError, match="does not fit"):
        model.load(device="cpu", dtype="bfloat16")
