from __future__ import annotations

import pytest
import torch

from factories.serving import load_adapter, site_scales
from factories.tiny_models import SHAPES, tiny_model
from foreword.errors import FailedPreconditionError
from foreword.inference.runner import ModelRunner
from foreword.plugin.contributions import Affine, Embeds


@pytest.mark.parametrize("shape", SHAPES)
def test_a_probe_distinguishes_an_adapter_with_an_effect_from_one_without(shape):
    runner = ModelRunner(tiny_model(shape))
    idle = runner.load_adapter([Affine(scales_W=site_scales(runner.model.spec, spread=0.0))])

    assert runner.probe(load_adapter(runner, 4)) > 1e-3
    assert runner.probe(load_adapter(runner, 0, scaled=True)) > 1e-3
    assert runner.probe(None) == 0.0
    with pytest.raises(FailedPreconditionError, match="changes nothing"):
        runner.probe(idle)


@pytest.mark.parametrize("shape", ["bart", "gpt2"])
def test_a_probe_refuses_a_prompt_that_makes_the_network_overflow(shape):
    runner = ModelRunner(tiny_model(shape))
    hostile = runner.load_adapter([Embeds(vectors_PD=torch.full((4, 16), 3e38))])
    with pytest.raises(FailedPreconditionError, match="overflow"):
        runner.probe(hostile)
