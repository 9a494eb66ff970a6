from __future__ import annotations

import time


def test_named_base_models_are_loaded_at_the_start_and_a_wrong_name_stops_nothing(start_server):
    server = start_server(preload_base_models=("no--such-model", "starter"))

    until = time.monotonic() + 30
    while not server.engine.schedulers and time.monotonic() < until:
        time.sleep(0.02)

    assert [scheduler.runner.model.spec.id for scheduler in server.engine.schedulers] == ["foreword--starter"]
