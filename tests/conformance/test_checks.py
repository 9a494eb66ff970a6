"""Every conformance test can fail: it finds a plugin with that fault and passes a correct one."""

from __future__ import annotations

import pytest

from conformance import broken_base_models as models
from conformance import broken_row_validators as validators
from conformance import broken_tasks as tasks
from conformance import broken_tuning_methods as methods
from foreword.testing import BaseModelTests, RowValidatorTests, TaskTests, TuningMethodTests
from foreword_methods.prompt_tuning import PromptTuning

SUITES = {
    TaskTests: (tasks, tasks.Shout),
    RowValidatorTests: (validators, validators.Polite),
    BaseModelTests: (models, models.Right),
    TuningMethodTests: (methods, PromptTuning),
}
CHECKS = [
    pytest.param(interface, check, broken, id=f"{broken.__name__}-{check}")
    for interface, (module, _) in SUITES.items()
    for check, plugins in module.BROKEN.items()
    for broken in plugins
]


@pytest.mark.parametrize("interface", SUITES)
def test_every_check_has_a_faulty_plugin(interface):
    module, _ = SUITES[interface]

    assert {name for name in vars(interface) if name.startswith("test_")} == set(module.BROKEN)
    assert all(module.BROKEN.values())


@pytest.mark.parametrize(("interface", "check", "broken"), CHECKS)
def test_a_check_finds_the_fault_of_a_plugin(interface, check, broken):
    module, right = SUITES[interface]
    getattr(module.case_of(right), check)()

    with pytest.raises(AssertionError):
        getattr(module.case_of(broken), check)()
