"""Warnings about a valid plan that is likely to give poor results."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from foreword.domain.experiment import ExperimentConfig
from foreword.domain.parameters import ResolvedParameters, TuneParameters
from foreword.domain.report import Finding, Severity
from foreword.domain.tuned_model import TunedModel
from foreword.tuning.planning.lengths import Lengths

FEW_UPDATES: Final = 100
"""Updates below which a plan has a warning: adapters start far from useful, and the loss has hardly begun to fall."""

_FAR = 10.0
_SOURCE = "plan"
_VALIDATION = "validation "
_MOST_ROWS = 20


def plan_warnings(
    *,
    parameters: ResolvedParameters,
    recipe: TuneParameters,
    updates: int,
    held_out: int,
    lengths: Lengths,
    validation_lengths: Lengths | None,
    init_text_tokens: int,
) -> tuple[Finding, ...]:
    """Return the warnings of a plan, the most severe first.

    Args:
        updates: Number of updates of one fit, without a refit.
        held_out: Number of rows held out.
        validation_lengths: Lengths of the rows of the validation dataset; None without one.
        init_text_tokens: Number of tokens of the initialisation text; 0 without one.
    """
    found = [
        *_few_updates(parameters, updates, lengths.row_count),
        *_cut_and_sampled(parameters, lengths),
        *(_cut_and_sampled(parameters, validation_lengths, _VALIDATION) if validation_lengths else ()),
        *_far_rate(parameters, recipe),
        *_unmeasured(parameters, held_out),
        *_init_text(parameters, init_text_tokens),
    ]
    return tuple(sorted(found, key=lambda finding: -finding.severity))


def start_warnings(start: TunedModel, config: ExperimentConfig, held_out: int) -> tuple[Finding, ...]:
    """Return the findings about a run that starts from a tuned model.

    Args:
        held_out: Number of rows held out.
    """
    seen = "the dataset of this run" if start.dataset == config.dataset else f"datasets/{start.dataset}"
    if not held_out or config.validation_dataset is not None:
        return ()
    return (
        Finding(
            severity=Severity.WARNING,
            code="HELD_OUT_ROWS_MAY_BE_TRAINED",
            message=f"The run starts from {config.parameters.init_tuned_model}, which was tuned on {seen}. Held-out "
            "rows that are among its rows measure memory.",
            remedy="Set validation_dataset to rows that the tuned model was not tuned on.",
            source=_SOURCE,
        ),
    )


def _few_updates(parameters: ResolvedParameters, updates: int, row_count: int) -> list[Finding]:
    if updates >= FEW_UPDATES:
        return []
    per_update = parameters.batch_size * parameters.accumulate_steps
    smaller = "Set `accumulate_steps` to 1" if parameters.accumulate_steps > 1 else "Choose a smaller `batch_size`"
    return [
        Finding(
            severity=Severity.WARNING,
            code="FEW_UPDATES",
            message=f"The plan makes {updates} updates ({row_count} rows, {per_update} rows per update, "
            f"{parameters.num_epochs} epochs), and a prompt learns little in fewer than {FEW_UPDATES}.",
            remedy=f"{smaller}, or raise `num_epochs`.",
            source=_SOURCE,
        )
    ]


def _cut_and_sampled(parameters: ResolvedParameters, lengths: Lengths, kind: str = "") -> list[Finding]:
    """Return the findings about the lengths of the rows of a dataset.

    Args:
        kind: `validation ` for the validation dataset, in front of the noun.
    """
    return [
        *_cut(lengths, lengths.inputs, parameters.max_input_tokens, "input", kind),
        *_cut(lengths, lengths.outputs, parameters.max_output_tokens, "output", kind),
        *_sampled(lengths, kind),
    ]


def _cut(lengths: Lengths, counts: Sequence[int], limit: int, column: str, kind: str) -> list[Finding]:
    rows = [number for number, count in zip(lengths.numbers, counts, strict=True) if count > limit]
    if not rows:
        return []
    measured = f" of the {len(counts):,} {kind}rows that were measured" if lengths.are_sampled else f" {kind}rows"
    return [
        Finding(
            severity=Severity.WARNING,
            code=f"{_prefix(kind)}{column.upper()}_CUT",
            message=f"{len(rows):,}{measured} have an {column} of more than {limit} tokens, which is truncated at the "
            f"end; the longest has {max(counts)} tokens.",
            remedy=f"Raise `max_{column}_tokens` or shorten these rows.",
            rows=tuple(rows[:_MOST_ROWS]),
            row_count=len(rows),
            column=column,
            source=_SOURCE,
        )
    ]


def _sampled(lengths: Lengths, kind: str) -> list[Finding]:
    if not lengths.are_sampled:
        return []
    return [
        Finding(
            severity=Severity.INFO,
            code=f"{_prefix(kind)}LENGTHS_SAMPLED",
            message=f"The lengths of {len(lengths.numbers):,} of {lengths.row_count:,} {kind}rows were measured, "
            "spread evenly over the dataset; the estimated time and the numbers of truncated rows rest on these rows.",
            source=_SOURCE,
        )
    ]


def _prefix(kind: str) -> str:
    return kind.upper().replace(" ", "_")


def _far_rate(parameters: ResolvedParameters, recipe: TuneParameters) -> list[Finding]:
    known = recipe.learning_rate
    if known is None or parameters.optimizer != (recipe.optimizer or parameters.optimizer):
        return []
    ratio = parameters.learning_rate / known
    if 1 / _FAR < ratio < _FAR:
        return []
    return [
        Finding(
            severity=Severity.WARNING,
            code="RATE_FAR_FROM_RECIPE",
            message=f"The learning rate {parameters.learning_rate:g} is far from {known:g}, the recommended rate for "
            "this base model; learning rates do not carry over from other models.",
            remedy="Leave `learning_rate` unset to use the recommended rate.",
            source=_SOURCE,
        )
    ]


def _unmeasured(parameters: ResolvedParameters, held_out: int) -> list[Finding]:
    if held_out:
        return []
    why = ""
    remedy = (
        "Set `validation_split` to 0.2, and `refit` to true to train on all rows in the end; or set "
        "`validation_dataset`."
    )
    if parameters.validation_split > 0:
        why, remedy = ", because all rows have the same input", "Add rows with other inputs."
    return [
        Finding(
            severity=Severity.WARNING,
            code="NOTHING_HELD_OUT",
            message=f"No rows are held out{why}: the run keeps the last epoch, does not stop early and measures "
            "nothing.",
            remedy=remedy,
            source=_SOURCE,
        )
    ]


def _init_text(parameters: ResolvedParameters, tokens: int) -> list[Finding]:
    length = parameters.num_virtual_tokens
    if parameters.init_method != "text" or length is None or tokens in (0, length):
        return []
    cut = tokens > length
    return [
        Finding(
            severity=Severity.INFO,
            code="INIT_TEXT_CUT" if cut else "INIT_TEXT_REPEATED",
            message=f"The initialisation text has {tokens} tokens and is {'cut' if cut else 'repeated'} to fill the "
            f"{length} virtual tokens of the prompt.",
            source=_SOURCE,
        )
    ]
