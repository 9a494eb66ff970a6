from __future__ import annotations

import pytest

from foreword.errors import CancelledError
from foreword.turns.cancellation import CancellationToken, cancellable, check_cancelled


def test_work_ends_at_the_next_check_after_its_cancellation():
    token = CancellationToken()
    with cancellable(token):
        check_cancelled()
        token.cancel()
        with pytest.raises(CancelledError):
            check_cancelled()
    check_cancelled()


def test_work_inside_of_other_work_is_cancelled_alone():
    outer, inner = CancellationToken(), CancellationToken()
    outer.cancel()
    with cancellable(outer), cancellable(inner):
        check_cancelled()
    assert outer.cancelled
    assert not inner.cancelled
