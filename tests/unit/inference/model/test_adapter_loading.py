from __future__ import annotations

import pytest
import torch

from factories.serving import site_scales
from factories.tiny_models import CONTEXT_TOKENS, tiny_model
from foreword.errors import ArtifactError
from foreword.inference.runner import ModelRunner
from foreword.plugin.contributions import Affine, Embeds


def test_a_prompt_of_another_width_or_without_room_is_refused():
    runner = ModelRunner(tiny_model("bart"))
    with pytest.raises(ArtifactError, match="width 16"):
        runner.load_adapter([Embeds(vectors_PD=torch.zeros(4, 8))])
    with pytest.raises(ArtifactError, match="leaves nothing"):
        runner.load_adapter([Embeds(vectors_PD=torch.zeros(CONTEXT_TOKENS, 16))])


def test_factors_of_another_base_model_are_refused_by_the_site():
    runner = ModelRunner(tiny_model("bart"))
    name = runner.model.spec.sites[0].name
    with pytest.raises(ArtifactError, match=r"no site 'model\.layers\.0"):
        runner.load_adapter([Affine(scales_W=site_scales(tiny_model("llama").spec))])
    with pytest.raises(ArtifactError, match="whose width is 16"):
        runner.load_adapter([Affine(scales_W={name: torch.ones(8)})])
    with pytest.raises(ArtifactError, match="not finite"):
        runner.load_adapter([Affine(scales_W={name: torch.full((16,), torch.inf)})])
