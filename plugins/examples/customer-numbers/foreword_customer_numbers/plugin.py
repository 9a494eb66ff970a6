"""The module of the entry point: it registers the row validator."""

from __future__ import annotations

from foreword.plugin import hookimpl
from foreword.plugin.interfaces import RowValidator
from foreword.plugin.register import Register
from foreword_customer_numbers.row_validator import CustomerNumbers


@hookimpl
def register_row_validators(register: Register[RowValidator]) -> None:
    """Add CustomerNumbers."""
    register.add(CustomerNumbers())
