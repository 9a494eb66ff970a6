"""The main memory of a worker, and whether a run takes so little of it that others can run beside it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from foreword.domain.base_model import BaseModelSpec
from foreword.domain.experiment import TunePlan
from foreword.domain.report import Finding, Severity
from foreword.plugin.memory import total_bytes, weight_bytes

_SHARE: Final = 0.75
"""Part of the memory of a machine for base models and runs; passes, evaluation and the system need the rest."""

_BYTES_PER_TOKEN: Final = 36
"""A number in a list of Python's: it and the reference to it."""
_TEXT_PER_TOKEN: Final = 3
"""Bytes of text in a token; languages differ, and a smaller number errs to the side of safety."""
_COPIES: Final = 3
"""Times that a run holds the tokens of a row: for tuning, for a refit or to measure, and to look for wrong answers."""
_BYTES_PER_PARAMETER: Final = 32
"""A trained number with its gradient, two averages of the optimiser, and copies of the best epoch, all in float32."""

_MEBIBYTE: Final = 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerMemory:
    """The main memory of a worker.

    Attributes:
        byte_size: Memory for its base model and its runs; None if it is unknown.
        most_runs: Maximum number of runs that it tunes together.
        device: Torch device of its base model.
    """

    byte_size: int | None
    most_runs: int
    device: str

    @classmethod
    def of(cls, *, workers: int, most_runs: int, device: str) -> WorkerMemory:
        """Return an equal share of this machine's memory for each worker and the server."""
        total = total_bytes("cpu")
        size = None if total is None else int(total * _SHARE / (1 + max(1, workers)))
        return cls(byte_size=size, most_runs=most_runs, device=device)

    def finding(
        self, spec: BaseModelSpec, plan: TunePlan, *, dtype: str, text_bytes: int, row_count: int
    ) -> Finding | None:
        """Return why a run can be tuned only alone; None if it can share a worker.

        It shares if it takes no more than its part of the memory that the base model leaves, so that a company of any
        such runs fits.

        Args:
            dtype: Number format of the base model.
            text_bytes: Size of all its rows as text.
            row_count: Their number.
        """
        if self.byte_size is None or self.most_runs == 1:
            return None
        parameters = plan.parameters
        longest = parameters.max_input_tokens + parameters.max_output_tokens
        tokens = min(text_bytes // _TEXT_PER_TOKEN, row_count * longest)
        needed = text_bytes + _COPIES * _BYTES_PER_TOKEN * tokens
        needed += _BYTES_PER_PARAMETER * plan.trainable_parameter_count
        weights = weight_bytes(spec.parameter_count, dtype) if self.device == "cpu" else 0
        room = max(0, self.byte_size - weights) // self.most_runs
        if needed <= room:
            return None
        return Finding(
            severity=Severity.INFO,
            code="RUNS_ALONE",
            message=f"The run is tuned alone, without other runs on its worker: its rows and tensors take about "
            f"{_size(needed)} of memory, and baseModels/{spec.id} leaves {_size(room)} for each of "
            f"{self.most_runs} runs.",
            remedy="It may wait longer for a worker. Fewer or shorter rows let it share one; so does a smaller "
            "FOREWORD_MAX_RUNS_PER_WORKER, which the operator sets.",
            source="plan",
        )


def _size(count: int) -> str:
    return f"{count / _MEBIBYTE:,.0f} MiB"
