"""Which row of a pass has which adapter.

Legend: A adapters, B rows, W columns of a projection.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

import torch
from torch import Tensor

from foreword.network.adapter import Adapter


class RowAdapters:
    """The adapters of the rows of one pass.

    What the rows need is gathered by index. So a gradient reaches exactly the adapter of its row, and a number that is
    not finite stays in the rows of the adapter that it came from.

    Args:
        adapters: The adapter of each row; None for the base model as it is.

    Attributes:
        adapters: The different adapters, in the order of their first row.
        adapter_of_row: The place of each row's adapter in `adapters`.
    """

    def __init__(self, adapters: Sequence[Adapter | None]) -> None:
        places: dict[int, int] = {}
        self.adapter_of_row = [places.setdefault(id(adapter), len(places)) for adapter in adapters]
        firsts = dict(zip(self.adapter_of_row, adapters, strict=True))
        self.adapters: list[Adapter | None] = [firsts[place] for place in range(len(firsts))]

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.adapter_of_row)

    @property
    def prompt_lengths(self) -> list[int]:
        """The number of virtual tokens of each row."""
        lengths = [adapter.length if adapter else 0 for adapter in self.adapters]
        return [lengths[place] for place in self.adapter_of_row]

    @property
    def prompted(self) -> tuple[list[Adapter], list[int | None]]:
        """The different adapters that have a prompt, and the place of each row's adapter in them."""
        found = [adapter for adapter in self.adapters if adapter and adapter.length]
        places = {id(adapter): place for place, adapter in enumerate(found)}
        return found, [places.get(id(self.adapters[place])) for place in self.adapter_of_row]

    @cached_property
    def factors(self) -> Mapping[str, Tensor]:
        """Factors by path of the projection, `[B, 1, W]`, or `[W]` if all rows have the same; empty without any.

        In a batch with factors, a row without any has ones, which do not change its result.
        """
        paths = dict.fromkeys(path for adapter in self.adapters if adapter for path in adapter.factors_W)
        if not paths:
            return {}
        first = self.adapters[0]
        if first is not None and len(self.adapters) == 1:
            return first.factors_W
        return {path: self._gathered(path) for path in paths}

    def _gathered(self, path: str) -> Tensor:
        """Return the factors of all rows at one projection, `[B, 1, W]`."""
        found = [None if adapter is None else adapter.factors_W.get(path) for adapter in self.adapters]
        ones_W = torch.ones_like(next(factor_W for factor_W in found if factor_W is not None))
        factors_AW = torch.stack([ones_W if factor_W is None else factor_W for factor_W in found])
        if len(self.adapters) < len(self):
            factors_AW = factors_AW.index_select(0, torch.tensor(self.adapter_of_row, device=factors_AW.device))
        return factors_AW[:, None]

    def picked(self, rows_B: Tensor) -> RowAdapters:
        """Return the adapters of these rows in flight, in this order; a row may occur several times.

        Where no row has factors, the result has no adapters: the prompts have entered already.
        """
        if not self.factors:
            # Asking the tensor would wait for the device.
            return RowAdapters([None] * len(rows_B))
        return RowAdapters([self.adapters[self.adapter_of_row[row]] for row in rows_B.tolist()])

    def joined(self, other: RowAdapters) -> RowAdapters:
        """Return the adapters of both, one after the other."""
        return RowAdapters([item.adapters[place] for item in (self, other) for place in item.adapter_of_row])
