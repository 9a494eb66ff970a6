"""Conformance tests for plugins: what the service relies on, checked before it does.

A plugin's own tests derive from one class for each thing that it brings and say what to test; pytest finds the checks:

    from foreword.testing import TaskTests

    class TestShout(TaskTests):
        def make_task(self):
            return ShoutTask()

        def rows(self):
            return [Row(number=1, input="please", output="PLEASE"), ...]

Every check is a method whose name says what is expected, and whose failure says what was found. Foreword's own plugins
pass them. Nothing here needs pytest; it only follows its naming.
"""

from foreword.testing.base_models import BaseModelTests
from foreword.testing.row_validators import RowValidatorTests
from foreword.testing.tasks import TaskTests
from foreword.testing.tiny_models import TinyModel
from foreword.testing.tuning_methods import TuningMethodTests

__all__ = ["BaseModelTests", "RowValidatorTests", "TaskTests", "TinyModel", "TuningMethodTests"]
