"""Stored speeds of machines."""

from __future__ import annotations

import threading

import pytest

from foreword.domain.machine_speed import Machine, MachineSpeed
from foreword.storage.database import Database
from foreword.storage.workers.machine_speeds import MachineSpeeds

CPU = Machine(base_model="foreword--starter", device="cpu", dtype="float32")


def test_a_speed_is_estimated_once_for_all_processes(database, database_url):
    estimates: list[float] = []

    def estimate() -> float:
        estimates.append(0.001)
        return 0.001

    first = MachineSpeeds(database).get(CPU, estimate)
    other = Database(database_url)
    second = MachineSpeeds(other).get(CPU, estimate)
    other.close()

    assert first == second == MachineSpeed(seconds_per_token=0.001)
    assert estimates == [0.001]


def test_racing_estimates_agree_on_one(database_url):
    barrier, found = threading.Barrier(4), []

    def get(number: int) -> None:
        database = Database(database_url)

        def estimate() -> float:
            barrier.wait()
            return number + 1.0

        found.append(MachineSpeeds(database).get(CPU, estimate))
        database.close()

    threads = [threading.Thread(target=get, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(found) == 4
    assert len({speed.seconds_per_token for speed in found}) == 1


def test_observations_refine_the_speed_of_one_machine(database):
    speeds = MachineSpeeds(database)
    other = Machine(base_model="foreword--starter", device="cpu", dtype="bfloat16")
    for machine in (CPU, other):
        speeds.get(machine, lambda: 1.0)

    speeds.observe(CPU, seconds=20.0, tokens=1000)
    speeds.observe(CPU, seconds=40.0, tokens=1000)

    assert speeds.get(CPU, lambda: 1.0).seconds_per_token == pytest.approx(0.03)
    assert speeds.get(CPU, lambda: 1.0).observed_tokens == 2000
    assert speeds.get(other, lambda: 1.0) == MachineSpeed(seconds_per_token=1.0)
