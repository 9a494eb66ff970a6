"""Checks of the labels of a whole file: spelling, order, similar and rare labels, and labels that crowd out others."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from itertools import combinations

from foreword.domain.report import Finding, Severity
from foreword_tasks.crowding import crowding
from foreword_tasks.edit_distance import within_distance
from foreword_tasks.label_distribution import LabelDistribution, LabelledOutput, first_rows
from foreword_tasks.label_reading import parts_recur
from foreword_tasks.label_schema import DEFAULT_SEPARATOR, spelling_key

MIN_LABEL_ROWS = 5
"""Minimum rows for a label to be learnt: with a fifth held out, four of them are left to learn from."""

_RARE_SET_ROWS = 2
_OTHER_SEPARATORS = (";", "|")
_LISTED = 8
# The cost of comparing all pairs grows with the square of the number of labels.
_MAX_COMPARED_LABELS = 300
_MAX_LABELS = 1000
_MIN_SIMILAR_LENGTH = 4
_MAX_SIMILAR_LENGTH = 60
_MIN_LENGTH_FOR_TWO_EDITS = 8


def check_labels(distribution: LabelDistribution) -> list[Finding]:
    """Return all findings about the labels."""
    checks: tuple[Callable[[LabelDistribution], Iterator[Finding]], ...] = (
        _reading,
        _number_of_labels,
        _spelling,
        _order,
        _repeated,
        _similar,
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
    joined = [output for output in distribution.outputs if mark in output.written[0] or len(output.labels) > 1]
    if schema.multi_label:
        yield _note(
            "READ_AS_MULTI_LABEL",
            f"Outputs are read as several labels separated by {schema.separator!r}, because the parts recur.",
            "Set multi_label to false if each output is a single label.",
            joined,
        )
    elif joined:
        yield _note(
            "READ_AS_SINGLE_LABEL",
            f"Outputs that contain {schema.separator!r} are read as one label each, because their parts do not recur.",
            "Set multi_label to true if they are several labels.",
            joined,
        )
    elif schema.separator == DEFAULT_SEPARATOR:
        yield from _other_separator(distribution)


def _other_separator(distribution: LabelDistribution) -> Iterator[Finding]:
    """Report outputs that join recurring labels with a usual separator that is not the one in use."""
    outputs = [output.written[0] for output in distribution.outputs]
    for separator in _OTHER_SEPARATORS:
        if parts_recur(outputs, separator):
            yield _note(
                "OTHER_SEPARATOR",
                f"Outputs that contain {separator!r} are read as one label each, although their parts recur.",
                f"Set separator to {separator!r} if they are several labels.",
                [output for output in distribution.outputs if separator in output.written[0]],
            )
            return


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


def _spelling(distribution: LabelDistribution) -> Iterator[Finding]:
    spellings: dict[str, Counter[str]] = defaultdict(Counter)
    holders: dict[str, list[tuple[str, LabelledOutput]]] = defaultdict(list)
    for output in distribution.outputs:
        for label in output.written:
            spellings[spelling_key(label)][label] += output.row_count
            holders[spelling_key(label)].append((label, output))
    for label in distribution.schema.labels:
        key = spelling_key(label)
        others = {spelling: count for spelling, count in spellings[key].items() if spelling != label}
        if not others:
            continue
        listed = " and ".join(f"{spelling!r} ({count})" for spelling, count in list(others.items())[:_LISTED])
        found = [output for spelling, output in holders[key] if spelling != label]
        yield _finding(
            Severity.WARNING,
            "LABEL_SPELLING",
            f"{listed} differ from '{label}' ({spellings[key][label]}) only in case or spaces and count as '{label}'.",
            f"Write '{label}' in all rows, or use distinct names if they are different labels.",
            found,
            excerpt=next(iter(others)),
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
        yield _note(
            "LABEL_ORDER",
            f"Some rows do not list their labels in {chosen} ({order}). "
            "The order makes no difference to tuning; answers use this one.",
            "Set labels if you want answers in another order.",
            found,
            excerpt=distribution.text(found[0].written),
        )


def _spelled(output: LabelledOutput) -> list[str]:
    return [spelling_key(label) for label in output.written]


def _repeated(distribution: LabelDistribution) -> Iterator[Finding]:
    found = [output for output in distribution.outputs if len(set(_spelled(output))) < len(output.written)]
    if found:
        yield _finding(
            Severity.WARNING,
            "LABEL_REPEATED",
            "Some rows list the same label more than once; it counts once.",
            "Remove the repetition, or replace it by the intended label.",
            found,
            excerpt=distribution.text(found[0].written),
        )


def _similar(distribution: LabelDistribution) -> Iterator[Finding]:
    counts = distribution.label_counts
    lengths = range(_MIN_SIMILAR_LENGTH, _MAX_SIMILAR_LENGTH + 1)
    labels = [label for label in distribution.schema.labels if len(label) in lengths]
    if len(labels) > _MAX_COMPARED_LABELS:
        return
    for pair in combinations(labels, 2):
        rare, common = sorted(pair, key=lambda label: (counts[label], label))
        if _digits(rare) != _digits(common):  # Level 1 and Level 2 are different labels
            continue
        # Two typing errors are only likely in a long name, and misspelt labels are rare.
        two = min(map(len, pair)) >= _MIN_LENGTH_FOR_TWO_EDITS and 3 * counts[rare] <= counts[common]
        if within_distance(spelling_key(rare), spelling_key(common), 2 if two else 1):
            yield _finding(
                Severity.WARNING,
                "LABELS_SIMILAR",
                f"'{rare}' ({counts[rare]} rows) and '{common}' ({counts[common]} rows) look like the same label.",
                f"Change '{rare}' to '{common}' if it is misspelt.",
                [output for output in distribution.outputs if rare in output.labels],
                excerpt=rare,
            )


def _digits(label: str) -> str:
    return "".join(character for character in label if character.isdigit())


def _rare_labels(distribution: LabelDistribution) -> Iterator[Finding]:
    counts = distribution.label_counts
    rare = {label: counts[label] for label in distribution.schema.labels if counts[label] < MIN_LABEL_ROWS}
    if rare:
        yield _finding(
            Severity.WARNING,
            "LABEL_TOO_FEW_ROWS",
            f"Some labels have fewer than {MIN_LABEL_ROWS} rows and will hardly be learnt: {_listed(rare)}.",
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
        yield _note(
            "LABEL_SETS_RARE",
            f"Some combinations have only one or two rows and may not be learnt: {_listed(rare)}.",
            "Add rows for the combinations that matter.",
            [output for output in distribution.outputs if distribution.text(output.labels) in rare],
        )


def _listed(counts: dict[str, int]) -> str:
    rarest = sorted(counts.items(), key=lambda item: (item[1], item[0]))
    more = f" and {len(rarest) - _LISTED} more" if len(rarest) > _LISTED else ""
    return ", ".join(f"'{text}' ({count})" for text, count in rarest[:_LISTED]) + more


def _note(code: str, message: str, remedy: str, outputs: Sequence[LabelledOutput], excerpt: str = "") -> Finding:
    return _finding(Severity.INFO, code, message, remedy, outputs, excerpt=excerpt)


def _finding(
    severity: Severity, code: str, message: str, remedy: str, outputs: Sequence[LabelledOutput], *, excerpt: str
) -> Finding:
    distinct = {id(output): output for output in outputs}.values()  # an output can have a label twice
    return Finding(
        severity=severity,
        code=code,
        message=message,
        remedy=remedy,
        rows=first_rows(distinct),
        row_count=sum(output.row_count for output in distinct),
        column="output",
        excerpt=excerpt,
    )
