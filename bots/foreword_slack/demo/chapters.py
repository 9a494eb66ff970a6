"""The chapters of the demo."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable

from rich.console import Console
from rich.rule import Rule

from foreword_slack.demo.complaints import AFTERWARDS, NEW, OPENING, TAUGHT
from foreword_slack.demo.office import Office
from foreword_slack.demo.screen import Screen
from foreword_slack.payloads import PROMOTE, RETRAIN, ROLL_BACK
from foreword_slack.testing import FakeSlack, Message, Person
from foreword_slack.views import complaint as view

_PATIENCE_SECONDS = 120.0
_TUNED_WITHIN_SECONDS = 1200.0
_QUIET_SECONDS = 1.0
_LINE_EVERY_PERCENT = 25
_RETRAIN_ENDED = ("new model is better", "new model is not better", "retrain failed")
_PROGRESS = re.compile(r"(\d+) % done.*")
FIRST_CHAPTER = "A first model"


def begin(console: Console, number: int, title: str) -> None:
    """Print the headline of a chapter."""
    console.print()
    console.print(Rule(f"{number}. {title}", align="left", style="cyan"))


class Chapters:
    """A player of the people in the workspace, which shows what they see.

    Args:
        slack: The fake Slack.
        office: The workspace, in which the bot is running.
        console: Console to print on.
        num_sockets: Number of connections that the bot keeps open.
    """

    def __init__(self, slack: FakeSlack, office: Office, console: Console, *, num_sockets: int) -> None:
        self._slack, self._office, self._console, self._num_sockets = slack, office, console, num_sockets
        self._screen = Screen(console, office.workspace)
        self._chapter = 1

    async def play(self) -> None:
        """Play all chapters after the first model.

        Raises:
            TimeoutError: An expected event did not happen in time.
        """
        await self._join()
        await self._first_complaints()
        await self._teach()
        if await self._retrain():
            await self._ask_the_new_model()
        await self._look_back()

    async def _join(self) -> None:
        self._begin("The bot joins a workspace")
        names = ", ".join(f"#{channel.name}" for channel in self._office.channels)
        self._say(f"{self._office.workspace.team.name} has {names}.")
        sockets = self._slack.sockets
        await self._until(lambda: len(sockets.sockets) == self._num_sockets, "the bot's connections")
        self._say(
            f"The bot listens over {len(sockets.sockets)} sockets (Socket Mode). All connections are on loopback."
        )

    async def _first_complaints(self) -> None:
        self._begin("Complaints come in")
        people, complaints = self._office.people, self._office.complaints
        written = [people[name].post(complaints, text) for name, text in OPENING]
        await self._answered(written)
        self._show_news()
        routed = next((post for post in self._posts() if OPENING[0][1] in post.shown_text), None)
        if routed is not None:
            self._say("\nbob takes ann's complaint, and everybody sees it.")
            await people["bob"].click(routed, view.TAKE)
            await self._until(lambda: not _offers(routed, view.TAKE), "the mark on the post")
            await self._quiet()
            self._show_news()
        self._say("\nann edits her complaint, and the posts are updated.")
        people["ann"].edit(written[0], f"{OPENING[0][1]} My number is 555-123-4567.")
        await self._until(lambda: self._shown_of("555-123-4567"), "the edited post")
        await self._quiet()
        self._show_news()

    async def _teach(self) -> None:
        self._begin(f"People teach the model a new department, {NEW}")
        customers = [self._office.people[name] for name in ("ann", "dan", "eve")]
        written = [customers[number % 3].post(self._office.complaints, text) for number, text in enumerate(TAUGHT)]
        self._say(f"{len(written)} complaints about packaging come in. The model does not know this department.")
        await self._answered(written)
        self._screen.skip(self._office.channels)
        decided = [message for message in written if self._in_review(message)]
        corrected = [message for message in written if message not in decided]
        self._say(
            f"{len(decided)} went to the review channel because the model was unsure, "
            f"{len(corrected)} went to the wrong department."
        )
        for number, message in enumerate(decided):
            await self._decide(message, self._corrector(number), in_full=number == 0)
        for number, message in enumerate(corrected):
            await self._correct(message, self._corrector(number), in_full=number == 0)
        await self._quiet()
        self._screen.skip(self._office.channels)
        self._say(f"\nbob and carol have judged all {len(written)}.")

    async def _decide(self, message: Message, person: Person, *, in_full: bool) -> None:
        (asked,) = self._in_review(message)
        if in_full:
            self._say("\nA complaint that the model was unsure about, in the review channel:")
            self._screen.show_message(self._office.review, asked)
        await person.choose(asked, view.CHOOSE, NEW)
        await person.click(asked, view.DECIDE)
        await self._until(lambda: not _offers(asked, view.DECIDE), "the decision")
        if in_full:
            await self._until(lambda: self._notified(message), f"the post to #{NEW.lower()}")
            self._say(f"{person.user.name} decides:")
            self._screen.show_message(self._office.review, asked)
            self._screen.show_message(self._office.departments[NEW], self._notified(message)[0])

    async def _correct(self, message: Message, person: Person, *, in_full: bool) -> None:
        wrong = next(post for post in self._posts() if message.text in post.shown_text and _offers(post, view.WRONG))
        channel = self._office.workspace.team.channels[wrong.channel_id]
        if in_full:
            self._say(f"\nA complaint that went to the wrong department, #{channel.name}:")
            self._screen.show_message(channel, wrong)
        await person.click(wrong, view.WRONG)
        await self._until(lambda: person.modal, "the window")
        modal = person.modal
        assert modal is not None
        field = next(block["element"] for block in modal.content["blocks"] if block["type"] == "input")
        person.fill(modal, field["action_id"], NEW)
        if in_full:
            self._say(f"{person.user.name} clicks Wrong department and chooses:")
            self._screen.show_view(modal, title=modal.content["title"]["text"])
        await person.submit(modal)
        await self._until(lambda: not _offers(wrong, view.WRONG), "the correction")
        if in_full:
            await self._until(lambda: self._notified(message), f"the post to #{NEW.lower()}")
            self._screen.show_message(channel, wrong)
            self._screen.show_message(self._office.departments[NEW], self._notified(message)[0])

    async def _retrain(self) -> bool:
        """Retrain, and return whether the new model was promoted."""
        self._begin("The corrections train a new model")
        boss = self._office.people["boss"]
        await self._until(lambda: self._card(RETRAIN), "the proposal")
        card = self._card(RETRAIN)
        assert card is not None
        self._screen.show_message(self._office.review, card)
        self._say("boss clicks Retrain.")
        await boss.click(card, RETRAIN)
        await self._follow(card)
        self._screen.show_message(self._office.review, card)
        if not _offers(card, PROMOTE):
            self._say("The bot therefore does not offer to promote it.")
            return False
        self._say("boss clicks Promote.")
        await boss.click(card, PROMOTE)
        await self._until(lambda: _offers(card, ROLL_BACK), "the promotion")
        self._screen.show_message(self._office.review, card)
        return True

    async def _follow(self, card: Message) -> None:
        """Show the progress of the run until it has ended."""
        deadline = asyncio.get_running_loop().time() + _TUNED_WITHIN_SECONDS
        next_line = 0
        while not any(words in card.shown_text for words in _RETRAIN_ENDED):
            if asyncio.get_running_loop().time() > deadline:
                raise TimeoutError(f"the retrain did not end in time; its message is: {card.shown_text}")
            progress = _PROGRESS.search(card.shown_text)
            if progress is not None and int(progress[1]) >= next_line:
                self._say(f"  {progress[0]}")
                next_line = int(progress[1]) // _LINE_EVERY_PERCENT * _LINE_EVERY_PERCENT + _LINE_EVERY_PERCENT
            await asyncio.sleep(1.0)

    async def _ask_the_new_model(self) -> None:
        self._begin("Complaints similar to the earlier ones come in")
        await self._quiet()
        self._screen.skip(self._office.channels)
        written = [self._office.people["eve"].post(self._office.complaints, text) for text in AFTERWARDS]
        await self._answered(written)
        self._show_news()

    async def _look_back(self) -> None:
        self._begin("The results")
        boss = self._office.people["boss"]
        boss.open_home()
        await self._until(lambda: boss.home, "the App Home")
        assert boss.home is not None
        self._screen.show_view(boss.home, title="Foreword: the bot's App Home as boss sees it")
        journal = self._slack.journal
        texts = [post.message for post in journal.posts]
        acks = sorted(journal.ack_seconds())
        loud = [message for message in texts if message.notifies]
        self._say(
            f"The bot received {len(journal.deliveries)} events and clicks, and sent {len(texts)} messages. "
            f"Its median acknowledgement took {acks[len(acks) // 2]:.2f} s of Slack's time. "
            f"Posts that would have notified a whole channel: {len(loud)}."
        )

    def _corrector(self, number: int) -> Person:
        return self._office.people[("bob", "carol")[number % 2]]

    def _posts(self) -> list[Message]:
        """Return the posts in the channels of departments, newest last."""
        return [message for channel in self._office.departments.values() for message in channel.shown]

    def _shown_of(self, words: str) -> list[Message]:
        return [post for post in (*self._posts(), *self._office.review.shown) if words in post.shown_text]

    def _in_review(self, message: Message) -> list[Message]:
        return [post for post in self._office.review.shown if message.text in post.shown_text]

    def _notified(self, message: Message) -> list[Message]:
        return [post for post in self._office.departments[NEW].shown if message.text in post.shown_text]

    def _card(self, action: str) -> Message | None:
        return next((post for post in self._office.review.shown if _offers(post, action)), None)

    async def _answered(self, written: list[Message]) -> None:
        """Wait until the bot has replied in the thread of each complaint."""
        thread = self._office.complaints.thread
        await self._until(lambda: all(thread(message.ts) for message in written), "an answer to every complaint")
        await self._quiet()

    async def _quiet(self) -> None:
        """Wait until the bot sends nothing more."""
        calls = -1
        while calls != len(self._slack.journal.calls) or not self._slack.idle:
            calls = len(self._slack.journal.calls)
            await asyncio.sleep(_QUIET_SECONDS)

    async def _until(self, condition: Callable[[], object], what: str) -> None:
        await self._slack.wait_for(condition, what, wall_seconds=_PATIENCE_SECONDS)

    def _show_news(self) -> None:
        self._screen.show_news(self._office.channels)

    def _begin(self, title: str) -> None:
        self._chapter += 1
        begin(self._console, self._chapter, title)

    def _say(self, text: str) -> None:
        self._console.print(text)


def _offers(message: Message, action: str) -> bool:
    """Return whether a message shows a button."""
    try:
        message.find_element(action)
    except LookupError:
        return False
    return True
