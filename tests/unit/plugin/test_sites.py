from __future__ import annotations

import pytest
import torch

from factories.tiny_models import SHAPES, tiny_model
from foreword.domain.site import SiteKind, Stream
from foreword.plugin.scaling import factors_by_module
from foreword.plugin.sites import find_sites


@pytest.mark.parametrize("shape", SHAPES)
def test_every_layer_has_sites_of_every_kind_and_the_encoder_comes_first(shape):
    sites = find_sites(tiny_model(shape).module)

    streams = [site.stream for site in sites]
    encoders = streams.count(Stream.ENCODER)
    assert set(streams[:encoders]) <= {Stream.ENCODER}
    assert (encoders > 0) is (shape in ("bart", "t5"))
    # There are two layers; a decoder with an encoder attends twice in each.
    attentions = {"bart": 6, "t5": 6}.get(shape, 2)
    assert sum(site.kind is SiteKind.KEY for site in sites) == attentions
    assert sum(site.kind is SiteKind.FEED_FORWARD for site in sites) == (4 if encoders else 2)


def test_keys_are_as_wide_as_the_heads_that_share_them():
    [key] = [site for site in tiny_model("llama").spec.sites if site.module == "model.layers.0.self_attn.k_proj"]

    assert (key.width, key.module_width) == (8, 8)


def test_queries_keys_and_values_of_one_projection_are_its_columns():
    sites = [site for site in tiny_model("gpt2").spec.sites if site.module == "transformer.h.0.attn.c_attn"]

    assert [(site.kind.value, site.name.rpartition(".")[2]) for site in sites] == [
        ("query", "c_attn[0:16]"), ("key", "c_attn[16:32]"), ("value", "c_attn[32:48]"),
    ]  # fmt: skip
    factors = factors_by_module(sites, {sites[1].name: torch.full((16,), 2.0)})
    assert factors[sites[1].module].tolist() == [1.0] * 16 + [2.0] * 16 + [1.0] * 16
