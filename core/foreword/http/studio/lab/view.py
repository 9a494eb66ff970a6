"""What the page of the lab shows: the form as it was typed, what is wrong with it, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from markupsafe import Markup

from foreword.client import Dataset, ParameterSpec
from foreword.http.studio.lab.answers import Outcome, Question
from foreword.http.studio.lab.faults import Faults
from foreword.http.studio.lab.models import LabModels
from foreword.http.studio.lab.parameters import default_text
from foreword.http.studio.lab.prompt import LabPrompt
from foreword.http.studio.lab.saved_view import SavedView

DRAFTS: Final = {
    "example_input": "",
    "example_output": "",
    "pasted": "",
    "dataset": "",
    "first_row": "1",
    "row_count": "3",
    "kept": "",
    "kept_name": "",
    "over": "",
    "saved": "",
    "saved_find": "",
    "saved_name": "",
    "saved_note": "",
}
"""Fields of the form that are no part of the prompt, with their first values."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One run: what was asked, and by column what became of it; None for what is still on its way."""

    id: str
    asked: str
    questions: Sequence[Question]
    outcomes: Sequence[Outcome | None]


@dataclass(slots=True, kw_only=True)
class LabView:
    """The values of the templates.

    Attributes:
        typed: What was typed for the parameters, by name.
        draft: What was typed for an example that is to be added, and for rows that are kept.
        turn: The run that was made, if one was.
        rows_turn: The run over rows that was made, a `RowsTurn`.
        code: Pairs of a language and code, and the title of the model that they ask.
    """

    prompt: LabPrompt
    models: LabModels
    specs: Sequence[ParameterSpec]
    typed: Mapping[str, str] = field(default_factory=dict)
    draft: Mapping[str, str] = field(default_factory=dict)
    datasets: Sequence[Dataset] = ()
    faults: Faults = field(default_factory=Faults)
    turn: Turn | None = None
    rows_turn: Any = None
    saved: SavedView = field(default_factory=SavedView)
    code: Sequence[tuple[str, str]] = ()
    code_title: str = ""

    def values(self) -> dict[str, Any]:
        """Return the values by the names that the templates use."""
        return {
            "prompt": self.prompt,
            "models": self.models,
            "specs": self.specs,
            "typed": self.typed,
            "draft": DRAFTS | dict(self.draft),
            "datasets": self.datasets,
            "faults": self.faults.by_field,
            "turn": self.turn,
            "rows_turn": self.rows_turn,
            "saved": self.saved,
            "code": self.code,
            "code_title": self.code_title,
            "lead": self._lead(),
            "default_text": default_text,
        }

    def _lead(self) -> str:
        titles = [self.models.named(column.model).title for column in self.prompt.columns]
        match len(titles):
            case 0:
                return "No model can be asked: no base model is installed, and none is deployed."
            case 1:
                return f"One prompt for {titles[0]}. Add a column to see another model beside it."
            case count:
                names = f"{', '.join(titles[:-1])} and {titles[-1]}"
                return f"One prompt, {('two', 'three', 'four')[count - 2]} models side by side: {names}."


def partial(target: str, html: str, swap: str = "innerHTML") -> Markup:
    """Return a part of a page that replaces the content of the element with an id, or changes it in another way."""
    return Markup('<hx-partial hx-target="#{}" hx-swap="{}">{}</hx-partial>').format(target, swap, html)


def element_id(field_name: str) -> str:
    """Return the part of an id that names a field of the form."""
    return field_name.replace(".", "-")
