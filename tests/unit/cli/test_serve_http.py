"""What `foreword serve` says if it cannot offer HTTP."""

from __future__ import annotations

import socket
import subprocess
import sys

import pytest

from foreword.cli.serve_http import HttpProcess
from foreword.config import Settings
from foreword.errors import InvalidArgumentError


def test_without_the_extra_one_line_names_the_command_that_installs_it(monkeypatch, capsys):
    monkeypatch.delitem(sys.modules, "foreword.http.process", raising=False)
    monkeypatch.setitem(sys.modules, "uvicorn", None)

    assert HttpProcess.prepare(Settings()) is None

    printed = capsys.readouterr().err
    assert printed.count("\n") == 1
    assert printed.startswith("Warning: HTTP is not served: the package 'uvicorn' is not installed.")
    assert "[http]" in printed


def test_a_path_that_no_socket_can_have_is_named(monkeypatch, capsys, tmp_path):
    folder = tmp_path / ("x" * 100)
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))

    assert HttpProcess.prepare(Settings(http_port=0)) is None

    assert "TMPDIR" in capsys.readouterr().err
    assert list(folder.iterdir()) == []


def test_unsafe_settings_are_refused_before_anything_is_opened(monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    with pytest.raises(InvalidArgumentError):
        HttpProcess.prepare(Settings(http_host="0.0.0.0", dev=True))

    assert list(tmp_path.iterdir()) == []


def test_the_sockets_leave_nothing_behind(monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    http = HttpProcess.prepare(Settings(http_port=0))
    assert http is not None
    assert http.address.startswith("http://127.0.0.1:")
    assert http.service_socket.parent.stat().st_mode & 0o777 == 0o700

    http.close()

    assert list(tmp_path.iterdir()) == []


def test_a_link_to_the_studio_is_kept_without_its_secret(monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    http = HttpProcess.prepare(Settings(http_port=0))
    assert http is not None
    try:
        address, _, secret = http.sign_in_link("dev").partition("?link=")
        [file] = http.service_socket.parent.glob("link-*")

        assert address == http.address.replace("/v1", "/sign-in")
        assert secret not in str(file)
        assert file.stat().st_mode & 0o777 == 0o600
    finally:
        http.close()


def test_the_next_server_removes_what_a_killed_one_has_left_and_nothing_else(monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (tmp_path / "foreword-other").mkdir()
    living = HttpProcess.prepare(Settings(http_port=0))
    code = (
        "import os, signal, sys, tempfile; tempfile.tempdir = sys.argv[1]\n"
        "from foreword.cli.socket_folder import SocketFolder\n"
        "(SocketFolder().path / 'service').touch(); os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    assert len(list(tmp_path.glob("*/service"))) == 1

    new = HttpProcess.prepare(Settings(http_port=0))

    folders = {"foreword-other", *(http.service_socket.parent.name for http in (living, new))}
    assert {folder.name for folder in tmp_path.iterdir()} == folders
    living.close()
    new.close()


def test_an_address_that_is_taken_is_named_in_one_line(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert HttpProcess.prepare(Settings(http_port=port)) is None

    printed = capsys.readouterr().err
    assert printed.count("\n") == 1
    assert printed.startswith(f"Warning: HTTP is not served: HTTP cannot listen on 127.0.0.1:{port}")
    assert "FOREWORD_HTTP_PORT" in printed
    assert list(tmp_path.iterdir()) == []
