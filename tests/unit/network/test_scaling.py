from __future__ import annotations

import pytest

from factories.serving import site_scales
from factories.tiny_models import tiny_model
from foreword.network.scaling import Scaling
from foreword.plugin.scaling import factors_by_module


def test_a_failed_pass_leaves_the_network_unchanged():
    model = tiny_model("bart")
    factors = factors_by_module(model.spec.sites, site_scales(model.spec))

    def fail() -> None:
        with Scaling(model.module, model.spec.sites).applied(factors):
            assert any(module._forward_hooks for module in model.module.modules())
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()

    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.module.modules())
