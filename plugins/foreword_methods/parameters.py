"""Parameters that several methods take."""

from __future__ import annotations

from typing import Final

from foreword.domain.parameters import ParameterSpec

TOKEN_DROPOUT: Final = ParameterSpec(
    name="token_dropout",
    description="Share of an input's tokens that training leaves out, drawn anew each time; keeps a run from learning "
    "the rows by heart.",
    type="float",
    minimum=0.0,
    maximum=0.9,
    default=0.0,
)
AVERAGING: Final = ParameterSpec(
    name="averaging",
    description="Keeps a running average of what is trained, with this weight on the past at each update, and uses "
    "that instead of the last numbers; 0 does not.",
    type="float",
    minimum=0.0,
    maximum=0.9999,
    default=0.0,
)
