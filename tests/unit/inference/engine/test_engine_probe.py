"""Probes: whether an adapter acts."""

from __future__ import annotations

import pytest
import torch

from factories.serving import (
    SENTIMENT,
    Adapters,
    answer,
    make_request,
    prompt_vectors,
    running_engine,
)
from foreword.errors import (
    ArtifactError,
    FailedPreconditionError,
)
from foreword.inference.interfaces import AdapterReference


async def test_a_probe_measures_a_prompt_and_refuses_one_that_overflows():
    adapters = Adapters()
    good = adapters.add("good", prompt_vectors(4))
    hostile = adapters.add("hostile", torch.full((4, 16), 3e38))
    missing = AdapterReference(
        tenant="acme", base_model="tiny--bart", tuning_type="prompt_tuning", artifact="gone", content_sha256="0" * 64
    )
    async with running_engine(adapters=adapters) as engine:
        assert await engine.probe("tiny--bart", good) > 0
        assert await engine.probe("tiny--bart", None) == 0
        with pytest.raises(FailedPreconditionError):
            await engine.probe("tiny--bart", hostile)
        with pytest.raises(ArtifactError):
            await engine.probe("tiny--bart", missing)
        with pytest.raises(ArtifactError):
            await engine.classify(make_request("Hello", adapter=hostile, label_space=SENTIMENT))


async def test_a_probe_reads_the_stored_prompt_even_if_it_is_in_memory():
    adapters = Adapters()
    reference = adapters.add("mine", prompt_vectors(4))
    async with running_engine(adapters=adapters) as engine:
        before = await answer(engine, "Hello", adapter=reference)
        config, data = adapters.files["mine"]
        adapters.files["mine"] = (config, data[:-1] + b"x")
        with pytest.raises(ArtifactError, match="SHA-256"):
            await engine.probe("tiny--bart", reference)
        del adapters.files["mine"]
        with pytest.raises(ArtifactError, match="missing"):
            await engine.probe("tiny--bart", reference)
        assert await answer(engine, "Hello", adapter=reference) == before


async def test_a_probe_keeps_the_prompt_in_memory_for_later_requests():
    adapters = Adapters()
    reference = adapters.add("mine", prompt_vectors(4))
    async with running_engine(adapters=adapters) as engine:
        await engine.probe("tiny--bart", reference)
        await answer(engine, "Hello", adapter=reference)
    assert adapters.reads == 1
