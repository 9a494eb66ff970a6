"""Entry point that registers the Hugging Face models listed in FOREWORD_HUGGINGFACE_MODELS."""

from __future__ import annotations

import os

from foreword.errors import ForewordError
from foreword.plugin import hookimpl
from foreword.plugin.interfaces import BaseModel
from foreword.plugin.register import Register
from foreword_huggingface.model import HuggingFaceModel
from foreword_huggingface.settings import VARIABLE, read_entries
from foreword_huggingface.sources import UNREACHABLE


@hookimpl
def register_base_models(register: Register[BaseModel]) -> None:
    """Register a base model for each entry; leave out entries that cannot be described, and report them by name."""
    entries, faults = read_entries(os.environ.get(VARIABLE, ""))
    for name, reason in faults.items():
        register.leave_out(name, reason)
    offline = False
    for entry in entries:
        try:
            register.add(HuggingFaceModel.describe(entry, offline=offline))
        except ForewordError as error:
            # Try only once: if packets are dropped, each further attempt would take seconds.
            offline = offline or error.reason == UNREACHABLE
            register.leave_out(entry.id, error.message)
