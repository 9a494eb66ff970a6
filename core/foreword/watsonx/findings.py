"""Tells what the service found in data and plans, where a notebook shows it."""

from __future__ import annotations

import warnings
from collections.abc import Iterable

from foreword.domain.report import Finding, Severity


class FindingWarning(UserWarning):
    """The service accepts data or a plan but warns of it."""


def tell(about: str, findings: Iterable[Finding], *, stacklevel: int) -> None:
    """Prints remarks and warns of warnings.

    Args:
        about: What they are about; names the very run, so that Python shows the warnings of the next one as well.
        stacklevel: Frames up to the caller's own line, counted from the function that calls this.
    """
    for finding in findings:
        text = f"{about}: {finding.message} {finding.remedy}".rstrip()
        if finding.severity >= Severity.WARNING:
            warnings.warn(text, FindingWarning, stacklevel=stacklevel + 1)
        else:
            print(text)
