"""Reading the labels of a classification from its rows and options."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence

from foreword.domain.experiment import TaskOptions
from foreword.domain.labels.packing import DEFAULT_SEPARATOR, parts_recur, split_output
from foreword.domain.labels.spelling import spelling_key
from foreword.domain.violations import Violations
from foreword.errors import InvalidArgumentError
from foreword_tasks.label_order import majority_order
from foreword_tasks.label_schema import LabelSchema
from foreword_tasks.outputs import MAX_OUTPUTS, Outputs

_LISTED = 10


def read_labels(outputs: Outputs, options: TaskOptions) -> LabelSchema:
    """Read the labels in canonical order and the label sets.

    Raises:
        InvalidArgumentError: The options contradict each other, a row has a label that is not declared, or there are
            too many different outputs.
    """
    if outputs.too_many:
        raise InvalidArgumentError.of(
            "task_options.labels",
            f"cannot be read from the rows, which have more than {MAX_OUTPUTS:,} different or very long outputs; use "
            "the task generation",
        )
    separator = DEFAULT_SEPARATOR if options.separator is None else options.separator
    declared = tuple(label.strip() for label in options.labels)
    _check_options(declared, separator, options.multi_label)
    texts = outputs.texts
    multi_label = options.multi_label
    if multi_label is None:
        multi_label = _parts_declared(texts, declared, separator) if declared else parts_recur(texts, separator)
    draft = LabelSchema(labels=declared, multi_label=multi_label, separator=separator, label_sets=())
    if declared:
        _check_declared(outputs, draft, options)
        labels = declared
    else:
        written = [(draft.written(output.text), output.count) for output in outputs]
        spelling = common_spelling(written)
        labels = majority_order(
            (list(dict.fromkeys(spelling[spelling_key(label)] for label in labels)), count) for labels, count in written
        )
    draft = LabelSchema(labels=labels, multi_label=multi_label, separator=separator, label_sets=())
    label_sets: Counter[tuple[str, ...]] = Counter()
    for output in outputs:
        label_sets[draft.read(output.text)] += output.count
    place = {label: index for index, label in enumerate(labels)}
    return LabelSchema(
        labels=labels,
        multi_label=multi_label,
        separator=separator,
        label_sets=tuple(sorted(label_sets, key=lambda found: (-label_sets[found], [place[label] for label in found]))),
        labels_declared=bool(declared),
        multi_label_declared=options.multi_label is not None,
    )


def common_spelling(written: Iterable[tuple[Sequence[str], int]]) -> dict[str, str]:
    """Return the most frequent spelling by spelling key; ties are broken alphabetically.

    Args:
        written: Labels as written, each with the number of rows that have them.
    """
    spellings: dict[str, Counter[str]] = defaultdict(Counter)
    for labels, count in written:
        for label in labels:
            spellings[spelling_key(label)][" ".join(label.split())] += count
    return {key: min(counts, key=lambda label: (-counts[label], label)) for key, counts in spellings.items()}


def _parts_declared(outputs: Collection[str], declared: Sequence[str], separator: str) -> bool:
    """Return True if some output joins several declared labels."""
    keys = {spelling_key(label) for label in declared}
    for output in outputs:
        parts = {spelling_key(part) for part in split_output(output, separator)}
        if len(parts) > 1 and parts <= keys and spelling_key(output) not in keys:
            return True
    return False


def _check_options(declared: Sequence[str], separator: str, multi_label: bool | None) -> None:
    violations = Violations()
    if not separator:
        violations.add("task_options.separator", "must not be empty")
    keys = Counter(spelling_key(label) for label in declared)
    for key, count in keys.items():
        if not key:
            violations.add("task_options.labels", "must not contain an empty label")
        elif count > 1:
            text = f"{key!r} is listed {count} times; labels must differ in more than case and spaces"
            violations.add("task_options.labels", text)
    mark = separator.strip() or separator
    for label in declared if multi_label and separator else ():
        if mark in label:
            text = f"{label!r} contains the separator {separator!r}; choose another separator"
            violations.add("task_options.labels", text)
    violations.check()


def _check_declared(outputs: Outputs, draft: LabelSchema, options: TaskOptions) -> None:
    """Check that all labels are declared.

    Raises:
        InvalidArgumentError: Some labels are not declared; the message lists them with their rows.
    """
    known = {spelling_key(label) for label in draft.labels}
    unknown: dict[str, list[int]] = defaultdict(list)
    for output in outputs:
        for label in draft.written(output.text):
            if spelling_key(label) not in known:
                unknown[label] += output.numbers
    if not unknown:
        return
    violations = Violations()
    for label, numbers in list(unknown.items())[:_LISTED]:
        shown = ", ".join(map(str, sorted(numbers)[:_LISTED])) + (", ..." if len(numbers) > _LISTED else "")
        text = f"{label[:80]!r} (row {shown}) is not a declared label; declare it or correct the rows"
        parts = {spelling_key(part) for part in split_output(label, draft.separator)}
        if options.multi_label is False and len(parts) > 1 and parts <= known:
            text += ", or set `multi_label` to true"
        violations.add("task_options.labels", text)
    if len(unknown) > _LISTED:
        text = f"{len(unknown) - _LISTED} more labels are not declared; declare them or correct the rows"
        violations.add("task_options.labels", text)
    violations.check()
