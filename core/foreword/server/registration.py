"""The services of the server, and what they are made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from foreword.config import Settings
from foreword.inference.interfaces import EngineClient
from foreword.plugin.manager import PluginManager
from foreword.server.callers.auth import Authenticator
from foreword.server.callers.rate_quotas import RateQuotas
from foreword.server.calls.pools import Pools
from foreword.server.captures.drift import DriftMeasurer
from foreword.server.captures.export import CaptureExporter
from foreword.server.captures.recorder import CaptureRecorder
from foreword.server.captures.redaction import Redactor
from foreword.server.captures.seen import AnswerCapture
from foreword.server.endpoint.health import Health
from foreword.server.inference.model_resolver import ModelResolver
from foreword.server.inference.prober import Prober
from foreword.server.inference.traffic import Traffic
from foreword.server.jobs.answer_retries import AnswerRetrier
from foreword.server.jobs.comparisons import ExperimentComparer
from foreword.server.jobs.retries import ExperimentRetrier
from foreword.server.jobs.watches import Watches
from foreword.server.metrics.server_metrics import ServerMetrics
from foreword.server.plans.batch_jobs import BatchPlanner
from foreword.server.plans.deploy_gate import DeployGate
from foreword.server.plans.evaluations import EvaluationPlanner
from foreword.server.plans.experiments import Planner
from foreword.server.plans.token_counts import TokenCounters
from foreword.server.services.audit import AuditService
from foreword.server.services.batch_job import BatchJobService
from foreword.server.services.capture import CaptureService
from foreword.server.services.catalog import CatalogService
from foreword.server.services.dataset import DatasetService
from foreword.server.services.deployment import DeploymentService
from foreword.server.services.evaluation import EvaluationService
from foreword.server.services.inference import InferenceService
from foreword.server.services.saved_prompt import SavedPromptService
from foreword.server.services.tenant import TenantService
from foreword.server.services.tune_experiment import TuneExperimentService
from foreword.server.services.tune_sweep import TuneSweepService
from foreword.server.services.tuned_model import TunedModelService
from foreword.server.services.usage import UsageService
from foreword.server.services.webhook import WebhookService
from foreword.server.uploads.budget import UploadBudget
from foreword.server.uploads.chunks import UploadChecker
from foreword.server.uploads.dataset_store import DatasetStore
from foreword.server.usage.accounted_engine import AccountedEngine
from foreword.server.usage.meter import UsageMeter
from foreword.server.webhooks.deliveries import Deliveries
from foreword.storage.artifacts.checkpoints import CheckpointStore
from foreword.storage.artifacts.deletions import ArtifactDeletions
from foreword.storage.artifacts.publication import ArtifactPublisher
from foreword.storage.artifacts.store import ArtifactStore
from foreword.storage.database import Database
from foreword.tuning.planning.speed import TuningSpeed
from foreword.tuning.planning.worker_memory import WorkerMemory
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

SERVICES = tuple(
    f"foreword.v1.{service}"
    for service in (
        "AuditService",
        "BatchJobService",
        "CaptureService",
        "CatalogService",
        "DatasetService",
        "DeploymentService",
        "EvaluationService",
        "InferenceService",
        "SavedPromptService",
        "TenantService",
        "TuneExperimentService",
        "TuneSweepService",
        "TunedModelService",
        "UsageService",
        "WebhookService",
    )
)
"""Full names of the services."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Services:
    """What the services share.

    Attributes:
        deletions: Deletes files that no row refers to.
        engine: The engine with the hooks of plugins.
        metrics: Counts what happens; None for no metrics.
    """

    settings: Settings
    plugins: PluginManager
    database: Database
    artifacts: ArtifactStore
    deletions: ArtifactDeletions
    checkpoints: CheckpointStore
    pools: Pools
    watches: Watches
    deliveries: Deliveries
    redactor: Redactor
    drift: DriftMeasurer
    engine: EngineClient
    authenticator: Authenticator
    rates: RateQuotas
    meter: UsageMeter
    models: ModelResolver
    prober: Prober
    traffic: Traffic
    captures: CaptureRecorder
    health: Health
    metrics: ServerMetrics | None

    def add_to(self, server: grpc.aio.Server) -> None:
        """Add every service to a server, with its health and reflection."""
        settings, metrics = self.settings, self.metrics
        tokens = TokenCounters()
        checker = UploadChecker(
            plugins=self.plugins,
            tokens=tokens,
            work=self.pools.work,
            max_bytes=settings.max_dataset_bytes,
            folder=settings.home_folder,
        )
        speed = TuningSpeed(device=settings.device, dtype=settings.dtype)
        planner = Planner(
            database=self.database,
            artifacts=self.artifacts,
            plugins=self.plugins,
            tokens=tokens,
            default_base_model=settings.default_base_model,
            speed=speed,
            memory=WorkerMemory.of(
                workers=settings.workers, most_runs=settings.max_runs_per_worker, device=settings.device
            ),
        )
        database, artifacts, plugins, storage = self.database, self.artifacts, self.plugins, self.pools.storage
        publisher = ArtifactPublisher(database=database, artifacts=artifacts)
        answer_retrier = AnswerRetrier(
            database=database,
            artifacts=artifacts,
            publisher=publisher,
            plugins=plugins,
            max_queued=settings.max_queued_experiments,
        )
        store = DatasetStore(database=database, artifacts=artifacts)
        budget = UploadBudget(settings.max_open_upload_bytes)
        accounted = AccountedEngine(self.engine, self.meter, self.rates)
        servicers: Sequence[tuple[Callable[[Any, Any], None], object]] = (
            (
                audit_service_pb2_grpc.add_AuditServiceServicer_to_server,
                AuditService(database=database, storage=storage),
            ),
            (
                batch_job_service_pb2_grpc.add_BatchJobServiceServicer_to_server,
                BatchJobService(
                    database=database,
                    artifacts=artifacts,
                    deletions=self.deletions,
                    planner=BatchPlanner(
                        database=database, artifacts=artifacts, plugins=plugins, tokens=tokens, speed=speed
                    ),
                    retrier=answer_retrier,
                    models=self.models,
                    pools=self.pools,
                    watches=self.watches,
                    max_queued=settings.max_queued_experiments,
                    heartbeat_seconds=settings.watch_heartbeat_seconds,
                ),
            ),
            (
                capture_service_pb2_grpc.add_CaptureServiceServicer_to_server,
                CaptureService(
                    database=database,
                    models=self.models,
                    recorder=self.captures,
                    redactor=self.redactor,
                    exporter=CaptureExporter(
                        database=database, checker=checker, store=store, budget=budget, pools=self.pools
                    ),
                    drift=self.drift,
                    storage=storage,
                    work=self.pools.work,
                    max_tenant_bytes=settings.max_captured_bytes,
                    count=None if metrics is None else metrics.count_feedback,
                ),
            ),
            (
                catalog_service_pb2_grpc.add_CatalogServiceServicer_to_server,
                CatalogService(plugins=plugins, aliases=settings.base_model_aliases),
            ),
            (
                dataset_service_pb2_grpc.add_DatasetServiceServicer_to_server,
                DatasetService(
                    database=database,
                    artifacts=artifacts,
                    deletions=self.deletions,
                    checker=checker,
                    store=store,
                    budget=budget,
                    pools=self.pools,
                ),
            ),
            (
                deployment_service_pb2_grpc.add_DeploymentServiceServicer_to_server,
                DeploymentService(
                    database=database,
                    plugins=plugins,
                    models=self.models,
                    prober=self.prober,
                    gate=DeployGate(database=database, plugins=plugins),
                    storage=storage,
                    max_captured_bytes=settings.max_captured_bytes,
                ),
            ),
            (
                evaluation_service_pb2_grpc.add_EvaluationServiceServicer_to_server,
                EvaluationService(
                    database=database,
                    artifacts=artifacts,
                    deletions=self.deletions,
                    planner=EvaluationPlanner(database=database, artifacts=artifacts, plugins=plugins, speed=speed),
                    retrier=answer_retrier,
                    models=self.models,
                    pools=self.pools,
                    watches=self.watches,
                    max_queued=settings.max_queued_experiments,
                    heartbeat_seconds=settings.watch_heartbeat_seconds,
                ),
            ),
            (
                inference_service_pb2_grpc.add_InferenceServiceServicer_to_server,
                InferenceService(
                    engine=metrics.metered(accounted) if metrics else accounted,
                    models=self.models,
                    traffic=self.traffic,
                    captures=AnswerCapture(self.captures),
                    rates=self.rates,
                    parsing=self.pools.parsing,
                ),
            ),
            (
                saved_prompt_service_pb2_grpc.add_SavedPromptServiceServicer_to_server,
                SavedPromptService(database=database, pools=self.pools),
            ),
            (
                tenant_service_pb2_grpc.add_TenantServiceServicer_to_server,
                TenantService(database=database, storage=storage, authenticator=self.authenticator),
            ),
            (
                tune_experiment_service_pb2_grpc.add_TuneExperimentServiceServicer_to_server,
                TuneExperimentService(
                    database=database,
                    deletions=self.deletions,
                    planner=planner,
                    comparer=ExperimentComparer(
                        database=database, artifacts=artifacts, plugins=plugins, pools=self.pools
                    ),
                    retrier=ExperimentRetrier(
                        database=database,
                        publisher=publisher,
                        checkpoints=self.checkpoints,
                        plugins=plugins,
                        max_queued=settings.max_queued_experiments,
                    ),
                    pools=self.pools,
                    watches=self.watches,
                    max_queued=settings.max_queued_experiments,
                    heartbeat_seconds=settings.watch_heartbeat_seconds,
                ),
            ),
            (
                tune_sweep_service_pb2_grpc.add_TuneSweepServiceServicer_to_server,
                TuneSweepService(
                    database=database,
                    deletions=self.deletions,
                    planner=planner,
                    pools=self.pools,
                    max_queued=settings.max_queued_experiments,
                ),
            ),
            (
                tuned_model_service_pb2_grpc.add_TunedModelServiceServicer_to_server,
                TunedModelService(
                    database=database,
                    artifacts=artifacts,
                    deletions=self.deletions,
                    models=self.models,
                    pools=self.pools,
                ),
            ),
            (
                usage_service_pb2_grpc.add_UsageServiceServicer_to_server,
                UsageService(database=database, storage=storage, rates=self.rates, meter=self.meter),
            ),
            (
                webhook_service_pb2_grpc.add_WebhookServiceServicer_to_server,
                WebhookService(database=database, storage=storage, deliveries=self.deliveries),
            ),
            (health_pb2_grpc.add_HealthServicer_to_server, self.health),
        )
        for add, servicer in servicers:
            add(servicer, server)
        health = health_pb2.DESCRIPTOR.services_by_name["Health"].full_name
        reflection.enable_server_reflection((*SERVICES, health, reflection.SERVICE_NAME), server)
