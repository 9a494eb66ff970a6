"""The training loop of every stage: a budget in minutes, a log, and a state to resume from after any stop."""

from __future__ import annotations

import json
import math
import os
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from foreword_starter.training.precision import MasterWeights
from foreword_starter.training.schedule import rate_factor


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """The result of one forward pass.

    Attributes:
        tokens: Number of tokens in inputs and answers, including prompts.
        figures: Values for the log, averaged between two lines.
    """

    loss: Tensor
    tokens: int
    figures: Mapping[str, Tensor | float]


class Stage(Protocol):
    """A stage of the training, driven by the loop."""

    def forward(self, progress: float) -> Step:
        """Return the loss of the next batch; the loop runs the backward pass."""

    def after_update(self) -> None:
        """Update whatever else the stage trains; called after each step, when the weights' gradients are cleared."""

    def state_dict(self) -> dict[str, Any]:
        """Return everything that the next batch depends on."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore a state."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopSettings:
    """The running time of a stage and the intervals of its saves and log lines.

    Attributes:
        minutes: Total running time, summed over all calls.
        warmup: Share of the running time in which the rates rise.
        save_minutes: Minutes between two saved states.
        log_updates: Updates between two lines of the log.
    """

    minutes: float
    warmup: float = 0.03
    save_minutes: float = 5.0
    log_updates: int = 50


Report = Callable[[Mapping[str, Any]], None]
Clock = Callable[[], float]
"""A monotonic clock in seconds."""


def run_loop(
    stage: Stage,
    weights: MasterWeights,
    settings: LoopSettings,
    *,
    folder: Path,
    on_save: Report = lambda _: None,
    stop_at: float = math.inf,
    clock: Clock = time.perf_counter,
) -> bool:
    """Train until the budget is spent, resuming from the state in the folder if there is one.

    Args:
        folder: Folder of this stage, for `state.pt` and `log.jsonl`.
        on_save: Called with the counters after each save, including the last one, to measure the model.
        stop_at: Time on `clock` at which to save the state and return.

    Returns:
        True if the budget is spent.
    """
    folder.mkdir(parents=True, exist_ok=True)
    state_file, log_file = folder / "state.pt", folder / "log.jsonl"
    counters = {"updates": 0, "tokens": 0, "seconds": 0.0}
    if state_file.is_file():
        state = torch.load(state_file, weights_only=False)
        weights.load_state_dict(state["weights"])
        stage.load_state_dict(state["stage"])
        counters = state["counters"]
    sums: dict[str, list[float]] = defaultdict(list)
    saved_at, mark = counters["seconds"], clock()
    budget = settings.minutes * 60
    if counters["seconds"] >= budget:
        return True

    def save() -> None:
        write_whole(state_file, {"weights": weights.state_dict(), "stage": stage.state_dict(), "counters": counters})
        on_save(counters)

    while counters["seconds"] < budget and mark < stop_at:
        progress = counters["seconds"] / budget
        step = stage.forward(progress)
        step.loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it unannotated
        weights.step(rate_factor(progress, warmup=settings.warmup))
        stage.after_update()
        now = clock()
        counters["seconds"] += now - mark
        mark = now
        counters["updates"] += 1
        counters["tokens"] += step.tokens
        for name, figure in {"loss": step.loss.detach(), **step.figures}.items():
            sums[name].append(figure)  # type: ignore[arg-type]  # tensors are read once per log line, not per update
        if counters["updates"] % settings.log_updates == 0:
            means = {name: round(sum(map(float, values)) / len(values), 4) for name, values in sums.items()}
            sums.clear()
            _append(log_file, {**counters, "seconds": round(counters["seconds"]), **means})
        if counters["seconds"] - saved_at > settings.save_minutes * 60:
            saved_at = counters["seconds"]
            save()
            mark = clock()  # measuring does not count as training time
    save()
    return counters["seconds"] >= budget


def write_whole(file: Path, state: Any) -> None:
    """Write a file atomically, so that an interruption leaves either the old state or the new one."""
    temporary = file.with_suffix(".writing")
    torch.save(state, temporary)
    os.replace(temporary, file)


def _append(file: Path, record: Mapping[str, Any]) -> None:
    with file.open("a", encoding="utf-8") as lines:
        lines.write(json.dumps(record) + "\n")
    print(json.dumps(record), flush=True)
