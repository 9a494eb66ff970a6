"""Scaling of the activations at the sites of a network, for the duration of one pass.

Legend: B rows, T tokens, W columns of a projection.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from torch import Tensor, nn

from foreword.domain.site import Site, SiteKind, Stream


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
