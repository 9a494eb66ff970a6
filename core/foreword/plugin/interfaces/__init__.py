"""The interfaces that a plugin implements: base models, tasks, row validators and tuning methods.

Torch types appear in annotations only, so that a process without torch can read the catalogue.
"""

from foreword.domain.base_model import Architecture, BaseModelSpec
from foreword.plugin.encoded_row import EncodedRow
from foreword.plugin.interfaces.base_model import BaseModel
from foreword.plugin.interfaces.row_validator import RowCheck, RowValidator, ValidationContext
from foreword.plugin.interfaces.task import PERPLEXITY, Answer, LabelSpace, Schema, Scores, Suitability, Task, TaskCheck
from foreword.plugin.interfaces.tuning_method import Artifact, MethodPlan, ParameterGroup, Trainable, TuningMethod
from foreword.plugin.loaded_model import LoadedModel

__all__ = [
    "PERPLEXITY",
    "Answer",
    "Architecture",
    "Artifact",
    "BaseModel",
    "BaseModelSpec",
    "EncodedRow",
    "LabelSpace",
    "LoadedModel",
    "MethodPlan",
    "ParameterGroup",
    "RowCheck",
    "RowValidator",
    "Schema",
    "Scores",
    "Suitability",
    "Task",
    "TaskCheck",
    "Trainable",
    "TuningMethod",
    "ValidationContext",
]
