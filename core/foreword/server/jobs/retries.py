"""Retries of experiments: their checks, and the checkpoint from which they continue."""

from __future__ import annotations

from contextlib import ExitStack

from foreword.domain.experiment import TuneExperiment
from foreword.names import TuneExperimentName
from foreword.plugin.manager import PluginManager
from foreword.server.jobs.needs import Needs
from foreword.storage.artifacts.checkpoints import Checkpoint, CheckpointStore
from foreword.storage.artifacts.keys import checkpoints_key
from foreword.storage.artifacts.publication import ArtifactPublisher
from foreword.storage.database import Database
from foreword.storage.repositories.experiment_retries import ExperimentRetries
from foreword.storage.repositories.requests import RequestKey
from foreword.storage.repositories.tuned_models import find_start


class ExperimentRetrier:
    """Repeats failed and cancelled experiments. Methods block.

    Args:
        max_queued: Maximum number of queued experiments of a tenant.
    """

    def __init__(
        self,
        *,
        database: Database,
        publisher: ArtifactPublisher,
        checkpoints: CheckpointStore,
        plugins: PluginManager,
        max_queued: int,
    ) -> None:
        self._database = database
        self._publisher = publisher
        self._checkpoints = checkpoints
        self._plugins = plugins
        self._max_queued = max_queued

    def retry(
        self,
        first: TuneExperiment,
        *,
        id: str | None,
        from_beginning: bool,
        creator: str,
        request: RequestKey | None,
    ) -> TuneExperiment:
        """Queue an experiment that repeats another one, from its newest usable checkpoint if there is one.

        Args:
            id: Id of the new experiment; None to generate one.
            from_beginning: Whether to ignore checkpoints.

        Raises:
            InvalidArgumentError: The id is invalid.
            NotFoundError: The experiment has been deleted meanwhile.
            FailedPreconditionError: The experiment cannot be repeated.
            AlreadyExistsError: The id is taken, or the request id was already used with other content.
            ExhaustedError: The tenant has too many experiments queued.
            UnavailableError: The database or the artifact store is unavailable.
        """
        tenant = first.tenant
        retries = ExperimentRetries(self._database, tenant)
        retries.check(first.id)
        self._check_plugins(first)
        find_start(self._database, first)
        checkpoint = None if from_beginning else self._newest(first)
        id, create_time = id or self._database.new_id(), self._database.now()
        with ExitStack() as publication:
            if checkpoint is not None:
                key = checkpoints_key(tenant, id, create_time)
                files = self._checkpoints.first_file(key, checkpoint)
                publication.enter_context(self._publisher.publish(tenant, key, files))
            return retries.create(
                first.id,
                id=id,
                create_time=create_time,
                resumed_step=0 if checkpoint is None else checkpoint.step,
                creator=creator,
                max_queued=self._max_queued,
                request=request,
            )

    def _newest(self, first: TuneExperiment) -> Checkpoint | None:
        return self._checkpoints.newest_checkpoint(checkpoints_key(first.tenant, first.id, first.create_time))

    def _check_plugins(self, first: TuneExperiment) -> None:
        """Raise FailedPreconditionError unless everything that the plan was made for is still installed."""
        config, name = first.config, str(TuneExperimentName(first.tenant, first.id))
        needs = Needs(plugins=self._plugins, name=name, noun="experiment")
        needs.base_model(config.base_model, first.plan.base_revision)
        needs.plugin("task", config.task, self._plugins.tasks)
        needs.plugin("tuning method", config.tuning_type, self._plugins.tuning_methods)
