"""What Slack sends in rarer cases: shared channels, asides to the bot, own messages, broken characters, windows."""

from __future__ import annotations

import json

from factories.bots import running_office
from factories.logs import captured_logs
from foreword_slack.listeners import read_event
from foreword_slack.store import ComplaintState
from foreword_slack.views import complaint as view

JSON = {"Content-Type": "application/json"}


async def complaints_of(office):
    return await office.bot.store.read(office.workspace.id, lambda uow: uow.complaints.latest())


async def send(office, payload):
    body = json.dumps(payload).encode()
    answer = await office.slack.http.post(body, JSON | office.slack.http.sign(body))
    assert answer.status == 200


def message_event(office, **event):
    values = {"type": "message", "channel": office.complaints.id, "ts": "1700000000.000100", "text": "About Service"}
    return {"type": "event_callback", "team_id": office.workspace.id, "event": values | event}


async def test_thanks_to_the_bot_in_a_channel_that_gets_complaints_are_no_complaint(keyword_access, tmp_path):
    async with running_office(keyword_access, tmp_path) as office:
        thanks = f"thanks <@{office.workspace.bot.id}>, Service"
        office.bob.post(office.review, thanks)
        office.bob.post(office.departments["Service"], thanks)
        await office.handled()

        assert await complaints_of(office) == []
        assert office.review_posts() == []


async def test_thanks_in_a_channel_that_an_administrator_chose_are_no_complaint(keyword_access, tmp_path):
    async with running_office(keyword_access, tmp_path) as office:
        moved = office.workspace.add_channel("moved", office.boss, office.bob)
        office.boss.open_home()
        await office.slack.wait_for(lambda: office.boss.home, "the App Home")
        await office.boss.click(office.boss.home, "open_settings")
        modal = await office.opened(office.boss)
        office.boss.fill(modal, "channel:0", moved.id)
        await office.boss.submit(modal)

        office.bob.post(moved, f"thanks <@{office.workspace.bot.id}>, Service")
        await office.handled()

        assert await complaints_of(office) == []


async def test_a_message_of_the_bots_own_user_is_not_routed(keyword_access, tmp_path):
    async with running_office(keyword_access, tmp_path) as office:
        await send(office, message_event(office, user=office.workspace.bot.id))
        await office.handled()

        assert await complaints_of(office) == []


async def test_a_lone_surrogate_costs_no_attempt(keyword_access, tmp_path):
    async with running_office(keyword_access, tmp_path) as office:
        await send(office, message_event(office, user=office.ann.id, text="About Service \ud83d, says \udc00 Ann"))
        (post,) = await office.posted()
        await office.handled()

        assert "About Service \ufffd, says \ufffd Ann" in post.shown_text
        assert office.bot.inbox.counts["failed"] == 0


async def test_the_command_and_the_shortcut_are_answered_where_the_bot_is_no_member(keyword_access, tmp_path):
    async with running_office(keyword_access, tmp_path) as office:
        elsewhere = office.workspace.add_channel("elsewhere", office.ann, with_bot=False)

        await office.ann.run_command(elsewhere, "/foreword", "route\nIt is about Service")
        await office.slack.wait_for(
            lambda: any("Notified: Service" in said.shown_text for said in office.ann.ephemerals(elsewhere))
        )
        other = office.ann.post(elsewhere, "It is about Marketing")
        await office.ann.use_shortcut("route_complaint", other)
        await office.slack.wait_for(
            lambda: any("Notified: Marketing" in said.shown_text for said in office.ann.ephemerals(elsewhere))
        )


async def test_a_correction_in_a_window_of_a_shared_channel_reaches_the_workspace_of_the_app(keyword_access, tmp_path):
    async with running_office(keyword_access, tmp_path) as office:
        office.ann.post(office.complaints, "It is about Service")
        (post,) = await office.posted()
        await office.bob.click(post, view.WRONG)
        modal = await office.opened(office.bob)
        partner = {"id": "T0PARTNER", "domain": "partner"}
        await send(
            office,
            {
                "type": "view_submission",
                "team": partner,
                "user": {"id": "U0PARTNER", "name": "pat", "team_id": "T0PARTNER"},
                "view": modal.as_json()
                | {
                    "team_id": "T0PARTNER",
                    "app_installed_team_id": office.workspace.id,
                    "state": {"values": {"labels": {"choice": {"selected_options": [{"value": "Marketing"}]}}}},
                },
            },
        )
        await office.posted(2)

        (complaint,) = await complaints_of(office)
        assert complaint.state is ComplaintState.DECIDED
        assert list(complaint.departments) == ["Marketing"]


def test_a_payload_of_an_unknown_workspace_is_reported():
    with captured_logs() as logs:
        assert read_event({"type": "view_submission", "team": {"id": "T0X"}, "view": {}}, {}) is None
    assert [(line["event"], line["workspaces"]) for line in logs] == [("payload_of_unknown_workspace", ["T0X"])]


async def test_an_outdated_settings_window_does_not_undo_another_persons_change(keyword_access, tmp_path):
    async with running_office(keyword_access, tmp_path) as office:
        everywhere = office.workspace.add_channel("everywhere", office.boss)
        windows = []
        for _ in range(2):
            office.boss.open_home()
            await office.slack.wait_for(lambda: office.boss.home, "the App Home")
            await office.boss.click(office.boss.home, "open_settings")
            windows.append(await office.opened(office.boss))
        first, second = windows
        office.boss.fill(first, "channel:0", everywhere.id)
        office.boss.fill(first, "threshold:1", "90")
        assert (await office.boss.submit(first)).errors == {}

        office.boss.fill(second, "threshold:1", "70")
        refused = await office.boss.submit(second)
        office.boss.fill(second, "threshold:1", "0")
        office.boss.fill(second, "threshold:2", "60")
        assert (await office.boss.submit(second)).errors == {}

        assert "changed this since" in refused.errors["threshold:1"]
        policy = await office.bot.store.read(
            office.workspace.id, lambda uow: office.bot.teams[office.workspace.id].policy(uow)
        )
        rules = list(policy.departments.values())
        assert rules[0].channel == everywhere.id
        assert [rule.threshold for rule in rules[:3]] == [0.0, 0.9, 0.6]
