"""The registry of a process, with what every process exports."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Info, PlatformCollector, ProcessCollector, disable_created_metrics


def new_registry(version: str) -> CollectorRegistry:
    """Return a registry with the memory, processor time and open files of this process.

    Args:
        version: Version of Foreword.
    """
    # Otherwise each counter and histogram has a second series with its creation time, which no dashboard uses.
    disable_created_metrics()  # type: ignore[no-untyped-call]
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    Info("foreword_build", "Version of Foreword.", registry=registry).info({"version": version})
    return registry
