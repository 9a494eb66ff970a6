"""Conformance tests for plugins: they check the properties that the service relies on.

The tests of a plugin subclass one class for each kind of item and return the item to test; pytest collects the checks:

    from foreword.testing import TaskTests

    class TestShout(TaskTests):
        def make_task(self):
            return ShoutTask()

        def rows(self):
            return [Row(number=1, input="please", output="PLEASE"), ...]

The name of a check states the expected property, and its failure message reports what it found. Foreword's own plugins
pass all checks. This package does not need pytest; it only follows pytest's naming.
"""

from foreword.testing.base_models import BaseModelTests
from foreword.testing.row_validators import RowValidatorTests
from foreword.testing.tasks import TaskTests
from foreword.testing.tiny_models import TinyModel
from foreword.testing.tuning_methods import TuningMethodTests

__all__ = ["BaseModelTests", "RowValidatorTests", "TaskTests", "TinyModel", "TuningMethodTests"]
