"""The rows that fit into one pass of a base model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from foreword.network.pass_memory import AdapterSize, NetworkShape, pass_bytes
from foreword.plugin.interfaces import EncodedRow, LoadedModel
from foreword.plugin.memory import total_bytes

_MEMORY_SHARE: Final = 1 / 8
"""Part of a device's memory for the activations of one pass. It does not depend on what is free at the moment, so that
a run that is resumed makes the same passes."""

_UNKNOWN_MEMORY_BYTES: Final = 2 * 2**30
"""Memory for one pass where the system does not report that of the device."""


class PassBudget:
    """The memory for the activations of one pass of a base model.

    Args:
        max_bytes: Default: an eighth of the memory of the model's device.
    """

    def __init__(self, model: LoadedModel, *, max_bytes: int | None = None) -> None:
        self._shape = NetworkShape.of(model)
        if max_bytes is None:
            total = total_bytes(str(model.module.device))
            max_bytes = _UNKNOWN_MEMORY_BYTES if total is None else int(total * _MEMORY_SHARE)
        self._max_bytes = max_bytes

    def parts(
        self,
        rows: Sequence[EncodedRow],
        sizes: Sequence[AdapterSize],
        adapter_of_row: Sequence[int],
        *,
        with_gradients: bool,
    ) -> Iterator[slice]:
        """Divide rows, in their order, into passes that fit; most are one pass. One row alone may need more.

        Args:
            sizes: The sizes of the adapters.
            adapter_of_row: The place of each row's adapter.
            with_gradients: Whether a backward pass follows.
        """
        first = 0
        while first < len(rows):
            # The memory grows with the rows, so the largest number that fits is found by bisection.
            fitting, too_many = 1, len(rows) - first + 1
            tried = too_many - 1
            while too_many - fitting > 1:
                part = slice(first, first + tried)
                needed = pass_bytes(self._shape, rows[part], sizes, adapter_of_row[part], with_gradients=with_gradients)
                if needed <= self._max_bytes:
                    fitting = tried
                else:
                    too_many = tried
                tried = (fitting + too_many) // 2
            yield slice(first, first + fitting)
            first += fitting
