"""Factors of whole projections from the scales of sites.

Legend: W columns of a site or of a projection.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from foreword.domain.site import Site

if TYPE_CHECKING:
    from torch import Tensor


def factors_by_module(sites: Sequence[Site], scales_W: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Convert scales of sites to factors of whole projections, with ones for columns that are not scaled.

    Args:
        sites: The sites of the base model.
        scales_W: Scales by name of the site, each as wide as the site.

    Raises:
        ValueError: The base model has no such site, or the site has another width.
    """
    known = {site.name: site for site in sites}
    for name, scale_W in scales_W.items():
        if name not in known:
            raise ValueError(f"the base model has no site {name[:200]!r}")
        if tuple(scale_W.shape) != (known[name].width,):
            raise ValueError(
                f"scales of shape {list(scale_W.shape)} do not fit {name}, whose width is {known[name].width}"
            )
    factors: dict[str, Tensor] = {}
    for site in sites:
        if site.name not in scales_W:
            continue
        factor_W = scales_W[site.name]
        if site.width != site.module_width:
            factor_W = _widened(factor_W, site)
        before = factors.get(site.module)
        factors[site.module] = factor_W if before is None else before * factor_W
    return factors


def _widened(scale_W: Tensor, site: Site) -> Tensor:
    """Expand the scales of some columns of a projection to factors of all columns."""
    import torch

    ones = scale_W.new_ones
    rest = site.module_width - site.start - site.width
    return torch.cat([ones(site.start), scale_W, ones(rest)])
