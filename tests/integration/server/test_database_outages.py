"""A database that is lost under a running server: clear errors, one line in the log, and automatic recovery."""

import time

import pytest

from factories.logs import captured_logs
from foreword.client import Client
from foreword.errors import UnavailableError


def test_a_missing_file_is_reported_without_its_path_and_used_again_when_it_is_back(start_server):
    server = start_server()
    file = server.settings.resolved_database_url
    with Client(server.endpoint, server.new_key("acme"), retry_seconds=0.0) as client:
        client.upload_dataset([{"input": "a", "output": "b"}] * 4, display_name="kept")
        away = file.rename(file.with_name("away.db"))

        with captured_logs() as logs:
            for _ in range(3):
                server.pass_time(10)
                with pytest.raises(UnavailableError, match="The database is missing") as raised:
                    client.list_datasets()
                assert str(file) not in raised.value.message
            time.sleep(1.0)  # so that what polls the database meets it as well
        away.rename(file)

        deadline = time.monotonic() + 20
        while True:
            try:
                names = [dataset.display_name for dataset in client.list_datasets()]
                break
            except UnavailableError:
                assert time.monotonic() < deadline
        assert names == ["kept"]
    told = [(log["event"], log.get("database")) for log in logs if log["log_level"] in ("warning", "error")]
    assert set(told) == {("database_unavailable", str(file))}
    assert len(told) <= 2, "once for reads and once for writes"
    assert not any(log.get("exc_info") for log in logs)
