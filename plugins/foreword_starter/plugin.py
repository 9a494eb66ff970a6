"""Entry point that registers the embedded base model."""

from __future__ import annotations

from foreword.plugin import hookimpl
from foreword.plugin.interfaces import BaseModel
from foreword.plugin.register import Register
from foreword_starter.model import StarterModel


@hookimpl
def register_base_models(register: Register[BaseModel]) -> None:
    """Register `foreword--starter`."""
    register.add(StarterModel())
