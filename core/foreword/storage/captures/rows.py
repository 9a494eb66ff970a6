"""The rows of captured requests: their size, and what they mean."""

from __future__ import annotations

from typing import Final

from foreword.domain.capture import CapturedRequest, Feedback, RightAnswer, SeenRequest
from foreword.storage.captures.usage import DeploymentUsage
from foreword.storage.tables import CapturedRequestRow

_ROW_BYTES: Final = 300
"""Room that a request takes besides its texts: numbers, names and the entries of five indexes."""


def size_of_seen(seen: SeenRequest) -> int:
    """Return the room that a request takes without feedback."""
    return _size(seen.input, seen.output, *(seen.labels or ()))


def resize(row: CapturedRequestRow, usage: DeploymentUsage) -> None:
    """Set the size of a row whose texts have changed, and count the difference."""
    labels = (*(row.labels or ()), *(row.right_labels or ()))
    byte_size = _size(row.input, row.output, *labels, row.right_output or "", row.comment)
    usage.add(0, byte_size - row.byte_size)
    row.byte_size = byte_size


def right_answer(row: CapturedRequestRow) -> RightAnswer | None:
    """Return the right answer to a request; None if it is unknown."""
    if row.right_labels is None and row.right_output is None:
        return None
    labels = None if row.right_labels is None else tuple(row.right_labels)
    return RightAnswer(labels=labels, output=row.right_output)


def to_feedback(row: CapturedRequestRow) -> Feedback | None:
    """Return the feedback of a request; None if there is none."""
    if row.feedback_time is None:
        return None
    return Feedback(
        right=right_answer(row),
        comment=row.comment,
        score=row.score,
        author=row.author or "",
        submit_time=row.feedback_time,
    )


def to_captured_request(row: CapturedRequestRow) -> CapturedRequest:
    """Convert a row to a captured request."""
    return CapturedRequest(
        seen=SeenRequest(
            request_id=row.request_id,
            revision=row.revision,
            model=row.model,
            input=row.input,
            output=row.output,
            labels=None if row.labels is None else tuple(row.labels),
            probability=row.probability,
            threshold=row.threshold,
            abstained=row.abstained,
        ),
        captured=row.captured,
        create_time=row.create_time,
        feedback=to_feedback(row),
        correct=row.correct,
    )


def _size(*texts: str) -> int:
    return _ROW_BYTES + sum(len(text.encode()) for text in texts)
