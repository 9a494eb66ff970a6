"""What is captured of the answer to a request."""

from __future__ import annotations

from foreword.domain.capture import SeenRequest
from foreword.domain.inference import Classification, Generation
from foreword.inference.labels.named_labels import labels_in
from foreword.plugin.interfaces import LabelSpace
from foreword.server.captures.recorder import CaptureRecorder
from foreword.server.inference.capture_point import CapturePoint
from foreword.server.inference.resolved_model import ResolvedModel
from foreword.v1 import inference_service_pb2


class AnswerCapture:
    """The answers that deployments capture. A request that is not captured costs a hash at most."""

    def __init__(self, recorder: CaptureRecorder) -> None:
        self._recorder = recorder

    def text(
        self, point: CapturePoint | None, request_id: str, input: str, model: ResolvedModel, answer: Generation
    ) -> None:
        """Capture a request for text, if it is one of those that its deployment captures."""
        if point is None or not point.chooses(request_id):
            return
        self._recorder.saw(
            point,
            SeenRequest(
                request_id=request_id,
                revision=model.revision,
                model=model.version,
                input=input,
                output=answer.text,
                labels=None if model.label_space is None else labels_in(answer.text, model.label_space),
            ),
        )

    def labels(
        self,
        point: CapturePoint | None,
        request_id: str,
        input: str,
        model: ResolvedModel,
        answer: Classification,
        space: LabelSpace,
        response: inference_service_pb2.ClassifyResponse,
    ) -> None:
        """Capture a request for labels, if it is one of those that its deployment captures."""
        if point is None or not point.chooses(request_id):
            return
        best = answer.label_sets[0]
        self._recorder.saw(
            point,
            SeenRequest(
                request_id=request_id,
                revision=model.revision,
                model=model.version,
                input=input,
                output=space.text(best.labels),
                labels=best.labels,
                probability=best.probability,
                threshold=response.threshold if response.HasField("threshold") else None,
                abstained=response.abstained,
            ),
        )
