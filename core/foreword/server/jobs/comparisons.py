"""Comparison of stored experiments: their configurations, results and datasets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from foreword.data.row_difference import RowKeys, row_difference
from foreword.data.rows import read_rows
from foreword.domain.comparison import (
    MAX_OVERLAP_BYTES,
    MAX_OVERLAP_ROWS,
    ComparedRun,
    Comparison,
    RowOverlap,
    compare,
)
from foreword.domain.dataset import Dataset
from foreword.domain.report import MetricDifference, SystemEvaluation
from foreword.domain.thin_curve import thin_curve
from foreword.errors import ArtifactError, NotFoundError
from foreword.evaluation.paired import paired_differences
from foreword.names import TuneExperimentName
from foreword.plugin.manager import PluginManager
from foreword.server.callers.auth import current_caller
from foreword.server.calls.pools import BEGIN_SECONDS, READ_SECONDS, Pools
from foreword.storage.artifacts.store import ArtifactStore
from foreword.storage.database import Database
from foreword.storage.repositories.dataset_rows import open_rows
from foreword.storage.repositories.datasets import DatasetRepository
from foreword.storage.repositories.experiments import ExperimentRepository
from foreword.turns.cancellation import check_cancelled, give_way


class ExperimentComparer:
    """Reads and compares experiments of the caller's tenant, in the turns of that tenant."""

    def __init__(self, *, database: Database, artifacts: ArtifactStore, plugins: PluginManager, pools: Pools) -> None:
        self._database = database
        self._plugins = plugins
        self._artifacts = artifacts
        self._pools = pools

    async def compare(self, names: Sequence[TuneExperimentName]) -> Comparison:
        """Compare experiments.

        Args:
            names: At least two different names.

        Raises:
            NotFoundError: An experiment does not exist, or the caller's key cannot read it.
        """
        caller = current_caller()
        for place, name in enumerate(names):
            if name.tenant != caller.tenant:
                raise _missing(name, place)
        runs = []
        for place, name in enumerate(names):  # a turn for each: a long curve takes as long as many short ones
            run = await self._pools.storage.run(caller.tenant, READ_SECONDS, self._read_run, name, place)
            if caller.reads_only_of not in (None, run.experiment.creator):
                raise _missing(name, place)
            runs.append(run)
        datasets = await self._pools.storage.run(
            caller.tenant, READ_SECONDS, self._read_datasets, caller.tenant, runs, caller.reads_only_of
        )
        trained_on = dict.fromkeys(run.experiment.config.dataset for run in runs)
        first, *others = (datasets[id] for id in trained_on)
        overlaps: Mapping[str, RowOverlap] = {}
        if first is not None and others:
            overlaps = await self._pools.work.run(caller.tenant, BEGIN_SECONDS, self._overlaps, first, others)
        task = self._plugins.tasks.get(runs[0].experiment.config.task)

        def differences(results: Sequence[SystemEvaluation | None]) -> Sequence[Mapping[str, MetricDifference]]:
            return [{} for _ in results] if task is None else paired_differences(task, results, check=give_way)

        # Long values are compared character by character, and rows are resampled, so this is work for a thread.
        return await self._pools.work.run(caller.tenant, BEGIN_SECONDS, compare, runs, datasets, overlaps, differences)

    def _read_run(self, name: TuneExperimentName, place: int) -> ComparedRun:
        repository = ExperimentRepository(self._database, name.tenant)
        try:
            found = repository.get(name.tune_experiment)
            points = repository.curve(name.tune_experiment)
        except NotFoundError as error:
            raise _missing(name, place) from error
        check_cancelled()
        tuned = next((item for item in found.evaluations if item.system == "tuned"), None)
        return ComparedRun(
            experiment=replace(found, evaluations=(), suspect_rows=None),
            result=None if tuned is None else replace(tuned, parts=(), examples=()),
            curve=thin_curve(points),
        )

    def _read_datasets(
        self, tenant: str, runs: Sequence[ComparedRun], creator: str | None
    ) -> Mapping[str, Dataset | None]:
        """Return the datasets that the runs name, by id; None for those that do not exist for the caller's key."""
        repository = DatasetRepository(self._database, tenant)
        configs = [run.experiment.config for run in runs]
        found: dict[str, Dataset | None] = {}
        for id in (id for config in configs for id in (config.dataset, config.validation_dataset)):
            if id is not None and id not in found:
                check_cancelled()
                dataset = repository.find(id)
                is_readable = dataset is not None and creator in (None, dataset.creator)
                found[id] = dataset if is_readable else None
        return found

    def _overlaps(self, first: Dataset, others: Sequence[Dataset | None]) -> Mapping[str, RowOverlap]:
        """Return what datasets have in common with the first, by id.

        It is left out for deleted datasets, for missing or changed rows, and for more rows than are compared.
        """
        existing = [dataset for dataset in others if dataset is not None]
        same = {
            dataset.id: RowOverlap(shared=dataset.row_count, added=0, removed=0, relabelled=0)
            for dataset in existing
            if dataset.content_sha256 == first.content_sha256
        }
        different = [dataset for dataset in existing if dataset.id not in same]
        if not different:
            return same
        read = [first, *different]
        size = sum(dataset.byte_size for dataset in read)
        if size > MAX_OVERLAP_BYTES or sum(dataset.row_count for dataset in read) > MAX_OVERLAP_ROWS:
            return same
        keys = self._keys(first)
        if keys is None:
            return same
        for dataset in different:
            other = self._keys(dataset)
            if other is not None:
                same[dataset.id] = row_difference(keys, other).overlap
        return same

    def _keys(self, dataset: Dataset) -> RowKeys | None:
        try:
            with open_rows(self._artifacts, dataset) as file:
                return RowKeys.of(read_rows(file), give_way)
        except ArtifactError:  # a comparison of results does not depend on the rows
            return None


def _missing(name: TuneExperimentName, place: int) -> NotFoundError:
    return NotFoundError.of(str(name), f"Check names[{place}].")
