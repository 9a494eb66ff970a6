"""A service in a home whose name has special characters of URLs, from its first start to the next."""

from __future__ import annotations

from pathlib import Path

from factories.waiting import wait_until
from foreword.cli.demo.service import LocalService

ROWS = [{"input": f"Complaint {number}", "output": ("Service", "Warehouse")[number % 2]} for number in range(20)]


def test_server_and_worker_keep_everything_below_a_home_of_any_name(tmp_path: Path) -> None:
    home = tmp_path / "feature%2Flogin" / "what? #1" / "größe::日本 100%"
    with LocalService(home) as service, service.client() as client:
        dataset = client.upload_dataset(ROWS, display_name="complaints")
        wait_until(lambda: "worker_ready" in service.log)
        assert "Traceback" not in service.log

    with LocalService(home, environment={"FOREWORD_WORKERS": "0"}) as service, service.client() as client:
        assert [item.name for item in client.list_datasets()] == [dataset.name]
        assert len(list(client.list_dataset_rows(dataset))) == len(ROWS)

    beside = [path for path in tmp_path.rglob("*") if not path.is_relative_to(home) and path not in home.parents]
    assert beside == []
    assert {path.stat().st_mode & 0o077 for path in (home, home / "artifacts", home / "foreword.db")} == {0}
