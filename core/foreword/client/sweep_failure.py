"""Why a sweep has no result, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from foreword.client.sweep_resources import TuneTrial
from foreword.domain.job import JobState

_MOST_LISTED: Final = 8


def why_failed(trials: Iterable[TuneTrial]) -> str:
    """Return which trials failed and why, how many had been stopped early, and the remedy, in sentences."""
    trials = list(trials)
    reasons: dict[str, list[int]] = {}
    for trial in trials:
        if trial.state is JobState.FAILED:
            message = trial.failure.message if trial.failure is not None else "The reason is unknown."
            reasons.setdefault(message, []).append(trial.number)
    sentences = [f"{listed_trials(numbers)} failed: {message}" for message, numbers in reasons.items()]
    stopped = sum(trial.was_stopped for trial in trials)
    if not reasons:
        return "No trial failed, but some were cancelled. Start the sweep again."
    if stopped:
        count = "1 trial" if stopped == 1 else f"{stopped} trials"
        sentences.append(f"{count} had been stopped early, when others were better on the held-out rows.")
    sentences.append("Leave out the values that failed, or correct the cause, and start the sweep again.")
    return " ".join(sentences)


def listed_trials(numbers: Sequence[int]) -> str:
    """Return numbers of trials as the subject of a sentence: `Trials 2, 3 and 5`."""
    if len(numbers) == 1:
        return f"Trial {numbers[0]}"
    if len(numbers) > _MOST_LISTED:
        rest = len(numbers) - _MOST_LISTED
        return f"Trials {', '.join(map(str, numbers[:_MOST_LISTED]))} and {rest} more"
    return f"Trials {', '.join(map(str, numbers[:-1]))} and {numbers[-1]}"
