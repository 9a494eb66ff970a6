"""A fake Slack for tests and demonstrations: it enforces Slack's rules, simulates its failures and needs no network.

Point a bot at it, with no other changes::

    async with FakeSlack(speed=60) as slack:
        acme = slack.add_team("Acme")
        ann = acme.add_user("ann")
        complaints = acme.add_channel("complaints", ann)

        # The bot: AsyncWebClient(token=acme.token, base_url=slack.api_url), Socket Mode with slack.app.app_token;
        # or signed HTTP: slack.app.request_url = "http://127.0.0.1:3000/slack/events", slack.app.signing_secret.

        message = ann.post(complaints, "Two screws are missing.")
        await slack.wait_for(lambda: complaints.thread(message.ts), "an answer in the thread")
        await ann.click(complaints.thread(message.ts)[0], "take")

It enforces scopes, tokens and their rotation, membership and archived channels, rate limits with `Retry-After`, Block
Kit's limits, the three seconds of an acknowledgement and the schedule of retries, the lifetimes of `trigger_id` and
`response_url`, the tickets and the number of Socket Mode connections, and the isolation of workspaces. It tolerates
no bursts beyond the published calls of a minute, and one post a second in a channel; `App(is_distributed=True)` has
the limits of apps outside Slack's marketplace. It runs on a scaled clock
(:class:`~foreword_slack.clock.ScaledClock`), so that minutes of retries pass in seconds.

A :class:`FaultPlan` defines the faults, either one by one or at seeded random. `slack.sockets` disconnects, cuts and
half-opens connections; `slack.http` sends requests with bad signatures; a :class:`Workspace` revokes and expires
tokens. `slack.journal` records everything that happened.

It does not check behaviour that Slack does not guarantee, and supports neither the organisations of Enterprise Grid
nor Slack Connect.
"""

from foreword_slack.testing.app import BOT_SCOPES, EVENTS, App
from foreword_slack.testing.delivery import Answer
from foreword_slack.testing.faults import CallFault, DeliveryFault, FaultPlan, RetryAfter, SocketFault
from foreword_slack.testing.journal import Journal
from foreword_slack.testing.limits import Limits
from foreword_slack.testing.person import Person
from foreword_slack.testing.server import FakeSlack
from foreword_slack.testing.state import Channel, Message, PostingRule, View
from foreword_slack.testing.workspace import Workspace

__all__ = [
    "BOT_SCOPES",
    "EVENTS",
    "Answer",
    "App",
    "CallFault",
    "Channel",
    "DeliveryFault",
    "FakeSlack",
    "FaultPlan",
    "Journal",
    "Limits",
    "Message",
    "Person",
    "PostingRule",
    "RetryAfter",
    "SocketFault",
    "View",
    "Workspace",
]
