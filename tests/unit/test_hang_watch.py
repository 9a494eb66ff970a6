"""A run of the suite that hangs ends and says where, also when the hanging test lets no Python code run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import factories

CONFTEST = f"""
import sys

sys.path.insert(0, {str(Path(factories.__file__).parents[1])!r})

from factories.hang_watch import HangWatch, show_main_thread_on_request


def pytest_configure(config):
    show_main_thread_on_request()
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(HangWatch(limit_s=2.0))
"""
HANGING = """
import ctypes


def test_waits_with_the_interpreter_lock():
    mutex = ctypes.create_string_buffer(64)
    for _ in range(2):
        ctypes.PyDLL(None).pthread_mutex_lock(mutex)
"""


def test_a_test_that_lets_no_python_code_run_is_named_and_ended(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "test_hanging.py").write_text(HANGING)
    (tmp_path / "test_passing.py").write_text("def test_passes(): pass")
    command = [sys.executable, "-m", "pytest", "-c", "/dev/null", "--rootdir", str(tmp_path)]
    options = ["-p", "no:cacheprovider", "-p", "no:asyncio", "--numprocesses", "2", "--max-worker-restart", "0"]
    run = subprocess.run(
        [*command, *options, str(tmp_path)], capture_output=True, text=True, cwd=tmp_path, timeout=60, check=False
    )
    assert run.returncode == 1
    assert "No test has begun or ended for 2 s" in run.stderr
    assert "test_hanging.py::test_waits_with_the_interpreter_lock" in run.stderr
    assert "line 8 in test_waits_with_the_interpreter_lock" in run.stderr
    assert "1 failed, 1 passed" in run.stdout
