"""`foreword top`: a live table of tenants, models, queues and workers."""

from foreword.cli.top.command import top

__all__ = ["top"]
