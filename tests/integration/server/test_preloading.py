from __future__ import annotations

from factories.waiting import wait_until


def test_named_base_models_are_loaded_at_the_start_and_a_wrong_name_stops_nothing(start_server):
    server = start_server(preload_base_models=("no--such-model", "starter"))

    wait_until(lambda: server.engine.schedulers)

    assert [scheduler.runner.model.spec.id for scheduler in server.engine.schedulers] == ["foreword--starter"]
