"""Entry point that registers the tuning methods."""

from __future__ import annotations

from foreword.plugin import hookimpl
from foreword.plugin.interfaces import TuningMethod
from foreword.plugin.register import Register
from foreword_methods.ia3 import IA3
from foreword_methods.prompt_tuning import PromptTuning


@hookimpl
def register_tuning_methods(register: Register[TuningMethod]) -> None:
    """Register `prompt_tuning` and `ia3`."""
    register.add(PromptTuning())
    register.add(IA3())
