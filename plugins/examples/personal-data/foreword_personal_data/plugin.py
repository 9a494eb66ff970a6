"""The module of the entry point: it registers the row validator."""

from __future__ import annotations

from foreword.plugin import hookimpl
from foreword.plugin.interfaces import RowValidator
from foreword.plugin.register import Register
from foreword_personal_data.row_validator import PersonalData


@hookimpl
def register_row_validators(register: Register[RowValidator]) -> None:
    """Add PersonalData."""
    register.add(PersonalData())
