"""The model that a deployment serves."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelReference:
    """The model that a deployment serves: a tuned model of its tenant or a base model. Exactly one is set."""

    tuned_model: str | None = None
    base_model: str | None = None
