"""The server, which assembles, starts and drains the services."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import grpc
from grpc_health.v1 import health_pb2

from foreword.addresses import parse_networks
from foreword.config import Settings
from foreword.domain.webhook import Attempt
from foreword.errors import FailedPreconditionError, ForewordError, UnavailableError
from foreword.inference.interfaces import EngineClient
from foreword.installation import install_command
from foreword.observability.logging import get_logger
from foreword.observability.loop_watchdog import LoopWatchdog
from foreword.plugin.manager import PluginManager
from foreword.server.audit.layer import AuditLayer, describe_request
from foreword.server.audit.refused_calls import RefusedCalls
from foreword.server.callers.auth import DEV_TENANT, Authenticator
from foreword.server.callers.certificates import ClientCertificates
from foreword.server.callers.failed_keys import FailedKeys
from foreword.server.callers.last_uses import LastUses
from foreword.server.callers.open_calls import OpenCalls
from foreword.server.callers.own_reads import readable_answer
from foreword.server.callers.rate_quotas import RateQuotas
from foreword.server.callers.refusals import SlowRefusals
from foreword.server.calls.access_log import log_access
from foreword.server.calls.hold_log import HoldLog
from foreword.server.calls.interceptors import CallInterceptor, Layer, answer_errors
from foreword.server.calls.message_coding import MessageCoder
from foreword.server.calls.outcomes import OutcomeListener, Outcomes
from foreword.server.calls.pools import WRITE_SECONDS, Pools
from foreword.server.captures.drift import DriftMeasurer, DriftMonitor
from foreword.server.captures.recorder import CaptureRecorder
from foreword.server.captures.redaction import Redactor
from foreword.server.endpoint.grpc_server import create_server
from foreword.server.endpoint.health import Health
from foreword.server.endpoint.listening import check_listening, listen, listen_privately
from foreword.server.endpoint.memory_trim import keep_trimming
from foreword.server.endpoint.server_options import server_options
from foreword.server.inference.hooked_engine import HookedEngine, hooked
from foreword.server.inference.model_resolver import ModelResolver
from foreword.server.inference.prober import Prober
from foreword.server.inference.rollout_clock import RolloutClock
from foreword.server.inference.rollout_recorder import RolloutRecorder
from foreword.server.inference.shadows import Shadows
from foreword.server.inference.traffic import Traffic
from foreword.server.jobs.watches import Watches
from foreword.server.metrics.server_metrics import ServerMetrics
from foreword.server.registration import SERVICES, Services
from foreword.server.tenants.purger import TenantPurger
from foreword.server.usage.meter import UsageMeter
from foreword.server.webhooks.deliveries import Deliveries, DeliveryTimes
from foreword.storage.artifacts.checkpoints import CheckpointStore
from foreword.storage.artifacts.deletions import ArtifactDeletions
from foreword.storage.artifacts.store import ArtifactStore
from foreword.storage.audit.action import Action, acting
from foreword.storage.captures.ledger import CaptureLedger
from foreword.storage.captures.retention import CaptureRetention
from foreword.storage.database import Database
from foreword.storage.repositories.audit_log import AuditLog
from foreword.storage.repositories.key_ids import key_ids
from foreword.storage.repositories.tenants import TenantRepository
from foreword.storage.tenant_purge import TenantPurge
from foreword.storage.usage.journal import UsageJournal
from foreword.storage.usage.quotas import QuotaRepository
from foreword.storage.usage.repository import UsageRetention
from foreword.storage.workers.abandoned_jobs import AbandonedJobs
from foreword.storage.workers.delivery_queue import Result
from foreword.turns.turn_pool import SERVICE, TurnPool

if TYPE_CHECKING:  # they need PyJWT and OpenTelemetry
    from foreword.server.callers.tokens.verifier import TokenVerifier
    from foreword.server.traces.server_traces import ServerTraces

_HOUSEKEEPING_SECONDS = 60.0
_NOTICE_SECONDS = 5.0
"""Maximum time for plugins to receive the outcomes of the last requests when the server stops."""
_log = get_logger("server")


class LocalEngine(EngineClient, Protocol):
    """An engine that starts and stops with the server."""

    def start(self, on_lost: Callable[[], object]) -> None:
        """Start the engine. It calls `on_lost`, on any thread, if it fails and can no longer answer requests."""
        ...

    @property
    def tenants(self) -> frozenset[str]:
        """Ids of the tenants of which something is in memory."""
        ...

    def forget_tenant(self, tenant: str) -> None:
        """Drop what is in memory of a tenant."""
        ...

    def stop(self) -> None:
        """Stop the engine and block until its thread has ended. Running requests fail with UnavailableError."""
        ...


class ForewordServer:
    """The gRPC server with its background tasks on the event loop.

    Args:
        database: A migrated database, which the caller closes.
        engine: The engine, which is started and stopped with the server.
        dev_key: Whether the key `dev` of tenant `dev` is valid; loopback only. The key is not stored.
        metrics: Counts what happens, and is served with the server; None for no metrics.
        traces: Records spans; None for no traces.
        private_socket: Path of a Unix socket to listen on as well; see `listen_privately`.
        on_engine_lost: Called on the event loop if the engine has failed. Health reports NOT_SERVING. The caller should
            stop the server and end the process, because only a new process can use a lost device again.
        delivery_times: Times and limits of the deliveries of events to webhooks.
        clock: Clock of monotonic time in seconds, for the age of cached keys and models.
        now: Returns the wall-clock time, for the expiry of keys.

    Attributes:
        holds: Requests that held the event loop for too long.

    Raises:
        InvalidArgumentError: The address needs TLS, or `insecure`.
    """

    def __init__(
        self,
        *,
        settings: Settings,
        plugins: PluginManager,
        database: Database,
        artifacts: ArtifactStore,
        engine: LocalEngine,
        dev_key: bool = False,
        metrics: ServerMetrics | None = None,
        traces: ServerTraces | None = None,
        private_socket: Path | None = None,
        on_engine_lost: Callable[[], object] = lambda: None,
        delivery_times: DeliveryTimes | None = None,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        check_listening(settings, dev_key=dev_key)
        self._settings = settings
        self._plugins = plugins
        self._database = database
        self._artifacts = artifacts
        self._deletions = ArtifactDeletions(database=database, artifacts=artifacts)
        self._engine = engine
        self._dev_key = dev_key
        self._private_socket = private_socket
        self._on_engine_lost = on_engine_lost
        self._clock = clock
        self._now = now
        self._tenants = TenantRepository(database)
        database.default_quotas = settings.default_quotas
        self._pools = Pools(database_waits=not database.is_sqlite)
        self._open_calls = OpenCalls()
        self._last_uses = LastUses(self._tenants, self._pools.storage, now)
        self._trusted_proxies = parse_networks(settings.trusted_proxies)
        self._audit_log = AuditLog(database)
        self._refusals = RefusedCalls(self._audit_log, self._pools.storage, trusted_proxies=self._trusted_proxies)
        self._rates = RateQuotas(QuotaRepository(database), self._pools.storage, clock)
        self._meter = UsageMeter(UsageJournal(settings.usage_folder, database), self._pools.storage, now)
        self._failed_keys = FailedKeys(per_minute=settings.max_failed_keys_per_minute)
        self._watches = Watches(database, storage=self._pools.storage, max_per_tenant=settings.max_watches)
        self._deliveries = Deliveries(
            settings=settings, database=database, pools=self._pools, times=delivery_times, on_attempt=self._attempted
        )
        self._health = Health()
        self.holds = HoldLog(self._clock)
        self._watchdog = LoopWatchdog(settings.loop_hold_milliseconds / 1000, self.holds.add)
        self._traces = traces
        traced = engine if traces is None else traces.traced(engine)
        self._hooked_engine = hooked(traced, plugins, before=self._pools.hooks, after=self._pools.notices)
        self._metrics = metrics
        self._purger = TenantPurger(
            database=database,
            purge=TenantPurge(database=database, artifacts=artifacts),
            pools=self._pools,
            memories=(engine, self._rates, *(() if metrics is None else (metrics,))),
        )
        if metrics is not None:
            metrics.watch(
                engine=engine,
                database=database,
                holds=self.holds,
                base_models=plugins.base_models.items,
                waiting_usage=self._meter.waiting_bytes,
            )
        self._server: grpc.aio.Server | None = None
        self._background: list[asyncio.Task[None]] = []
        self._announcing: asyncio.Task[None] | None = None
        self._recorder: RolloutRecorder | None = None
        self._captures: CaptureRecorder | None = None
        self._redactor = Redactor(plugins)
        self._drift = DriftMeasurer(database=database, artifacts=artifacts, plugins=plugins, redactor=self._redactor)
        self._drift_monitor = DriftMonitor(database=database, measurer=self._drift, pools=self._pools)
        self._shadows: Shadows | None = None

    async def start(self) -> int:
        """Start the server and return its port.

        Raises:
            FailedPreconditionError: The port is in use.
        """
        authenticator = Authenticator(
            self._tenants,
            self._pools.keys,
            self._failed_keys,
            strangers=self._pools.strange_keys,
            ids=await asyncio.to_thread(key_ids, self._database),
            tokens=self._token_verifier(),
            certificates=ClientCertificates(self._settings.tls_clients) if self._settings.tls_clients else None,
            calls=self._open_calls,
            uses=self._last_uses,
            trusted_proxies=self._trusted_proxies,
            dev_key=self._dev_key,
            clock=self._clock,
            now=self._now,
        )
        listeners: list[OutcomeListener] = []
        if self._settings.access_log:
            listeners.append(log_access)
        if self._metrics is not None:
            listeners.append(self._metrics.count_call)
        outer: list[Layer] = []
        if self._traces is not None:
            listeners.append(self._traces.ended)
            outer.append(self._traces.layer)
        listeners.append(self._refusals.count)
        layers = (
            Outcomes(listeners, self._clock).layer,
            answer_errors,
            SlowRefusals().layer,
            authenticator.layer,
            self._rates.layer,
            AuditLayer(self._trusted_proxies).layer,
        )
        coder = MessageCoder(self._pools.parsing, describe_request)
        interceptor = CallInterceptor((*outer, *layers), coder, readable_answer)
        server = create_server([interceptor], server_options(self._settings))
        port = listen(server, self._settings)
        if self._private_socket is not None:
            listen_privately(server, self._private_socket)
        if self._dev_key:
            with acting(Action(method="CreateDevelopmentTenant")):
                await asyncio.to_thread(self._tenants.ensure_tenant, DEV_TENANT)
        loop = asyncio.get_running_loop()
        self._engine.start(lambda: loop.call_soon_threadsafe(self._engine_lost))
        storage = self._pools.storage
        models = ModelResolver(database=self._database, plugins=self._plugins, storage=storage, clock=self._clock)
        prober = Prober(database=self._database, engine=self._engine, models=models, storage=storage)
        recorder = self._recorder = RolloutRecorder(database=self._database, storage=storage, models=models)
        clock = RolloutClock(database=self._database, storage=storage, recorder=recorder)
        self._shadows = Shadows(engine=self._hooked_engine, recorder=recorder)
        traffic = Traffic(recorder=recorder, shadows=self._shadows)
        captures = self._captures = CaptureRecorder(
            ledger=CaptureLedger(self._database, max_tenant_bytes=self._settings.max_captured_bytes),
            redactor=self._redactor,
            work=self._pools.work,
            storage=storage,
            count=None if self._metrics is None else self._metrics.count_captured,
        )
        key = await asyncio.to_thread(self._database.shared_key, "checkpoints")
        checkpoints = await asyncio.to_thread(CheckpointStore, self._settings.resolved_artifacts_url, key=key)
        Services(
            settings=self._settings,
            plugins=self._plugins,
            database=self._database,
            artifacts=self._artifacts,
            deletions=self._deletions,
            checkpoints=checkpoints,
            pools=self._pools,
            watches=self._watches,
            deliveries=self._deliveries,
            redactor=self._redactor,
            drift=self._drift,
            engine=self._hooked_engine,
            authenticator=authenticator,
            rates=self._rates,
            meter=self._meter,
            models=models,
            prober=prober,
            traffic=traffic,
            captures=captures,
            health=self._health,
            metrics=self._metrics,
        ).add_to(server)
        for service in ("", *SERVICES):
            await self._health.set(service, health_pb2.HealthCheckResponse.SERVING)
        await server.start()
        self._server = server
        if self._metrics is not None:
            await asyncio.to_thread(self._metrics.start)
        self._watchdog.start()
        self._background = [
            asyncio.create_task(self._open_calls.run(), name="open calls"),
            asyncio.create_task(self._last_uses.run(), name="last uses"),
            asyncio.create_task(prober.run(), name="prober"),
            asyncio.create_task(recorder.run(), name="rollouts"),
            asyncio.create_task(captures.run(), name="captures"),
            asyncio.create_task(self._meter.run(), name="usage"),
            asyncio.create_task(self._drift_monitor.run(), name="drift"),
            asyncio.create_task(clock.run(), name="rollout clock"),
            asyncio.create_task(self._preload(), name="preload"),
            asyncio.create_task(self._keep_house(), name="housekeeping"),
            asyncio.create_task(self._purger.run(), name="purges"),
            asyncio.create_task(self._deliveries.dispatcher.run(), name="webhooks"),
            asyncio.create_task(self._refusals.run(), name="refused calls"),
            asyncio.create_task(keep_trimming(), name="memory"),
        ]
        _log.info("listening", host=self._settings.host, port=port, tls=self._settings.tls_certificate is not None)
        return port

    async def wait(self) -> None:
        """Wait until the server has stopped."""
        assert self._server is not None, "start first"
        await self._server.wait_for_termination()

    async def stop(self, grace_seconds: float | None = None) -> None:
        """Drain and stop the server: report NOT_SERVING, reject new requests, and wait for running ones to finish.

        Args:
            grace_seconds: Maximum time for running requests. Default: the setting `drain_seconds`.
        """
        if self._server is None:
            return
        grace = self._settings.drain_seconds if grace_seconds is None else grace_seconds
        server, self._server = self._server, None
        _log.info("draining", grace_seconds=grace)
        await self._health.enter_graceful_shutdown()
        self._watches.close()
        for task in self._background:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        await asyncio.gather(server.stop(grace), self._deliveries.dispatcher.drain(grace))
        if self._shadows is not None and self._recorder is not None:
            await self._shadows.close()
            await self._recorder.write()
        if self._captures is not None:
            await self._captures.write()
        with contextlib.suppress(UnavailableError):  # the database has logged the cause
            await self._last_uses.write()
        await self._refusals.write()
        # No caller waits any more: the engine holds only requests that were cut off.
        await asyncio.to_thread(self._engine.stop)
        await asyncio.to_thread(self._meter.close)
        if isinstance(self._hooked_engine, HookedEngine):
            await self._hooked_engine.finish(_NOTICE_SECONDS)
        if self._metrics is not None:
            await asyncio.to_thread(self._metrics.stop)
        self._pools.close()
        self._failed_keys.close()
        self._watchdog.stop()

    def _token_verifier(self) -> TokenVerifier | None:
        """Return the check of tokens; None if no issuer is configured.

        Raises:
            FailedPreconditionError: The extra `oidc` is not installed.
        """
        settings = self._settings
        if not settings.oidc_issuers:
            return None
        try:
            from foreword.server.callers.tokens.verifier import TokenVerifier
        except ModuleNotFoundError as error:
            raise FailedPreconditionError(
                f"FOREWORD_OIDC_ISSUERS needs the package {error.name!r}, which is not installed. Install it with: "
                f"{install_command('oidc')}",
                reason="EXTRA_MISSING",
            ) from error
        skew = timedelta(seconds=settings.oidc_clock_skew_seconds)
        return TokenVerifier(settings.oidc_issuers, clock_skew=skew, clock=self._clock, now=self._now)

    def _engine_lost(self) -> None:
        self._announcing = asyncio.create_task(self._health.enter_graceful_shutdown(), name="engine lost")
        self._on_engine_lost()

    def _attempted(self, attempt: Attempt, result: Result) -> None:
        if self._metrics is not None:
            self._metrics.count_attempt(attempt, result)

    async def _preload(self) -> None:
        """Load the base models that the operator named. After a failure, a model is loaded on first use."""
        for name in self._settings.preload_base_models:
            try:
                await self._engine.preload(self._plugins.base_model(name).spec.id)
            except ForewordError as error:
                _log.warning("preload_failed", base_model=name, reason=error.reason, error=error.message)
            except Exception:  # the root of a task that runs third-party code; the other models are still loaded
                _log.exception("preload_failed", base_model=name)

    async def _keep_house(self) -> None:
        """Delete files that were left when a process died or the store was unavailable, and what has expired.

        Cancellations that were left to workers which have died are carried out.
        """
        retention = CaptureRetention(self._database)
        usage = UsageRetention(self._database, days=self._settings.usage_retention_days)
        chores: Sequence[tuple[TurnPool, Callable[[], object]]] = (
            (self._pools.files, self._deletions.delete_due),
            (self._pools.storage, retention.delete_expired),
            (self._pools.storage, usage.delete_expired),
            (self._pools.storage, AbandonedJobs(self._database).end),
        )
        if self._settings.audit_retention_days:
            kept = timedelta(days=self._settings.audit_retention_days)
            chores = (*chores, (self._pools.storage, partial(self._audit_log.delete_expired, kept)))
        while True:
            for pool, chore in chores:
                try:
                    await pool.run(SERVICE, WRITE_SECONDS, chore)
                except UnavailableError:
                    pass  # the database has logged the cause once; it may recover
                except Exception:  # the root of a background task
                    _log.exception("housekeeping_failed")
            await asyncio.sleep(_HOUSEKEEPING_SECONDS)
