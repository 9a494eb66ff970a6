"""Variables of prompts, for interfaces that show and fill them."""

from __future__ import annotations

from foreword.domain.templates import MAX_PROMPT, fill_variables, filled_length, variable_names

__all__ = ["MAX_PROMPT", "fill_variables", "filled_length", "variable_names"]
