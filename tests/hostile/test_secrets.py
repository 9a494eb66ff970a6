"""No secret appears in an output: log lines, error messages, trailers, tracebacks and reprs."""

from __future__ import annotations

import logging
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from factories.logs import logging_put_back
from factories.raw_calls import raw_call
from foreword.cli.application import run
from foreword.client import Client
from foreword.config import Settings
from foreword.errors import NotFoundError
from foreword.observability.library_logs import GrpcFilter, RedactingFormatter
from foreword.observability.logging import configure, get_logger
from foreword.redaction import redact

METHOD = b"/foreword.v1.TenantService/WhoAmI"
METADATA = (b"authorization", b"x-request-id", b"authorization-bin", b"user-agent", b"grpc-timeout", b"grpc-encoding")

SECRETS = {
    "key": "fw_0123456789abcdef_S3kretS3kretS3kretS3kretS3kret",
    "webhook": "whsec_S3kretS3kretS3kretS3kretS3kretS3kretS3kret1=",
    "slack": "xoxb-1234567890-S3kretS3kretS3kret",
    "slack app": "xapp-1-A012-S3kret-S3kret",
    "fernet": "S3kretS3kretS3kretS3kretS3kretS3kretS3kret1=",
}


@pytest.fixture
def own_logging() -> Iterator[None]:
    with logging_put_back():
        yield


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerProcess:
    """A `foreword serve` whose whole output is in files."""

    port: int
    key: str
    folder: Path

    def output(self) -> str:
        """Return everything that the process has written."""
        return "".join(path.read_text("utf-8", "backslashreplace") for path in sorted(self.folder.glob("*.txt")))


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    folder = tmp_path_factory.mktemp("served")
    command = [sys.executable, "-m", "foreword"]
    home = ("--home", str(folder / "home"))
    made = subprocess.run([*command, "init", *home], capture_output=True, text=True, check=True)
    key = re.search(r"fw_\w+", made.stdout)[0]
    environment = {**os.environ, "FOREWORD_ACCESS_LOG": "true", "FOREWORD_LOG_LEVEL": "debug"}
    serve = [*command, "serve", *home, "--port", "0", "--workers", "0"]
    with (folder / "err.txt").open("wb") as err:
        process = subprocess.Popen(serve, env=environment, stdout=subprocess.PIPE, stderr=err, stdin=subprocess.DEVNULL)
    try:
        ready = b"".join(process.stdout.readline() for _ in range(3))
        (folder / "out.txt").write_bytes(ready)
        port = int(re.search(rb"127\.0\.0\.1:(\d+)", ready)[1])
        yield ServerProcess(port=port, key=key, folder=folder)
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)


def hostile(secret: bytes) -> Iterator[bytes]:
    """Yield values that contain a secret and that servers may fail to read."""
    for prefix in (b"", b"Bearer "):
        yield prefix + secret
        yield prefix + secret + b"\xa0"
        yield b"\xff" + prefix + secret
        yield prefix + secret + "é€".encode()
        yield prefix + secret + b"\r\nx: y"
        yield prefix + secret + b"\x00\x01\x1b[31m"
        yield prefix + secret + b"a" * 6_000


def test_hostile_metadata_reveals_no_key_and_does_not_stop_the_server(served):
    secret = served.key.encode()
    answers = [
        raw_call(served.port, METHOD, [(name, value)], timeout_seconds=2)
        for name in METADATA
        for value in hostile(secret)
        if (name, value) != (b"authorization", b"Bearer " + secret)
    ]
    answers += [
        raw_call(served.port, path, [(b"authorization", b"Bearer " + secret)], timeout_seconds=2)
        for path in (METHOD + b"/" + secret + b"\xa0", b"/" + secret + b"\xff", b"", secret, METHOD + secret)
    ]

    with Client(f"127.0.0.1:{served.port}", served.key) as client:
        assert client.who_am_i().tenant == "tenants/main"
    assert len([answer for answer in answers if b"grpc-status" in answer]) > len(answers) / 2
    assert not [answer for answer in answers if secret in answer]
    assert served.key not in served.output()
    assert served.output().count("not valid UTF-8") == 1


def test_a_key_in_a_request_reveals_nothing_in_the_log_or_the_error(served):
    with Client(f"127.0.0.1:{served.port}", served.key) as client, pytest.raises(NotFoundError) as raised:
        client.generate(served.key, served.key)

    assert served.key not in str(raised.value)
    assert served.key not in served.output()


@pytest.mark.parametrize("level", ["debug", "info"])
@pytest.mark.parametrize("name", SECRETS)
def test_a_failing_command_prints_no_secret(capsys, monkeypatch, level, name):
    monkeypatch.setenv("FOREWORD_LOG_LEVEL", level)
    monkeypatch.setattr("foreword.client.Client.who_am_i", _raise_with(SECRETS[name]))
    monkeypatch.setenv("FOREWORD_API_KEY", "dev")

    assert run(["whoami"]) == 1
    assert run(["whoami", SECRETS[name]]) == 2

    shown = capsys.readouterr()
    assert "RuntimeError" in shown.err
    assert "S3kret" not in shown.out + shown.err


def _raise_with(secret: str):
    def raises(*_: object, **__: object) -> None:
        raise RuntimeError(f"the call with ('authorization', '{secret}') failed")

    return raises


@pytest.mark.parametrize(
    "text",
    [
        "Bearer S3kret",
        "{'authorization': 'Basic S3kret'}",
        "(('authorization', b'S3kret'),)",
        "connection to postgresql+psycopg://foreword:S3k/r:e@t-S3kret@db:5432/x failed",
        "host=db password='S3 kret S3kret' user=foreword",
        "s3://AKIA0123456789ABCDEF:S3kret@bucket",
        '{"client_secret": "S3kret"}',
        "https://hooks.slack.com/actions/T0/1/S3kret",
        "wss://wss.slack.com/link/?ticket=S3kret&app_id=A1",
        "-----BEGIN PRIVATE KEY-----\nS3kret\n-----END PRIVATE KEY-----",
        *SECRETS.values(),
    ],
)
def test_secrets_are_recognised_by_their_form(text):
    redacted = redact(text)

    assert "***" in redacted
    assert not re.search(r"S3k|kret|e@t", redacted)
    assert redact(redacted) == redacted


@pytest.mark.parametrize(
    "text",
    [
        "No API key. Send it as metadata `authorization: Bearer KEY`.",
        "The database postgresql://foreword@db:5432/x cannot be reached (max_tokens=5, tokens=7).",
        "Error: 127.0.0.1:50051 does not answer; ask ada@example.com.",
        "tenants/main/tunedModels/0123456789abcdef, sha256 " + "0123456789abcdef" * 4,
    ],
)
def test_ordinary_text_is_left_alone(text):
    assert redact(text) == text


@pytest.mark.parametrize("format", ["json", "console"])
def test_the_log_shows_no_secret_whichever_field_has_it(capsys, own_logging, format):
    configure("debug", format)

    try:
        raise RuntimeError(f"slack refused {SECRETS['slack']}")
    except RuntimeError:
        get_logger("bot").exception(
            "failed", place="postgresql://u:S3kret@db/x", socket=SECRETS["slack app"], token="S3kret"
        )

    shown = capsys.readouterr().err
    assert "slack refused ***" in shown
    assert "S3kret" not in shown


@pytest.mark.parametrize("part", ["a", "a://", "://:", "xoxb", "fw_", "token='", "-----BEGIN ", "bearer ", "'token' "])
def test_text_that_peers_choose_is_redacted_in_linear_time(part):
    text = part * (160_000 // len(part))

    started = time.process_time()
    redact(text)

    assert time.process_time() - started < 5  # quadratic time would be minutes


def test_settings_do_not_show_the_urls_that_may_contain_a_password():
    settings = Settings(database_url="postgresql://u:S3kret@db/x", artifacts_url="s3://k:S3kret@bucket")

    assert "S3kret" not in repr(settings) + str(settings)


def record(name: str, message: str, *arguments: object, fault: BaseException | None = None) -> logging.LogRecord:
    trace = (type(fault), fault, None) if fault else None
    return logging.LogRecord(name, logging.ERROR, __file__, 1, message, arguments, trace)


def test_the_log_keeps_the_faults_of_grpc_and_counts_those_that_repeat():
    now = [0.0]
    grpc_filter, lines = GrpcFilter(lambda: now[0]), []

    def log(*arguments: object, fault: BaseException | None = None) -> None:
        entry = record("grpc._cython.cygrpc", *arguments, fault=fault)
        if grpc_filter.filter(entry):
            lines.append(RedactingFormatter("%(message)s").format(entry))

    for _ in range(500):
        log("Invalid encoding on %s", b"Bearer S3kret\xa0", fault=ValueError("S3kret"))
    log("Unexpected [ValueError] raised by servicer method [/x]", fault=ValueError("real fault"))
    now[0] = 61.0
    log("Invalid encoding on %s", b"Bearer S3kret\xa0", fault=ValueError("S3kret"))

    assert [line.splitlines()[0] for line in lines] == [
        "A peer sent metadata that is not valid UTF-8; its value is not logged",
        "Unexpected [ValueError] raised by servicer method [/x]",
        "A peer sent metadata that is not valid UTF-8; its value is not logged (499 more since the last line)",
    ]
    assert "real fault" in lines[1]
    assert "S3kret" not in "".join(lines)
