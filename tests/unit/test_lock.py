"""constraints.lock has the versions of constraints.txt, with a hash for every file."""

from __future__ import annotations

import re
from importlib.metadata import requires
from pathlib import Path

from foreword.entry_points import normalized

ROOT = Path(__file__).parents[2]
ENTRY = re.compile(r"^([\w.-]+)==([^\s;]+)(?: ; [^\\]*)? \\\n((?:    --hash=\S+(?: \\)?\n)+)", re.MULTILINE)
NOT_CONSTRAINED = re.compile(r"(nvidia|cuda)-.*|triton|setuptools|httpx2-jsfetch")
"""The CUDA packages of PyTorch, and packages that only other Pythons and platforms than the tested ones need."""


def constraints() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    return {normalized(name): version for name, _, version in (line.partition("==") for line in lines) if version}


def locked() -> dict[str, tuple[str, list[str]]]:
    found = ENTRY.findall((ROOT / "constraints.lock").read_text())
    return {normalized(name): (version, re.findall(r"--hash=(\S+)", hashes)) for name, version, hashes in found}


def test_the_lock_has_the_versions_of_the_constraints():
    versions = {name: version for name, (version, _) in locked().items() if not NOT_CONSTRAINED.fullmatch(name)}

    assert versions == {name: version for name, version in constraints().items() if name in versions}
    assert len(versions) > 60


def test_every_package_that_a_service_and_a_bot_require_is_locked_with_hashes():
    lines = [line for line in (ROOT / "constraints.lock").read_text().splitlines() if line[:1].isalnum()]
    needed = {
        normalized(re.match(r"[\w.-]+", requirement)[0])
        for requirement in requires("foreword")
        if re.search(r"extra == ['\"](server|slack|tracing|pandas|plot)['\"]", requirement) or ";" not in requirement
    }

    assert len(lines) == len(locked())
    assert needed - {"foreword"} <= set(locked())
    for _, hashes in locked().values():
        assert hashes
        assert all(re.fullmatch("sha256:[0-9a-f]{64}", item) for item in hashes)
