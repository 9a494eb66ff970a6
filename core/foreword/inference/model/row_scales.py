"""Factors of the rows in flight, gathered from their adapters.

Legend: B rows, W columns of a projection.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from foreword.inference.model.loaded_adapter import LoadedAdapter


class RowScales:
    """The factors of each row. In a batch with factors, a row without any has ones, which do not change its result.

    Attributes:
        factors: Factors by path of the projection, `[B, 1, W]`, or `[W]` if all rows have the same; empty without any.
    """

    def __init__(self, adapters: Sequence[LoadedAdapter | None]) -> None:
        self._adapters = list(adapters)
        self.factors = _gather(self._adapters)

    def picked(self, rows_B: Tensor) -> RowScales:
        """Return the factors of these rows, in this order; a row may occur several times."""
        if not self.factors:
            # No row has factors; asking the tensor would wait for the device.
            return RowScales([None] * len(rows_B))
        return RowScales([self._adapters[row] for row in rows_B.tolist()])

    def joined(self, other: RowScales) -> RowScales:
        """Return the factors of both, one after the other."""
        return RowScales([*self._adapters, *other._adapters])


def _gather(adapters: Sequence[LoadedAdapter | None]) -> Mapping[str, Tensor]:
    """Return the factors of all rows, by path of the projection."""
    paths = dict.fromkeys(path for adapter in adapters if adapter is not None for path in adapter.factors_W)
    if not paths:
        return {}
    first = adapters[0]
    if first is not None and all(adapter is first for adapter in adapters):
        return first.factors_W
    factors: dict[str, Tensor] = {}
    for path in paths:
        found = [None if adapter is None else adapter.factors_W.get(path) for adapter in adapters]
        ones_W = torch.ones_like(next(factor_W for factor_W in found if factor_W is not None))
        factors[path] = torch.stack([ones_W if factor_W is None else factor_W for factor_W in found])[:, None]
    return factors
