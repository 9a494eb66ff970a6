"""Warnings about a planned evaluation: rows that a model has seen, and labels that it does not know. They block."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from foreword.data.rows import read_rows
from foreword.domain.counted import counted
from foreword.domain.dataset import Dataset, Row
from foreword.domain.evaluation import EvaluatedSystem
from foreword.domain.report import MAX_ROWS_PER_FINDING, Finding, Severity
from foreword.domain.tuned_model import TunedModel
from foreword.errors import ArtifactError
from foreword.plugin.interfaces import Task
from foreword.storage.artifacts.store import ArtifactStore
from foreword.storage.repositories.dataset_rows import open_rows
from foreword.storage.repositories.datasets import DatasetRepository
from foreword.turns.cancellation import give_way

TUNED_ON_ROWS: Final = "TUNED_ON_ROWS"
"""Code of the warning that a model was tuned on evaluated rows."""

_MAX_COMPARED_BYTES: Final = 64_000_000
"""Maximum size of a dataset whose rows are compared one by one; a larger one is only compared as a whole."""

_MOST_LABELS: Final = 10
_MOST_CHARACTERS: Final = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationWarnings:
    """The search for what makes the results of an evaluation misleading.

    Attributes:
        datasets: Those of the tenant.
        reader: The creator to whose datasets the caller is limited; None for any.
        dataset: The dataset to evaluate on.
        rows: Its rows.
    """

    artifacts: ArtifactStore
    datasets: DatasetRepository
    reader: str | None
    dataset: Dataset
    rows: Sequence[Row]

    def find(
        self,
        task: Task,
        systems: Sequence[tuple[EvaluatedSystem, TunedModel | None]],
        examples: Dataset | None,
    ) -> Iterator[Finding]:
        """Yield the warnings.

        Args:
            examples: The dataset from which examples are taken; None if there are none.

        Raises:
            UnavailableError: The artifact store is unavailable.
            CancelledError: The caller has gone.
        """
        tuned = [(system.id, model) for system, model in systems if model is not None]
        for id, model in tuned:
            yield from self._tuned_on(id, model)
        for id, model in tuned:
            yield from self._unknown_labels(id, model, task)
        numbers = () if examples is None else self._shared_rows(examples)
        if numbers:
            yield Finding(
                severity=Severity.WARNING,
                code="EXAMPLES_AMONG_ROWS",
                message=f"The examples of requests are taken from rows that include {_share(numbers, self.rows)}, so "
                "that a request can show its own answer.",
                remedy="Take the examples from other rows with `examples_dataset`.",
                rows=_first(numbers),
                row_count=len(numbers),
            )

    def _tuned_on(self, id: str, model: TunedModel) -> Iterator[Finding]:
        stored = self.datasets.find(model.dataset)
        seen = {model.provenance.get("dataset"), *model.provenance.get("init_datasets", "").split()}
        if self.dataset.content_sha256 in seen:
            numbers: Sequence[int] = [row.number for row in self.rows]
        else:
            numbers = () if stored is None else self._shared_rows(stored)
        if numbers:
            yield Finding(
                severity=Severity.WARNING,
                code=TUNED_ON_ROWS,
                message=f"{id} was tuned on {_share(numbers, self.rows)}, so its results are better "
                "than on other texts.",
                remedy="Evaluate it on rows that it has not seen.",
                rows=_first(numbers),
                row_count=len(numbers),
            )

    def _unknown_labels(self, id: str, model: TunedModel, task: Task) -> Iterator[Finding]:
        known, common = (
            task.label_space(schema) for schema in (model.schema, task.evaluation_schema(self.rows, [model.schema]))
        )
        if known is None or common is None:
            return
        unknown = [label for label in common.labels if label not in known.labels]
        if unknown:
            shown = ", ".join(label[:_MOST_CHARACTERS] for label in unknown[:_MOST_LABELS])
            more = f" and {len(unknown) - _MOST_LABELS:,} more" if len(unknown) > _MOST_LABELS else ""
            yield Finding(
                severity=Severity.WARNING,
                code="UNKNOWN_LABELS",
                message=f"The rows have labels that {id} does not know: {shown}{more}. All of its answers to such rows "
                "are wrong.",
                remedy="Tune it on rows with these labels, or evaluate it on rows without them.",
            )

    def _shared_rows(self, other: Dataset) -> Sequence[int]:
        """Return the numbers of the rows whose input is also in another dataset; none if it cannot be read."""
        if self.reader not in (None, other.creator):
            return ()
        if other.content_sha256 == self.dataset.content_sha256:
            return [row.number for row in self.rows]
        if other.byte_size > _MAX_COMPARED_BYTES:
            return ()
        try:
            with open_rows(self.artifacts, other) as file:
                seen = set(map(_digest, read_rows(file)))
        except ArtifactError:  # its rows are missing or corrupt, which does not concern this evaluation
            return ()
        return [row.number for row in self.rows if _digest(row) in seen]


def _digest(row: Row) -> bytes:
    give_way()
    return hashlib.blake2b(row.input.strip().encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _share(numbers: Sequence[int], rows: Sequence[Row]) -> str:
    count, total = len(numbers), len(rows)
    if count == total:
        return f"all {counted(total, 'row')}" if total > 1 else "the only row"
    return f"{count:,} of the {counted(total, 'row')}"


def _first(numbers: Sequence[int]) -> tuple[int, ...]:
    return tuple(numbers[:MAX_ROWS_PER_FINDING])
