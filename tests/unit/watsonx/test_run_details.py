import pytest

from foreword.client import ExperimentState
from foreword.watsonx.foundation_models.run_details import run_state


@pytest.mark.parametrize(
    ("state", "word"),
    [
        (ExperimentState.QUEUED, "pending"),
        (ExperimentState.RUNNING, "running"),
        (ExperimentState.CANCELLING, "running"),
        (ExperimentState.SUCCEEDED, "completed"),
        (ExperimentState.FAILED, "failed"),
        (ExperimentState.CANCELLED, "canceled"),
    ],
)
def test_states_read_as_there(state, word):
    assert run_state(state) == word
