"""Entry point that registers the validators."""

from __future__ import annotations

from foreword.plugin import hookimpl
from foreword.plugin.interfaces import RowValidator
from foreword.plugin.register import Register
from foreword_validators.conflicts import Conflicts
from foreword_validators.duplicates import Duplicates
from foreword_validators.empty_texts import EmptyTexts
from foreword_validators.garbled_texts import GarbledTexts
from foreword_validators.leakage import Leakage
from foreword_validators.lengths import Lengths
from foreword_validators.missing_values import MissingValues
from foreword_validators.near_duplicates import NearDuplicates
from foreword_validators.personal_data import PersonalData
from foreword_validators.row_count import RowCount


@hookimpl
def register_row_validators(register: Register[RowValidator]) -> None:
    """Register all validators."""
    for validator in (
        EmptyTexts(),
        MissingValues(),
        Lengths(),
        GarbledTexts(),
        Duplicates(),
        Conflicts(),
        NearDuplicates(),
        Leakage(),
        PersonalData(),
        RowCount(),
    ):
        register.add(validator)
