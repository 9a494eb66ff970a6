"""The memory that the weights of base models may take in one process."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from foreword.plugin.memory import total_bytes

_SHARE: Final = 0.8
"""Part of a device's memory that weights may take unless the operator sets a number; activations need the rest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryBudget:
    """Memory for the weights of base models in one process.

    Attributes:
        byte_size: None does not bound it.
        strict: Whether a model that is larger is refused. Otherwise it is loaded when no other one is.
    """

    byte_size: int | None = None
    strict: bool = False

    @classmethod
    def of(cls, setting: int, *, device: str, processes: int) -> MemoryBudget:
        """Make the budget from a setting in bytes; 0 takes an equal share of the device's memory.

        Args:
            processes: Processes that hold models on this device.

        Raises:
            FailedPreconditionError: There is no such device.
        """
        if setting:
            return cls(byte_size=setting, strict=True)
        total = total_bytes(device)
        return cls(byte_size=None if total is None else int(total * _SHARE / max(1, processes)))
