"""The error for the caller and the log entry with its cause share one id."""

from __future__ import annotations

import re

from factories.logs import captured_logs
from foreword.errors import InternalError
from foreword.observability.faults import log_fault


def fault_while_handling(error: Exception) -> InternalError:
    try:
        raise error
    except Exception:
        return log_fault("it_broke", "The thing broke.", component="server", tenant="acme")


def test_a_fault_is_logged_with_its_traceback_under_the_id_in_its_message():
    with captured_logs() as logs:
        fault = fault_while_handling(RuntimeError("inner workings"))

    assert fault.message == f"The thing broke. See the server log for error_id={fault.error_id}."
    (entry,) = logs
    assert entry == {
        "event": "it_broke",
        "log_level": "error",
        "component": "server",
        "tenant": "acme",
        "error_id": fault.error_id,
        "exc_info": True,
    }


def test_a_fault_never_repeats_what_the_exception_said():
    with captured_logs():
        fault = fault_while_handling(RuntimeError("/srv/secret"))

    assert "/srv/secret" not in fault.message


def test_every_fault_has_an_id_of_its_own():
    with captured_logs():
        ids = {fault_while_handling(RuntimeError()).error_id for _ in range(100)}

    assert len(ids) == 100
    assert all(re.fullmatch("[0-9a-f]{16}", id) for id in ids)
