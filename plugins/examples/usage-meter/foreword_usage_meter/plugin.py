"""The module of the entry point: it counts every request that has ended."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

from foreword.domain.inference_call import InferenceCall, InferenceOutcome
from foreword.plugin import hookimpl
from foreword_usage_meter.meter import Meter


@hookimpl
def after_generate(call: InferenceCall, outcome: InferenceOutcome) -> None:
    """Count the tokens of a request that was answered. An exception here is logged and changes nothing."""
    if outcome.usage is not None:
        path = Path(os.environ.get("USAGE_METER_DATABASE", "usage.db"))
        Meter(path).count(call.tenant, call.base_model, outcome.usage, datetime.now(UTC).date())
