"""An estimate of the speed at which this machine tunes a base model, until runs show the real one.

Shapes: B batch, T tokens, D width.
"""

from __future__ import annotations

import functools
import threading
from typing import TYPE_CHECKING, Final

from foreword.domain.base_model import BaseModelSpec
from foreword.plugin.precision import choose_dtype
from foreword.tuning.work_time import work_clock

if TYPE_CHECKING:
    import torch

_LARGEST_WIDTH: Final = 1024
"""Width of the widest layer measured. Wider layers are as fast per weight, but need more memory and time."""
_BATCH, _TOKENS = 8, 48
_WEIGHTS_PER_SQUARED_WIDTH: Final = 12
"""Weights of a transformer layer: four attention projections, and two of a feed-forward part four times as wide."""
_ROUNDS: Final = 9
_MOST_SECONDS: Final = 1.0
_one_at_a_time: Final = threading.Lock()


class TuningSpeed:
    """A measurement of the tuning speed, made once per width and process. It is safe to use from several threads.

    Args:
        device: Torch device of the workers, such as `cpu`.
        dtype: Number format of the base models: `float32`, `bfloat16` or `auto`.
    """

    def __init__(self, *, device: str, dtype: str) -> None:
        self.device = device
        self._setting = dtype

    @property
    def dtype(self) -> str:
        """The number format of the base models: `float32` or `bfloat16`."""
        return choose_dtype(self._setting, self.device)

    def seconds_per_token(self, spec: BaseModelSpec) -> float:
        """Return the estimated time to train on one token of a row, in seconds.

        The method times the forward and backward pass of one layer as wide as the model's. The estimate scales this to
        the weights that a token passes: those of the encoder or of the decoder if a model has both. The first call
        takes up to a second, and longer if torch has to be imported.
        """
        width = min(spec.hidden_size, _LARGEST_WIDTH)
        with _one_at_a_time:
            per_weight = _measured_once(self.device, self.dtype, width)
        passed = spec.parameter_count / (1 if spec.is_causal else 2)
        return per_weight * passed


def measure(device: str, dtype: str, width: int) -> float:
    """Return the least seconds per token and weight of one frozen layer, including gradients of its input.

    It is the speed of a machine that does nothing else, also if it does: the least of several times counts, on CPUs in
    processor time (`work_clock`).

    Args:
        device: Torch device, such as `cpu`.
        dtype: `float32` or `bfloat16`.
        width: Width D of the layer.
    """
    import torch

    format: torch.dtype = getattr(torch, dtype)
    heads = next(count for count in (max(1, width // 64), 4, 2, 1) if width % count == 0)
    layer = torch.nn.TransformerEncoderLayer(
        width, heads, 4 * width, dropout=0.0, batch_first=True, device=device, dtype=format
    ).requires_grad_(False)
    states_BTD = torch.ones(_BATCH, _TOKENS, width, device=device, dtype=format, requires_grad=True)
    clock = work_clock(device)
    seconds: list[float] = []
    while len(seconds) < _ROUNDS and sum(seconds) < _MOST_SECONDS:
        begin = clock()
        (gradient_BTD,) = torch.autograd.grad(layer(states_BTD).sum(), states_BTD)
        gradient_BTD[0, 0, 0].item()  # waits for the device
        seconds.append(clock() - begin)
    return min(seconds) / (_BATCH * _TOKENS * _WEIGHTS_PER_SQUARED_WIDTH * width**2)


_measured_once: Final = functools.cache(measure)
