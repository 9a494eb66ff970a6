"""Names of the posts about a complaint. They are stored, so existing databases depend on their form."""

from __future__ import annotations


def route_name(complaint: str, label: str) -> str:
    """Return the name of a department's post."""
    return f"route:{complaint}:{label}"


def routed_label(name: str, complaint: str) -> str | None:
    """Return the department whose post has a name; None if it is not a department's post."""
    prefix = route_name(complaint, "")
    return name.removeprefix(prefix) if name.startswith(prefix) else None


def review_name(complaint: str) -> str:
    """Return the name of the post in the review channel."""
    return f"review:{complaint}"


def note_name(complaint: str) -> str:
    """Return the name of the reply in the complaint's thread."""
    return f"note:{complaint}"


def undelivered_name(complaint: str, label: str) -> str:
    """Return the name of the report in the review channel that a department could not be notified."""
    return f"untold:{complaint}:{label}"


def escalation_name(complaint: str, label: str, moment: int) -> str:
    """Return the name of the escalation of a complaint that a department has not taken by a moment."""
    return f"escalate:{complaint}:{label}:{moment}"


def escalated_label(name: str, complaint: str) -> str | None:
    """Return the department whose escalation has a name; None if it is not an escalation."""
    prefix = f"escalate:{complaint}:"
    return name.removeprefix(prefix).rpartition(":")[0] if name.startswith(prefix) else None


def is_last_resort(name: str, complaint: str) -> bool:
    """Return whether nobody may learn of a complaint, or of its missing acknowledgement, unless a post is sent."""
    return name == review_name(complaint) or name.startswith((f"untold:{complaint}:", f"escalate:{complaint}:"))


def is_repeat(name: str, complaint: str) -> bool:
    """Return whether a post shows a duplicate in the thread of another complaint's post."""
    return name.startswith(f"repeat:{complaint}:")
