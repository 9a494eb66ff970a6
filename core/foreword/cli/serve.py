"""`foreword serve`: construction of the service, which runs until it is stopped."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from foreword.cli.settings import home_option, make_home, read_settings, warn_of_misspelt_variables, warn_of_open_files
from foreword.cli.threads import change_threads_often, let_idle_threads_sleep
from foreword.errors import FailedPreconditionError, InternalError

if TYPE_CHECKING:
    from foreword.cli.serve_http import HttpProcess
    from foreword.config import Settings
    from foreword.inference.engine.engine import InferenceEngine
    from foreword.observability.tracing import Tracing
    from foreword.plugin.manager import PluginManager
    from foreword.server.metrics.server_metrics import ServerMetrics
    from foreword.server.traces.server_traces import ServerTraces
    from foreword.storage.artifacts.store import ArtifactStore
    from foreword.storage.database import Database

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command(short_help="Run the service.")
@click.option(
    "--dev", is_flag=True, default=None, help="Development mode: loopback only, with the tenant dev and the key dev."
)
@click.option("--host", help="Address to listen on.  [default: 127.0.0.1]")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on; 0 for a free one.  [default: 50051]")
@home_option
@click.option("--workers", type=click.IntRange(0, 64), help="Number of worker processes.  [default: 1]")
@click.option(
    "--http/--no-http", default=None, help="Whether to offer the service over HTTP too.  [default: on 127.0.0.1:8051]"
)
@click.option("--tls-certificate", type=_FILE, help="PEM file with the certificate chain.")
@click.option("--tls-private-key", type=_FILE, help="PEM file with the private key.")
@click.option("--insecure", is_flag=True, default=None, help="Allow plain text on addresses other than loopback.")
@click.option(
    "--log-level", type=click.Choice(["debug", "info", "warning", "error"]), help="Minimum log level.  [default: info]"
)
@click.option("--until-stdin-closes", is_flag=True, hidden=True, help="Also stop when the parent process ends.")
def serve(*, until_stdin_closes: bool, **flags: Any) -> None:
    """Run the service.

    The API and inference run in this process, tuning in a worker process, HTTP in a third one. On SIGTERM or Ctrl-C,
    running requests are completed, and tuning runs are resumed at the next start. Other settings are environment
    variables; see deploy/settings.md.
    """
    let_idle_threads_sleep()
    change_threads_often()
    from foreword.observability import logging

    settings = read_settings(**flags)
    warn_of_misspelt_variables(os.environ)
    logging.configure(settings.log_level, settings.log_format)
    asyncio.run(_serve(settings, until_stdin_closes))


async def _serve(settings: Settings, until_stdin_closes: bool) -> None:
    from foreword import __version__
    from foreword.cli.serve_http import HttpProcess
    from foreword.observability.tracing import Tracing
    from foreword.plugin.manager import PluginManager
    from foreword.plugin.memory import spare_collections
    from foreword.scheduling.executor import LocalExecutor
    from foreword.scheduling.parent import when_stdin_closes
    from foreword.server.app import ForewordServer
    from foreword.server.metrics.server_metrics import ServerMetrics
    from foreword.storage.artifacts.store import ArtifactStore
    from foreword.storage.database import Database

    tracing = Tracing(service="foreword-server", version=__version__) if settings.traces else None
    make_home(settings)
    database = Database(settings.resolved_database_url)
    http = HttpProcess.prepare(settings) if settings.http else None
    try:
        database.migrate()
        if not settings.dev:
            _require_tenant(database, settings)
        plugins = PluginManager.load(settings.plugins, settings.base_model_aliases)
        _warn_of_failed_plugins(plugins)
        artifacts = ArtifactStore(settings.resolved_artifacts_url)
        warn_of_open_files(settings, database.file, artifacts.folder)
        metrics = ServerMetrics(settings) if settings.metrics else None
        stop, lost = _stop_signal(), asyncio.Event()

        def end() -> None:
            lost.set()
            stop.set()

        server = ForewordServer(
            settings=settings,
            plugins=plugins,
            database=database,
            artifacts=artifacts,
            engine=_engine(settings, plugins, artifacts, metrics),
            dev_key=settings.dev,
            metrics=metrics,
            traces=_traces(tracing) if tracing is not None else None,
            private_socket=http.service_socket if http is not None else None,
            on_engine_lost=end,
        )
        executor = LocalExecutor(settings, settings.workers)
        if until_stdin_closes:
            loop = asyncio.get_running_loop()
            when_stdin_closes(lambda: loop.call_soon_threadsafe(stop.set))
        if http is not None and settings.port:
            http.start(settings.port)  # first, because it takes seconds, in which callers wait at its socket
        port = await server.start()
        if http is not None and not settings.port:
            http.start(port)
        spare_collections()
        await executor.start()
        _print_ready(settings, port, http)
        await stop.wait()
        click.echo("Stopping: completing running requests; runs and evaluations resume at the next start.", err=True)
        if http is not None:
            await http.stop()  # first, because it passes its last requests on to the server
        await asyncio.gather(server.stop(), executor.stop())
        if lost.is_set():
            raise InternalError(
                "The engine failed and cannot continue in this process; the log entry engine_lost has the cause. "
                "Start the service again.",
                reason="ENGINE_LOST",
            )
    finally:
        database.close()
        if http is not None:
            http.close()
        if tracing is not None:
            tracing.stop()


def _traces(tracing: Tracing) -> ServerTraces:
    from foreword.server.traces.server_traces import ServerTraces

    return ServerTraces(tracing.tracer)


def _engine(
    settings: Settings, plugins: PluginManager, artifacts: ArtifactStore, metrics: ServerMetrics | None
) -> InferenceEngine:
    from foreword.inference.engine.engine import InferenceEngine
    from foreword.inference.interfaces import EngineSettings
    from foreword.inference.residency.memory_budget import MemoryBudget
    from foreword.server.inference.adapters import adapter_reader

    return InferenceEngine(
        settings=EngineSettings(
            device=settings.device,
            dtype=settings.dtype,
            threads=settings.torch_threads,
            max_batch_rows=settings.max_batch_rows,
            max_queued_tokens=settings.max_queued_tokens,
            base_model_budget=MemoryBudget.of(
                settings.base_model_cache_bytes, device=settings.device, processes=1 + settings.workers
            ),
            prompt_cache_bytes=settings.prompt_cache_bytes,
            label_cache_bytes=settings.label_cache_bytes,
        ),
        base_models=plugins.base_models.items,
        methods=plugins.tuning_methods.items,
        read_artifact=adapter_reader(artifacts),
        meter=metrics.engine if metrics is not None else None,
    )


def _stop_signal() -> asyncio.Event:
    """Return an event that the first SIGTERM or Ctrl-C sets; the second one ends the process at once."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def handle() -> None:
        stop.set()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, handle)
    return stop


def _require_tenant(database: Database, settings: Settings) -> None:
    from foreword.storage.lists.request import ListRequest
    from foreword.storage.repositories.tenants import TenantRepository

    if not TenantRepository(database).list_tenants(ListRequest(page_size=1)).items:
        raise FailedPreconditionError(
            f"{settings.home_folder} has no tenant, so no key would be accepted. Create one with `foreword init`, "
            f"or use the development mode, `foreword serve --dev`.",
            reason="NO_TENANT",
        )


def _warn_of_failed_plugins(plugins: PluginManager) -> None:
    from foreword.plugin.status import PluginState

    for status in plugins.statuses:
        if status.state is PluginState.FAILED:
            click.echo(f"Warning: plugin {status.id} is not in use: {status.error}", err=True)


def _print_ready(settings: Settings, port: int, http: HttpProcess | None) -> None:
    """Print the address of the service and the next commands.

    Args:
        http: The process of HTTP; None if there is none.
    """
    from foreword import __version__
    from foreword.cli.render import out_console, print_facts
    from foreword.server.callers.auth import DEV_KEY

    console = out_console()
    console.print(f"Foreword {__version__} is ready.")
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    facts = [("address", f"{host}:{port}"), ("home", str(settings.home_folder))]
    if http is not None:
        facts[1:1] = [("studio", http.address.removesuffix("v1")), ("http", http.address)]
    if settings.dev:
        facts[1:1] = [("tenant", "dev"), ("key", "dev")]
    print_facts(console, facts)
    if settings.dev and http is not None:
        # Not wrapped, so that it can be clicked and copied.
        console.print("\nIn the browser, once and within an hour:")
        console.print(f"  {http.sign_in_link(DEV_KEY)}", soft_wrap=True, highlight=False)
    if settings.dev:
        console.print("\nIn another terminal:")
        if port != 50051:
            console.print(f"  export FOREWORD_ENDPOINT={host}:{port}")
        console.print("  export FOREWORD_API_KEY=dev")
        console.print("  foreword data sample > complaints.jsonl")
        console.print("  foreword tune complaints.jsonl")
    # A supervisor may wait for this output on a pipe.
    console.file.flush()
