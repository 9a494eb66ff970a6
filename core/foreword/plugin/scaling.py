"""Scaling of the activations at the sites of a network, for the duration of one pass.

Legend: B rows, T tokens, W columns of a projection.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from foreword.domain.site import Site, SiteKind, Stream


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


class Scaling:
    """The scaling of activations at the sites of a network.

    The hooks exist for one pass, so that the network is unchanged between passes. The class is not thread-safe: one
    thread owns the network.
    """

    def __init__(self, network: nn.Module, sites: Sequence[Site]) -> None:
        self._projections = {
            site.module: (network.get_submodule(site.module), site.kind is SiteKind.FEED_FORWARD, site.stream)
            for site in sites
        }

    @contextmanager
    def applied(self, factors: Mapping[str, Tensor], *, stream: Stream | None = None) -> Iterator[None]:
        """Multiply activations by these factors, in the precision of the factors, inside the context.

        Args:
            factors: Factors by path of the projection and as wide as it: `[W]` for all rows, or `[B, 1, W]`.
            stream: The side of the network that is about to run; None for both.
        """
        with ExitStack() as stack:
            for path, factor in factors.items():
                projection, scales_input, side = self._projections[path]
                if stream is not None and side is not stream:
                    continue
                handle = (
                    projection.register_forward_pre_hook(_scale_input(factor))
                    if scales_input
                    else projection.register_forward_hook(_scale_output(factor))
                )
                stack.callback(handle.remove)
            yield


def _scale_input(factor: Tensor) -> Callable[[nn.Module, tuple[Any, ...]], tuple[Any, ...]]:
    def hook(_: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...]:
        (x_BTW,) = args
        return ((x_BTW * factor).to(x_BTW.dtype),)

    return hook


def _scale_output(factor: Tensor) -> Callable[[nn.Module, tuple[Any, ...], Tensor], Tensor]:
    def hook(_: nn.Module, __: tuple[Any, ...], y_BTW: Tensor) -> Tensor:
        return (y_BTW * factor).to(y_BTW.dtype)

    return hook


def _widened(scale_W: Tensor, site: Site) -> Tensor:
    """Expand the scales of some columns of a projection to factors of all columns."""
    ones = scale_W.new_ones
    rest = site.module_width - site.start - site.width
    return torch.cat([ones(site.start), scale_W, ones(rest)])
