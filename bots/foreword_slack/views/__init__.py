"""Block Kit views. All text written by people or models is escaped here."""

from foreword_slack.views.complaint import ComplaintCard, ShownText, department_post, review_post, shown_text
from foreword_slack.views.message import Message

__all__ = ["ComplaintCard", "Message", "ShownText", "department_post", "review_post", "shown_text"]
