"""The fields in which the configurations and plans of experiments differ."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import chain
from typing import Any, Final

from foreword.domain.experiment import TuneExperiment
from foreword.domain.parameters import ResolvedParameters
from foreword.domain.report_limits import CUT_MARK, cut_text
from foreword.names import BaseModelName, DatasetName

MAX_FIELDS_BYTES: Final = 512 * 2**10
"""Maximum size of all differing fields of a comparison."""
MAX_VALUE_CHARACTERS: Final = 1_000
"""Length in characters above which values are shown from shortly before their first difference, and cut."""

_MAX_PATH_CHARACTERS: Final = 200
_SHARED_CHARACTERS: Final = 40
_SHARED_ITEMS: Final = 2
_VALUE_BYTES: Final = 40  # the source, tags and lengths
_ITEM_BYTES: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedValue:
    """The value of a field in one experiment.

    Attributes:
        value: A JSON value; None if it is unset or does not apply.
        source: Source of a parameter, as in `TunePlan.sources`; `set` or `data` for a task option; otherwise empty.
    """

    value: Any
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DifferingField:
    """A field whose value is not the same in all experiments.

    Attributes:
        path: Path in the API's TuneExperiment, such as `parameters.learning_rate`.
        values: In the order of the experiments.
    """

    path: str
    values: tuple[ComparedValue, ...]


_Section = Mapping[str, ComparedValue]
_UNSET: Final = ComparedValue(value=None)


def differing_fields(
    experiments: Sequence[TuneExperiment], max_bytes: int = MAX_FIELDS_BYTES
) -> tuple[tuple[DifferingField, ...], int]:
    """Return the fields that differ, as many as fit, and the number of those that do not.

    Values of parameters and task options are those that a run uses, whether they were set or not. Two runs do not
    differ in a value that one of them sets and the other takes from the recipe.
    """
    kept: list[DifferingField] = []
    used = omitted = 0
    for path, values in _aligned([_sections(item) for item in experiments]):
        if all(_is_same(value.value, values[0].value) for value in values):
            continue
        shortened = excerpts([value.value for value in values])
        size = len(path.encode()) + sum(map(_size, shortened))
        if used + size > max_bytes:
            omitted += 1
            continue
        used += size
        shown = tuple(
            ComparedValue(value=excerpt, source="" if excerpt is None else value.source)
            for excerpt, value in zip(shortened, values, strict=True)
        )
        kept.append(DifferingField(path=cut_text(path, _MAX_PATH_CHARACTERS), values=shown))
    return tuple(kept), omitted


def _aligned(experiments: Sequence[Sequence[_Section]]) -> Iterator[tuple[str, list[ComparedValue]]]:
    """Yield every path of any experiment with the values of all of them, section by section."""
    for sections in zip(*experiments, strict=True):
        for path in dict.fromkeys(chain.from_iterable(sections)):
            yield path, [section.get(path, _UNSET) for section in sections]


def _sections(experiment: TuneExperiment) -> Sequence[_Section]:
    """Return the fields by path, in the order of the API; names in some sections differ between experiments."""
    config, plan, tenant = experiment.config, experiment.plan, experiment.tenant
    options, validation = config.task_options, config.validation_dataset
    parameters, sources = plan.parameters, plan.sources
    return (
        {
            "base_model": ComparedValue(value=str(BaseModelName(config.base_model))),
            "dataset": ComparedValue(value=str(DatasetName(tenant, config.dataset))),
            "validation_dataset": ComparedValue(value=str(DatasetName(tenant, validation)) if validation else None),
            "task": ComparedValue(value=config.task),
            "task_options.labels": _option(list(plan.labels) or None, is_set=bool(options.labels)),
            "task_options.multi_label": _option(
                plan.multi_label if plan.labels else None, is_set=options.multi_label is not None
            ),
            "task_options.separator": _option(options.separator, is_set=True),
        },
        {f"task_options.extra.{name}": _option(value, is_set=True) for name, value in (options.extra or {}).items()},
        {
            "tuning_type": ComparedValue(value=config.tuning_type),
            "verbalizer": ComparedValue(value=config.verbalizer),
            "instruction": ComparedValue(value=config.instruction or None),
            "evaluate_base": ComparedValue(value=config.evaluate_base),
        },
        {
            f"parameters.{item.name}": ComparedValue(
                value=getattr(parameters, item.name), source=sources.get(item.name, "")
            )
            for item in fields(ResolvedParameters)
            if item.name != "method_parameters"
        },
        {
            f"parameters.method_parameters.{name}": ComparedValue(
                value=value, source=sources.get(f"method_parameters.{name}", "")
            )
            for name, value in parameters.method_parameters.items()
        },
        {
            f"plan.{name}": ComparedValue(value=getattr(plan, name))
            for name in ("training_row_count", "validation_row_count", "planned_updates", "trainable_parameter_count")
        },
    )


def _option(value: Any, *, is_set: bool) -> ComparedValue:
    return ComparedValue(value=value, source="set" if is_set else "data")


def _is_same(one: Any, other: Any) -> bool:
    """Return whether two JSON values are equal; for Python, True is also 1."""
    return bool(one == other) and isinstance(one, bool) == isinstance(other, bool)


def excerpts(values: Sequence[Any], limit: int = MAX_VALUE_CHARACTERS) -> list[Any]:
    """Return values of which none is long.

    If one is longer than `limit` characters, all start shortly before the first difference and are cut. Objects, and
    values of different kinds, then become texts.
    """
    if max(map(_length, values)) <= limit:
        return list(values)
    found = [value for value in values if value is not None]
    if all(_is_list_of_texts(value) for value in found):
        shared = max(0, _shared_length(found) - _SHARED_ITEMS)
        return [None if value is None else _cut_list(value, shared, limit) for value in values]
    texts = [value if isinstance(value, str) else _json(value) for value in found]
    shared = max(0, _shared_length(texts) - _SHARED_CHARACTERS)
    start = CUT_MARK.strip() + " " if shared else ""
    rest = iter(texts)
    return [None if value is None else cut_text(start + next(rest)[shared:], limit) for value in values]


def _shared_length(values: Sequence[Any]) -> int:
    """Return the length of the longest common beginning of texts, or of lists of texts."""
    # What the first and the last in order have in common, all between them have in common, too.
    first, last = min(values), max(values)
    pairs = enumerate(zip(first, last, strict=False))
    return next((place for place, (one, other) in pairs if one != other), min(len(first), len(last)))


def _cut_list(items: Sequence[str], shared: int, limit: int) -> list[str]:
    """Return the items after the first `shared` ones, until they are too long together."""
    mark = CUT_MARK.strip()
    kept = [mark] if shared else []
    used = 0
    for item in items[shared:]:
        used += len(item)
        if used > limit:
            return [*kept, mark]
        kept.append(item)
    return kept


def _is_list_of_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _length(value: Any) -> int:
    return len(value) if isinstance(value, str) else len(_json(value))


def _size(value: Any) -> int:
    """Return the size of a value in a message, rounded up."""
    return _VALUE_BYTES + len(_json(value).encode("utf-8", "surrogatepass")) + _ITEM_BYTES * _count(value)


def _count(value: Any) -> int:
    """Return the number of items in a value, nested ones included."""
    if isinstance(value, Mapping):
        return sum(1 + _count(item) for item in value.values())
    return sum(1 + _count(item) for item in value) if isinstance(value, (list, tuple)) else 0


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)
