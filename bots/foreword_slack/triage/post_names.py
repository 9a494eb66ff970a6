"""Names of the posts about a complaint, which is how one is found again."""

from __future__ import annotations


def route_name(complaint: str, label: str) -> str:
    """Name of a department's post."""
    return f"route:{complaint}:{label}"


def routed_label(name: str, complaint: str) -> str | None:
    """The department whose post has this name; None when it is no department's."""
    prefix = route_name(complaint, "")
    return name.removeprefix(prefix) if name.startswith(prefix) else None


def review_name(complaint: str) -> str:
    """Name of the post in the review channel."""
    return f"review:{complaint}"


def note_name(complaint: str) -> str:
    """Name of what its author reads below a complaint."""
    return f"note:{complaint}"


def untold_name(complaint: str, label: str) -> str:
    """Name of the post that tells people in review of a department that cannot be told."""
    return f"untold:{complaint}:{label}"


def escalation_name(complaint: str, label: str, moment: int) -> str:
    """Name of the post that tells others of a department that has not taken a complaint by a moment."""
    return f"escalate:{complaint}:{label}:{moment}"


def escalated_label(name: str, complaint: str) -> str | None:
    """The department whose escalation has this name; None when it is no escalation's."""
    prefix = f"escalate:{complaint}:"
    return name.removeprefix(prefix).rpartition(":")[0] if name.startswith(prefix) else None


def is_last_resort(name: str, complaint: str) -> bool:
    """Whether nobody may hear of a complaint, or of a department's silence, unless this post is sent."""
    return name == review_name(complaint) or name.startswith((f"untold:{complaint}:", f"escalate:{complaint}:"))


def is_repeat(name: str, complaint: str) -> bool:
    """Whether a post is one of those that show a complaint below another."""
    return name.startswith(f"repeat:{complaint}:")
