"""Checks of the lengths, the template and the labels of a plan."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from foreword.domain.base_model import BaseModelSpec
from foreword.domain.experiment import MAX_LABEL_CHARACTERS, MAX_LABEL_TOKENS, MAX_LABELS
from foreword.domain.parameters import ResolvedParameters
from foreword.domain.templates import apply_verbalizer
from foreword.domain.violations import Violations
from foreword.plugin.interfaces import MethodPlan, Schema, Task

_MOST_TOKENS_PER_CHARACTER: Final = 4
"""Tokens of a character that a tokenizer does not know: one for each byte."""


def check_context(
    violations: Violations, parameters: ResolvedParameters, method_plan: MethodPlan, spec: BaseModelSpec
) -> None:
    """Check that the configured lengths fit into the context of the base model.

    The context of a causal model holds prompt, input and answer together. An encoder-decoder model has one context for
    prompt and input and another one for the answer.
    """
    longest_input, longest_output = parameters.max_input_tokens, parameters.max_output_tokens
    virtual = method_plan.context_tokens
    room = spec.context_room(virtual)
    beside = f"besides {virtual} virtual tokens " if virtual else ""
    if spec.is_causal:
        if longest_input > room.longest_input(answer_tokens=longest_output):
            violations.add(
                "parameters.max_input_tokens",
                f"is {longest_input} and max_output_tokens is {longest_output}, but {spec.id} writes its answer after "
                f"the input, and {beside}its context of {spec.context_tokens} tokens has room for "
                f"{room.free_tokens} tokens of both together; lower one of them",
            )
        return
    if longest_input > room.free_tokens:
        violations.add(
            "parameters.max_input_tokens",
            f"is {longest_input}, but {beside}the context of {spec.context_tokens} tokens has room for "
            f"{room.free_tokens}; lower {'it or num_virtual_tokens' if virtual else 'it'}",
        )
    if longest_output > spec.context_tokens:
        violations.add(
            "parameters.max_output_tokens",
            f"must be in [1, {spec.context_tokens}], the context of {spec.id}, not {longest_output}",
        )


def check_template(
    violations: Violations, verbalizer: str, parameters: ResolvedParameters, count_tokens: Callable[[str], int]
) -> None:
    """Check that the template leaves room for the input: inputs are truncated, templates are not."""
    around = count_tokens(apply_verbalizer(verbalizer, ""))
    if around >= parameters.max_input_tokens:
        violations.add(
            "parameters.max_input_tokens",
            f"is {parameters.max_input_tokens}, but the template around every input takes {around} tokens; "
            "raise it or shorten the verbalizer",
        )


def check_labels(
    violations: Violations,
    task: Task,
    schema: Schema,
    count_tokens: Callable[[str], int],
    check: Callable[[], object],
) -> None:
    """Check the labels that a closed task read from the rows.

    They are part of every response about the experiment, and each request to the tuned model scores all of them.
    """
    space = task.label_space(schema)
    if space is None:
        return
    too_long = next((label for label in space.labels if len(label) > MAX_LABEL_CHARACTERS), None)
    if len(space.labels) > MAX_LABELS:
        problem = f"reads {len(space.labels):,} labels from the rows, but can have at most {MAX_LABELS:,}"
    elif too_long is not None:
        problem = (
            f"reads a label of {len(too_long):,} characters from the rows ({too_long[:40]!r}...), but a label can have "
            f"at most {MAX_LABEL_CHARACTERS}"
        )
    elif (tokens := _label_tokens(space.labels, count_tokens, check)) > MAX_LABEL_TOKENS:
        problem = (
            f"reads labels of {tokens:,} tokens together from the rows, but they can have at most {MAX_LABEL_TOKENS:,}"
        )
    else:
        return
    violations.add("task", f"is {task.id}, which {problem}; use an open task such as generation, or correct the rows")


def _label_tokens(labels: Sequence[str], count_tokens: Callable[[str], int], check: Callable[[], object]) -> int:
    """Return the number of tokens of all labels, or 0 if their characters show that they are few."""
    if sum(len(label) + 1 for label in labels) * _MOST_TOKENS_PER_CHARACTER <= MAX_LABEL_TOKENS:
        return 0
    tokens = 0
    for label in labels:
        check()
        tokens += plain_count(label, count_tokens) + 1
    return tokens


def plain_count(text: str, count_tokens: Callable[[str], int]) -> int:
    """Return the number of tokens of a text without the special ones around it."""
    return count_tokens(text) - count_tokens("") if text else 0
