"""Entry point that registers the tasks."""

from __future__ import annotations

from foreword.plugin import hookimpl
from foreword.plugin.interfaces import Task
from foreword.plugin.register import Register
from foreword_tasks.classification import Classification
from foreword_tasks.generation import Generation
from foreword_tasks.summarization import Summarization


@hookimpl
def register_tasks(register: Register[Task]) -> None:
    """Register classification, generation and summarization."""
    register.add(Classification())
    register.add(Generation())
    register.add(Summarization())
