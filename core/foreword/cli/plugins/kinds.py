"""What a new package can bring."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of thing that plugins register.

    Attributes:
        module: Its module in the package, and the template of that name.
        interface: Class of `foreword.plugin.interfaces`.
        item: Class in the module.
        hook: Hook that registers it.
        noun: What it is called in text.
    """

    module: str
    interface: str
    item: str
    hook: str
    noun: str


KINDS: Final = {
    "task": Kind(
        module="task", interface="Task", item="FirstWord", hook="register_tasks", noun="a task"
    ),
    "validator": Kind(
        module="row_validator", interface="RowValidator", item="Placeholders", hook="register_row_validators",
        noun="a row validator",
    ),
    "base-model": Kind(
        module="base_model", interface="BaseModel", item="RandomModel", hook="register_base_models",
        noun="a base model",
    ),
    "method": Kind(
        module="tuning_method", interface="TuningMethod", item="PlainPrompt", hook="register_tuning_methods",
        noun="a tuning method",
    ),
}  # fmt: skip
"""By the value of `--kind`."""
