import pytest

from foreword.client import JobState
from foreword.watsonx.foundation_models.run_details import run_state


@pytest.mark.parametrize(
    ("state", "word"),
    [
        (JobState.QUEUED, "pending"),
        (JobState.RUNNING, "running"),
        (JobState.CANCELLING, "running"),
        (JobState.SUCCEEDED, "completed"),
        (JobState.FAILED, "failed"),
        (JobState.CANCELLED, "canceled"),
    ],
)
def test_states_read_as_there(state, word):
    assert run_state(state) == word
