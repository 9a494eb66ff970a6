"""The content of a run's checkpoint."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from foreword.domain.experiment import Phase
from foreword.errors import ArtifactError
from foreword.plugin.interfaces import Artifact
from foreword.tuning.runs.checkpoint import pack, unpack
from foreword.tuning.runs.results import StepReport
from foreword.tuning.runs.selection import Selection

if TYPE_CHECKING:
    from torch import Tensor

_VERSION: Final = 2
_READABLE_VERSIONS: Final = (1, 2)
"""Checkpoints of version 1 lie between an update and the next, never between an epoch's last update and its end."""
_CHOSEN: Final = "chosen/"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunState:
    """Everything that the rest of a run depends on.

    Attributes:
        cursor: Position in the rows, as JSON.
        tensors: Tensors of the learner.
        numbers: Numbers of the learner, as JSON.
        chosen: Artifact of the epoch to keep, if one has ended.
        report: Report of the last update of an epoch that is not ended yet.
    """

    cursor: Mapping[str, Any]
    tensors: Mapping[str, Tensor]
    numbers: Mapping[str, Any]
    selection: Selection
    chosen: Artifact | None
    report: StepReport | None

    def to_bytes(self, fingerprint: str) -> bytes:
        """Return the checkpoint of a run with this fingerprint."""
        tensors = dict(self.tensors)
        header: dict[str, Any] = {
            "version": _VERSION,
            "fingerprint": fingerprint,
            "cursor": dict(self.cursor),
            "selection": self.selection.to_json(),
            "optimizer": dict(self.numbers),
        }
        if self.report is not None:
            header["report"] = asdict(self.report) | {"phase": self.report.phase.value}
        if self.chosen is not None:
            tensors |= {f"{_CHOSEN}{name}": tensor for name, tensor in self.chosen.tensors.items()}
            header["chosen"] = {
                "kind": self.chosen.kind,
                "context_tokens": self.chosen.context_tokens,
                "config": dict(self.chosen.config),
            }
        return pack(tensors, header)

    @classmethod
    def from_bytes(cls, payload: bytes, fingerprint: str) -> RunState:
        """Read the checkpoint of a run with this fingerprint.

        Raises:
            ArtifactError: The checkpoint cannot be read or belongs to another run.
            KeyError, TypeError, ValueError: The checkpoint lacks data.
        """
        tensors, header = unpack(payload)
        if header.get("version") not in _READABLE_VERSIONS or header.get("fingerprint") != fingerprint:
            raise ArtifactError(
                "The checkpoint belongs to another run or version. The run starts again from the beginning."
            )
        chosen = {name.removeprefix(_CHOSEN): tensor for name, tensor in tensors.items() if name.startswith(_CHOSEN)}
        report = header.get("report")
        return cls(
            cursor=header["cursor"],
            tensors={name: tensor for name, tensor in tensors.items() if not name.startswith(_CHOSEN)},
            numbers=header["optimizer"],
            selection=Selection.from_json(header["selection"]),
            chosen=Artifact(tensors=chosen, **header["chosen"]) if "chosen" in header else None,
            report=None if report is None else StepReport(**(report | {"phase": Phase(report["phase"])})),
        )
