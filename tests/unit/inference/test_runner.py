from __future__ import annotations

import pytest

from factories.serving import load_adapter
from factories.tiny_models import CONTEXT_TOKENS, tiny_model
from foreword.errors import InvalidArgumentError
from foreword.inference.runner import ModelRunner


@pytest.mark.parametrize(("shape", "most"), [("bart", CONTEXT_TOKENS - 20), ("llama", CONTEXT_TOKENS - 21)])
def test_a_text_that_leaves_no_room_is_refused_with_the_counts_and_the_remedy(shape, most):
    runner = ModelRunner(tiny_model(shape))
    prompt = load_adapter(runner, 20)

    runner.check_length(most, prompt)
    with pytest.raises(InvalidArgumentError) as caught:
        runner.check_length(most + 3, prompt)

    [violation] = caught.value.violations
    assert violation.field == "text"
    for part in (f"has {most + 3} tokens", f"context of tiny--{shape} is 128", "prompt takes 20", "by 3 tokens"):
        assert part in violation.description
