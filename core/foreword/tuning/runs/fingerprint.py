"""Fingerprints of runs, so that a checkpoint is never resumed in a different run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from foreword.domain.base_model import BaseModelSpec
from foreword.domain.dataset import Row
from foreword.domain.experiment import TunePlan

if TYPE_CHECKING:
    from foreword.plugin.interfaces import EncodedRow


def run_fingerprint(
    plan: TunePlan,
    *,
    base_model: BaseModelSpec,
    tuning_type: str,
    verbalizer: str,
    rows: Sequence[Row],
    encoded: Sequence[EncodedRow],
    held_out: Sequence[Row],
) -> str:
    """Return a hash of everything that a run is computed from.

    Token ids and the choice of held-out rows are computed again on every start. A version of the software that computes
    different ones must not resume a checkpoint: its prompt may have been trained on the rows that measure it.

    Args:
        rows: All rows of the dataset, followed by those of the validation dataset if there is one.
        encoded: The same rows as token ids.
    """
    parts = [
        [base_model.id, base_model.revision, tuning_type],
        asdict(plan.parameters),
        plan.schema,
        verbalizer,
        [(row.input, row.output) for row in rows],
        [(row.input_ids, row.target_ids) for row in encoded],
        [row.number for row in held_out],
    ]
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=list).encode()).hexdigest()
