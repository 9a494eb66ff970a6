"""Stored speeds of machines, so that every plan has a time and every run the same price per token."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy.orm import Session

from foreword.domain.machine_speed import Machine, MachineSpeed
from foreword.storage.database import Database
from foreword.storage.tables import MachineSpeedRow


class MachineSpeeds:
    """The speeds at which the machines of a service tune base models."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, machine: Machine, estimate: Callable[[], float]) -> MachineSpeed:
        """Return the speed of a machine. If it is not known yet, it is estimated and stored.

        Args:
            estimate: Returns the estimated seconds per token; called at most once for each machine of the service.
        """
        with self._database.read() as session:
            known = _find(session, machine)
        if known is not None:
            return _speed(known)
        seconds = estimate()  # takes up to a second, so it is no part of a transaction
        with self._database.write("machine_speeds") as session:
            row = _find(session, machine)  # another process may have stored it in the meantime
            if row is None:
                row = MachineSpeedRow(
                    base_model=machine.base_model,
                    device=machine.device,
                    dtype=machine.dtype,
                    seconds_per_token=seconds,
                    observed_tokens=0,
                    update_time=self._database.clock(session),
                )
                session.add(row)
            return _speed(row)

    def observe(self, machine: Machine, *, seconds: float, tokens: int) -> None:
        """Refine the speed of a machine with updates of a run that had it for itself.

        Args:
            machine: A machine whose speed is known.
            seconds: Time of the updates.
            tokens: Number of their tokens, at least one.
        """
        with self._database.write("machine_speeds") as session:
            row = _find(session, machine)
            assert row is not None, "the speed is estimated before the first update"
            refined = _speed(row).refined(seconds=seconds, tokens=tokens)
            row.seconds_per_token, row.observed_tokens = refined.seconds_per_token, refined.observed_tokens
            row.update_time = self._database.clock(session)


def _find(session: Session, machine: Machine) -> MachineSpeedRow | None:
    return session.get(MachineSpeedRow, (machine.base_model, machine.device, machine.dtype))


def _speed(row: MachineSpeedRow) -> MachineSpeed:
    return MachineSpeed(seconds_per_token=row.seconds_per_token, observed_tokens=row.observed_tokens)
