from __future__ import annotations

import hashlib

import pytest
import torch

from foreword.plugin.register import Register
from foreword.plugin.sites import find_sites
from foreword_starter import plugin
from foreword_starter.model import REVISION, WEIGHTS, StarterModel


def test_the_revision_is_the_hash_of_the_shards():
    digest = hashlib.sha256()
    for shard in sorted(WEIGHTS.glob("*.safetensors")):
        digest.update(shard.read_bytes())

    assert digest.hexdigest() == REVISION


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_the_model_loads_in_the_requested_dtype_frozen_and_in_eval_mode(dtype):
    model = StarterModel().load(device="cpu", dtype=dtype)

    assert {parameter.dtype for parameter in model.module.parameters()} == {getattr(torch, dtype)}
    assert not any(parameter.requires_grad for parameter in model.module.parameters())
    assert not model.module.training


def test_the_spec_matches_the_shape_of_the_files():
    model = StarterModel().load(device="cpu", dtype="float32")

    assert model.spec.parameter_count == sum(parameter.numel() for parameter in model.module.parameters())
    assert model.spec.hidden_size == model.module.get_input_embeddings().weight.shape[1]
    assert model.spec.context_tokens == model.module.config.max_position_embeddings


def test_the_spec_lists_the_sites_of_the_network():
    model = StarterModel().load(device="cpu", dtype="float32")

    assert set(model.spec.sites) == set(find_sites(model.module))
    assert len({site.name for site in model.spec.sites}) == len(model.spec.sites)


def test_the_tokenizer_loads_alone_and_preserves_case_and_line_breaks():
    tokenizer = StarterModel().load_tokenizer()

    ids = tokenizer("Comment: It's GREAT\nSatisfaction:\n").input_ids

    assert tokenizer.decode(ids, skip_special_tokens=True).strip(" ") == "Comment: It's GREAT\nSatisfaction:\n"


def test_the_plugin_registers_the_model_by_its_id():
    register: Register = Register("base model", lambda item: item.spec.id)

    plugin.register_base_models(register)

    assert list(register.items) == ["foreword--starter"]
