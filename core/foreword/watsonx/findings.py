"""Output of findings about data and plans in a notebook."""

from __future__ import annotations

import warnings
from collections.abc import Iterable

from foreword.domain.report import Finding, Severity


class FindingWarning(UserWarning):
    """A warning of the service about data or a plan that it accepted."""


def report_findings(about: str, findings: Iterable[Finding], *, stacklevel: int) -> None:
    """Print remarks, and issue a Python warning for each warning.

    Args:
        about: Subject of the findings. It includes the id of the run, so that Python repeats warnings for the next run.
        stacklevel: Number of frames up to the user's line, counted from the caller of this function.
    """
    for finding in findings:
        text = f"{about}: {finding.message} {finding.remedy}".rstrip()
        if finding.severity >= Severity.WARNING:
            warnings.warn(text, FindingWarning, stacklevel=stacklevel + 1)
        else:
            print(text)
