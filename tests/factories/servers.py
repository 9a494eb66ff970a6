"""A real server in this process: SQLite, artifacts, engine and gRPC over loopback, on its own event loop."""

from __future__ import annotations

import asyncio
import dataclasses
import functools
import hashlib
import shutil
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import torch

from factories.databases import open_database
from factories.spans import RecordedSpans
from foreword.client.proxy import DIRECT
from foreword.config import Settings
from foreword.domain.answer_calibration import AnswerCalibration
from foreword.domain.experiment import Snapshot, TuneExperiment
from foreword.domain.job import JobKind
from foreword.domain.suspect_rows import SuspectRows
from foreword.domain.tenant import Scope
from foreword.domain.tuned_model import CONFIG_FILE, TENSORS_FILE, TunedModel
from foreword.inference.engine.engine import InferenceEngine
from foreword.inference.interfaces import EngineSettings
from foreword.plugin.interfaces import BaseModel, LoadedModel
from foreword.plugin.manager import PluginManager
from foreword.scheduling.batches.run import BatchRun
from foreword.scheduling.evaluations.run import EvaluationRun
from foreword.scheduling.heartbeat import Heartbeats
from foreword.scheduling.runs.storing import seen_rows
from foreword.scheduling.sliced_run import SlicedMember
from foreword.scheduling.workshop import Workshop
from foreword.server.app import ForewordServer
from foreword.server.inference.adapters import adapter_reader
from foreword.server.metrics.server_metrics import ServerMetrics
from foreword.server.webhooks.deliveries import DeliveryTimes
from foreword.storage.artifacts.checkpoints import CheckpointStore
from foreword.storage.artifacts.store import ArtifactStore
from foreword.storage.repositories.run_results import Beat
from foreword.storage.repositories.tenants import TenantRepository
from foreword.storage.repositories.tuned_models import find_start
from foreword.storage.tenant_purge import TenantPurge
from foreword.storage.workers.queue import JobQueue
from foreword.tuning.adapter import adapter_files
from foreword.v1 import (
    audit_service_pb2_grpc,
    batch_job_service_pb2_grpc,
    capture_service_pb2_grpc,
    catalog_service_pb2_grpc,
    dataset_service_pb2_grpc,
    deployment_service_pb2_grpc,
    evaluation_service_pb2_grpc,
    inference_service_pb2_grpc,
    saved_prompt_service_pb2_grpc,
    tenant_service_pb2_grpc,
    tune_experiment_service_pb2_grpc,
    tune_sweep_service_pb2_grpc,
    tuned_model_service_pb2_grpc,
    usage_service_pb2_grpc,
    webhook_service_pb2_grpc,
)

STUBS = {
    "audit": audit_service_pb2_grpc.AuditServiceStub,
    "batch_jobs": batch_job_service_pb2_grpc.BatchJobServiceStub,
    "captures": capture_service_pb2_grpc.CaptureServiceStub,
    "catalog": catalog_service_pb2_grpc.CatalogServiceStub,
    "datasets": dataset_service_pb2_grpc.DatasetServiceStub,
    "deployments": deployment_service_pb2_grpc.DeploymentServiceStub,
    "evaluations": evaluation_service_pb2_grpc.EvaluationServiceStub,
    "inference": inference_service_pb2_grpc.InferenceServiceStub,
    "saved_prompts": saved_prompt_service_pb2_grpc.SavedPromptServiceStub,
    "tenants": tenant_service_pb2_grpc.TenantServiceStub,
    "experiments": tune_experiment_service_pb2_grpc.TuneExperimentServiceStub,
    "sweeps": tune_sweep_service_pb2_grpc.TuneSweepServiceStub,
    "tuned_models": tuned_model_service_pb2_grpc.TunedModelServiceStub,
    "usage": usage_service_pb2_grpc.UsageServiceStub,
    "webhooks": webhook_service_pb2_grpc.WebhookServiceStub,
}


class EventLoopThread:
    """An event loop in a thread, for servers; tests may then be plain functions with blocking stubs."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="servers", daemon=True)
        self._thread.start()

    def run(self, coroutine: Coroutine[Any, Any, Any], timeout_seconds: float = 60.0) -> Any:
        """Run a coroutine in the thread and return its result."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(timeout_seconds)

    def close(self) -> None:
        """Stop the loop."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class LoadedOnce(BaseModel):
    """A base model whose weights the servers of one test run share; they are frozen, so sharing is safe.

    Only one load runs at a time: transformers uses a global default device, so concurrent loads affect each other.
    """

    _lock = threading.Lock()

    def __init__(self, model: BaseModel) -> None:
        self._model = model
        self._load_tokenizer = functools.cache(model.load_tokenizer)
        self._load = functools.cache(model.load)

    @property
    def spec(self):
        return self._model.spec

    def load_tokenizer(self):
        with self._lock:
            return self._load_tokenizer()

    def load(self, *, device: str, dtype: str) -> LoadedModel:
        with self._lock:
            return self._load(device=device, dtype=dtype)


@functools.cache
def shared_plugins() -> PluginManager:
    """Return the installed plugins, with base models that are loaded only once."""
    return PluginManager.load()


@functools.cache
def shared_base_models() -> Mapping[str, BaseModel]:
    """Return the installed base models, each loaded at most once in a test run."""
    return {id: LoadedOnce(model) for id, model in shared_plugins().base_models.items.items()}


class Stubs:
    """The blocking stubs of every service for one key: `stubs.datasets.GetDataset(request)`."""

    def __init__(self, channel: grpc.Channel, key: str | None) -> None:
        if key is not None:
            channel = grpc.intercept_channel(channel, _KeySender(key))
        for name, stub in STUBS.items():
            setattr(self, name, stub(channel))


class RunningServer:
    """A running server.

    Attributes:
        database: The server's database, for checks behind the API or to act as a worker.
        artifacts: The server's artifact store, likewise.
        spans: The finished spans of a server with `traces=True`; None otherwise.
    """

    def __init__(self, loop: EventLoopThread, settings: Settings, delivery_times: DeliveryTimes | None = None) -> None:
        self.settings = settings
        self._delivery_times = delivery_times
        aliases = settings.base_model_aliases
        self.plugins = PluginManager.load(aliases=aliases) if aliases else shared_plugins()
        self.database = open_database(settings.resolved_database_url)
        self.artifacts = ArtifactStore(settings.resolved_artifacts_url)
        self.checkpoints = CheckpointStore(settings.resolved_artifacts_url, key=self.database.shared_key("checkpoints"))
        self.tenants = TenantRepository(self.database)
        self.queue = JobQueue(self.database)
        self._loop = loop
        self._channels: list[grpc.Channel] = []
        self._stopped = False
        self._ahead_seconds = 0.0
        self._socket_folder = Path(tempfile.mkdtemp(prefix="foreword-"))  # a short path, as sockets need
        self.metrics = ServerMetrics(settings) if settings.metrics else None
        self.spans = RecordedSpans() if settings.traces else None
        self.engine = InferenceEngine(
            base_models=shared_base_models(),
            methods=self.plugins.tuning_methods.items,
            read_artifact=adapter_reader(self.artifacts),
            settings=EngineSettings(
                dtype="float32",
                threads=1,
                max_batch_rows=settings.max_batch_rows,
                max_queued_tokens=settings.max_queued_tokens,
                prompt_cache_bytes=settings.prompt_cache_bytes,
                label_cache_bytes=settings.label_cache_bytes,
            ),
            meter=self.metrics.engine if self.metrics else None,
        )
        try:
            self.port = self._loop.run(self._start())
        except BaseException:
            self.database.close()
            shutil.rmtree(self._socket_folder, ignore_errors=True)
            raise

    async def _start(self) -> int:
        self.server = ForewordServer(
            settings=self.settings,
            plugins=self.plugins,
            database=self.database,
            artifacts=self.artifacts,
            engine=self.engine,
            dev_key=self.settings.dev,
            metrics=self.metrics,
            traces=self.spans.server_traces() if self.spans else None,
            private_socket=self._socket_folder / "service",
            delivery_times=self._delivery_times,
            clock=lambda: time.monotonic() + self._ahead_seconds,
            now=self.now,
        )
        return await self.server.start()

    @property
    def endpoint(self) -> str:
        """Host and port."""
        return f"{self.settings.host}:{self.port}"

    @property
    def private_endpoint(self) -> str:
        """The Unix socket."""
        return f"unix:{self._socket_folder / 'service'}"

    def channel(self) -> grpc.Channel:
        """Return a plain channel, which is closed with the server."""
        channel = grpc.insecure_channel(self.endpoint, DIRECT)
        self._channels.append(channel)
        return channel

    def stubs(self, key: str | None = "dev") -> Any:
        """Return stubs that send a key."""
        return Stubs(self.channel(), key)

    def new_key(self, tenant: str, scopes: Sequence[Scope] = (Scope.WRITE, Scope.READ, Scope.INFER)) -> str:
        """Create a key, and the tenant if needed, and return the secret of the key."""
        self.tenants.ensure_tenant(tenant)
        return self.tenants.create_api_key(tenant, "test", scopes)[1]

    def now(self) -> datetime:
        """Return the time by the server's clock."""
        return datetime.now(UTC) + timedelta(seconds=self._ahead_seconds)

    def pass_time(self, seconds: float) -> None:
        """Put the server's clocks forward, so that cached values grow old and keys expire."""
        self._ahead_seconds += seconds

    def measure_drift(self) -> None:
        """Compare the requests of deployments that are due."""
        self._loop.run(self.server._drift_monitor.look())

    def purge_tenants(self) -> None:
        """Purge deleted tenants at once, as another server would, and let this one find out."""
        TenantPurge(database=self.database, artifacts=self.artifacts, settling=timedelta()).purge_due()
        self._loop.run(self.server._purger.look())

    def write_last_uses(self) -> None:
        """Store when keys were last used."""
        self._loop.run(self.server._last_uses.write())

    def settle_refusals(self) -> None:
        """Store the refused calls that were counted so far."""
        self._loop.run(self.server._refusals.write())

    def settle_captures(self) -> None:
        """Store what the server has captured so far."""
        self._loop.run(self.server._captures.write())

    def begin_stop(self, grace_seconds: float) -> threading.Thread:
        """Begin to drain and return at once."""
        thread = threading.Thread(target=self.stop, args=(grace_seconds,))
        thread.start()
        return thread

    def stop(self, grace_seconds: float = 0.0) -> None:
        """Drain and stop; a second call does nothing."""
        if self._stopped:
            return
        self._stopped = True
        self._loop.run(self.server.stop(grace_seconds))
        for channel in self._channels:
            channel.close()
        self.database.close()
        shutil.rmtree(self._socket_folder, ignore_errors=True)

    def tune_by_hand(
        self,
        experiment: str,
        *,
        text: str = "Classify the complaint:",
        suspect_rows: SuspectRows | None = None,
        calibration: AnswerCalibration | None = None,
        curve: Sequence[Snapshot] = (),
    ) -> str:
        """Act as the worker for a queued experiment; the prompt is an embedded text, without training.

        Args:
            curve: Points of a learning curve, which is sent before the end.

        Returns:
            The name of the tuned model.
        """
        lease = self.queue.lease("by hand", timedelta(seconds=60))
        assert lease is not None
        assert experiment.endswith(lease.experiment.id), "another experiment was queued earlier"
        if curve:
            self.queue.heartbeat([Beat(lease=lease, snapshots=curve)], duration=timedelta(seconds=60))
        model = dataclasses.replace(self._make_tuned_model(lease.experiment, text), answer_calibration=calibration)
        self.queue.succeed(
            lease,
            tuned_model=model,
            evaluations=(),
            curve_advice="",
            suspect_rows=suspect_rows,
            compute_seconds=1.0,
        )
        return f"tenants/{model.tenant}/tunedModels/{model.id}"

    def evaluate(self, name: str, failpoint: Callable[[str], None] = lambda _: None) -> None:
        """Act as the worker for a queued evaluation or batch job.

        Args:
            failpoint: As in `Workshop`.
        """
        lease = self.queue.lease("by hand", timedelta(seconds=60))
        assert lease is not None
        assert lease.name == name, "another job was queued earlier"
        workshop = Workshop(
            settings=self.settings,
            plugins=self.plugins,
            database=self.database,
            artifacts=self.artifacts,
            checkpoints=self.checkpoints,
            queue=self.queue,
            failpoint=failpoint,
        )
        with (
            Heartbeats(self.queue, duration=timedelta(seconds=60), stop=threading.Event()) as heartbeats,
            heartbeats.of(lease) as heartbeat,
        ):
            kind = BatchRun if lease.kind is JobKind.BATCH else EvaluationRun
            run = kind(workshop, lease, heartbeat)
            SlicedMember(workshop, run, lease, heartbeat).work(lambda _, base: base.load(device="cpu", dtype="float32"))

    def _make_tuned_model(self, experiment: TuneExperiment, text: str) -> TunedModel:
        config, plan = experiment.config, experiment.plan
        method = self.plugins.tuning_methods.items[config.tuning_type]
        base = shared_base_models()[config.base_model]
        parameters = dataclasses.replace(plan.parameters, init_method="text", init_text=text, num_virtual_tokens=8)
        loaded = base.load(device="cpu", dtype="float32")
        artifact = method.start(loaded, parameters, (), torch.Generator().manual_seed(0)).finish()
        files = adapter_files(method, artifact, base.spec)
        id = uuid.uuid4().hex[:20]
        prefix = f"tenants/{experiment.tenant}/tunedModels/{id}"
        self.artifacts.write(prefix, files)
        return TunedModel(
            tenant=experiment.tenant,
            id=id,
            display_name=experiment.display_name,
            base_model=config.base_model,
            tune_experiment=experiment.id,
            dataset=config.dataset,
            task=config.task,
            tuning_type=config.tuning_type,
            verbalizer=config.verbalizer,
            schema=plan.schema,
            labels=plan.labels,
            multi_label=plan.multi_label,
            artifact=prefix,
            content_sha256=hashlib.sha256(files[TENSORS_FILE]).hexdigest(),
            byte_size=len(files[TENSORS_FILE]),
            num_virtual_tokens=artifact.context_tokens,
            max_input_tokens=plan.parameters.max_input_tokens,
            max_output_tokens=plan.parameters.max_output_tokens,
            provenance={
                **seen_rows(self.database, experiment, find_start(self.database, experiment)),
                "adapter_config": hashlib.sha256(files[CONFIG_FILE]).hexdigest(),
            },
            evaluations=(),
            creator=experiment.creator,
            create_time=self.database.now(),
        )


class ServerFactory:
    """A function that starts servers, by default each with its own home: `start_server(drain_seconds=1.0)`."""

    def __init__(self, loop: EventLoopThread, folder: Path) -> None:
        self._loop = loop
        self._folder = folder
        self._started: list[RunningServer] = []

    def __call__(self, *, delivery_times: DeliveryTimes | None = None, **settings: Any) -> RunningServer:
        values = {
            "home": self._folder / f"home-{len(self._started)}",
            "port": 0,
            "dev": True,
            "workers": 0,
            "metrics": False,
            **settings,
        }
        Path(values["home"]).mkdir(parents=True, exist_ok=True)
        server = RunningServer(self._loop, Settings(**values), delivery_times)
        self._started.append(server)
        return server

    def stop_all(self) -> None:
        """Stop the servers that still run."""
        for server in self._started:
            server.stop()


@contextmanager
def running_servers(folder: Path) -> Iterator[ServerFactory]:
    """Yield a factory of servers that all end with the block."""
    loop = EventLoopThread()
    factory = ServerFactory(loop, folder)
    try:
        yield factory
    finally:
        factory.stop_all()
        loop.close()


class _KeySender(
    grpc.UnaryUnaryClientInterceptor,
    grpc.UnaryStreamClientInterceptor,
    grpc.StreamUnaryClientInterceptor,
    grpc.StreamStreamClientInterceptor,
):
    """An interceptor that adds a key to every call."""

    def __init__(self, key: str) -> None:
        self._metadata = ("authorization", f"Bearer {key}")

    def _with_key(self, details: grpc.ClientCallDetails) -> grpc.ClientCallDetails:
        changed = grpc.ClientCallDetails()
        changed.method = details.method
        changed.timeout = details.timeout
        changed.metadata = [*(details.metadata or ()), self._metadata]
        changed.credentials = details.credentials
        changed.wait_for_ready = details.wait_for_ready
        changed.compression = details.compression
        return changed

    def intercept_unary_unary(self, continuation, client_call_details, request):
        return continuation(self._with_key(client_call_details), request)

    intercept_unary_stream = intercept_unary_unary
    intercept_stream_unary = intercept_unary_unary
    intercept_stream_stream = intercept_unary_unary
