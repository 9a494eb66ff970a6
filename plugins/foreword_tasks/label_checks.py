"""Checks of the labels of a whole file: spelling, order, similar and rare labels, and labels that crowd out others."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from foreword.domain.labels.packing import DEFAULT_SEPARATOR, read_list, recurring_separator, split_output
from foreword.domain.labels.spelling import spelling_key
from foreword.domain.report import Finding, Severity
from foreword_tasks.crowding import crowding
from foreword_tasks.label_distribution import LabelDistribution, LabelledOutput
from foreword_tasks.label_findings import label_finding, label_note, listed
from foreword_tasks.label_spelling import alike, missing, misspelt, spelling

MIN_LABEL_ROWS = 5
"""Minimum rows for a label to be learnt: with a fifth held out, four of them are left to learn from."""

_RARE_SET_ROWS = 2
_MAX_LABELS = 1000


def check_labels(distribution: LabelDistribution) -> list[Finding]:
    """Return all findings about the labels."""
    checks: tuple[Callable[[LabelDistribution], Iterator[Finding]], ...] = (
        _reading,
        _lists,
        _number_of_labels,
        spelling,
        alike,
        _order,
        _repeated,
        misspelt,
        missing,
        _rare_labels,
        _rare_sets,
        crowding,
    )
    return [finding for check in checks for finding in check(distribution)]


def _reading(distribution: LabelDistribution) -> Iterator[Finding]:
    """Report whether outputs were read as one label or several, if that was inferred from the data."""
    schema = distribution.schema
    if schema.multi_label_declared:
        return
    mark = schema.separator.strip() or schema.separator
    joined = [
        output
        for output in distribution.outputs
        if (mark in output.text or len(output.labels) > 1) and read_list(output.text) is None
    ]
    if schema.multi_label:
        yield label_note(
            "READ_AS_MULTI_LABEL",
            f"Outputs are read as several labels separated by {schema.separator!r}, because the parts recur.",
            "Set `multi_label` to false if each output is a single label.",
            joined,
        )
    elif joined:
        yield label_note(
            "READ_AS_SINGLE_LABEL",
            f"Outputs that contain {schema.separator!r} are read as one label each, because their parts do not recur.",
            "Set `multi_label` to true if they are several labels.",
            joined,
        )
    elif schema.separator == DEFAULT_SEPARATOR:
        yield from _other_separator(distribution)


def _other_separator(distribution: LabelDistribution) -> Iterator[Finding]:
    """Report outputs that join recurring labels with a usual separator that is not the one in use."""
    separator = recurring_separator([output.text for output in distribution.outputs])
    if separator is not None:
        found = [output for output in distribution.outputs if len(split_output(output.text, separator)) > 1]
        yield label_finding(
            Severity.WARNING,
            "OTHER_SEPARATOR",
            f"Outputs that contain {separator!r} are read as one label each, although their parts recur.",
            f"Set `separator` to {separator!r} if they are several labels.",
            found,
            excerpt=found[0].text,
        )


def _lists(distribution: LabelDistribution) -> Iterator[Finding]:
    """Report outputs that are lists written as text."""
    found = {output.text: output for output in distribution.outputs if read_list(output.text) is not None}
    if found:
        text = max(found, key=lambda text: len(read_list(text) or ""))
        plain = distribution.text(tuple(read_list(text) or ""))
        yield label_finding(
            Severity.WARNING,
            "LISTS_AS_TEXT",
            "Outputs are lists that were written as text; brackets and quotes are read as a part of the labels.",
            f"Write {plain!r} instead of {text!r}, and set `multi_label` to true.",
            list(found.values()),
            excerpt=text,
        )


def _number_of_labels(distribution: LabelDistribution) -> Iterator[Finding]:
    count, rows = len(distribution.label_counts), distribution.row_count
    if count == 1 and rows > 1:
        label = next(iter(distribution.label_counts))
        yield Finding(
            severity=Severity.WARNING,
            code="ONE_LABEL",
            message=f"All {rows} rows have the label '{label}'.",
            remedy="Add rows with other labels; otherwise the model learns to give the same answer to every input.",
            column="output",
            excerpt=label,
        )
    if count > _MAX_LABELS or (count > 10 and count > rows / 2):
        yield Finding(
            severity=Severity.WARNING,
            code="TOO_MANY_LABELS",
            message=f"{rows} rows have {count} different labels; the outputs look like free text.",
            remedy="Use the task generation, or set `labels` and `separator` if the outputs are labels.",
            column="output",
            excerpt=distribution.outputs[0].written[0],
        )


def _order(distribution: LabelDistribution) -> Iterator[Finding]:
    schema = distribution.schema
    if not schema.multi_label:
        return
    found = [
        output
        for output in distribution.outputs
        if len(output.labels) > 1
        and _spelled(output) != [*map(spelling_key, output.labels)]
        and len(set(_spelled(output))) == len(output.written)
    ]
    if found:
        order = distribution.text(schema.labels[:12]) + (", ..." if len(schema.labels) > 12 else "")
        chosen = "the declared order" if schema.labels_declared else "the order of most rows"
        yield label_note(
            "LABEL_ORDER",
            f"Some rows do not list their labels in {chosen} ({order}). "
            "The order makes no difference to tuning; answers use this one.",
            "Set `labels` if you want answers in another order.",
            found,
            excerpt=distribution.text(found[0].written),
        )


def _spelled(output: LabelledOutput) -> list[str]:
    return [spelling_key(label) for label in output.written]


def _repeated(distribution: LabelDistribution) -> Iterator[Finding]:
    found = [output for output in distribution.outputs if len(set(_spelled(output))) < len(output.written)]
    if found:
        yield label_finding(
            Severity.WARNING,
            "LABEL_REPEATED",
            "Some rows list the same label more than once; it counts once.",
            "Remove the repetition, or replace it by the intended label.",
            found,
            excerpt=distribution.text(found[0].written),
        )


def _rare_labels(distribution: LabelDistribution) -> Iterator[Finding]:
    counts = distribution.label_counts
    rare = {label: counts[label] for label in distribution.schema.labels if counts[label] < MIN_LABEL_ROWS}
    if rare:
        yield label_finding(
            Severity.WARNING,
            "LABEL_TOO_FEW_ROWS",
            f"Some labels have fewer than {MIN_LABEL_ROWS} rows and will hardly be learnt: {listed(rare)}.",
            f"Add rows until each label has at least {MIN_LABEL_ROWS}, preferably 20, or remove the label.",
            [output for output in distribution.outputs if any(label in rare for label in output.labels)],
            excerpt=min(rare, key=lambda label: (rare[label], label)),
        )


def _rare_sets(distribution: LabelDistribution) -> Iterator[Finding]:
    rare = {
        distribution.text(labels): count
        for labels, count in distribution.set_counts.items()
        if len(labels) > 1 and count <= _RARE_SET_ROWS
    }
    if rare:
        yield label_note(
            "LABEL_SETS_RARE",
            f"Some combinations have only one or two rows and may not be learnt: {listed(rare)}.",
            "Add rows for the combinations that matter.",
            [output for output in distribution.outputs if distribution.text(output.labels) in rare],
        )
