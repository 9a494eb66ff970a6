"""The methods of `views`: modals and App Homes."""

from __future__ import annotations

from typing import Any

from foreword_slack.testing.block_kit.ids import with_ids
from foreword_slack.testing.block_kit.views import check_view, view_bytes
from foreword_slack.testing.errors import SlackError
from foreword_slack.testing.rate_limits import Tier
from foreword_slack.testing.state import Team, View
from foreword_slack.testing.web_api.method import Call, Method, invalid_arguments


def open_view(call: Call) -> dict[str, Any]:
    """Open a modal for the user of a trigger."""
    content = checked_view(call, kind="modal")
    trigger = call.backend.handles.use_trigger(call.text("trigger_id"), call.team.id)
    return {"view": _add(call, content, trigger.user_id).as_json()}


def push(call: Call) -> dict[str, Any]:
    """Open a modal on top of the one that the trigger comes from."""
    content = checked_view(call, kind="modal")
    trigger = call.backend.handles.use_trigger(call.text("trigger_id"), call.team.id)
    below = call.team.views.get(trigger.view_id)
    if below is None or not below.is_open:
        raise SlackError("not_found")
    stack = [view for view in call.team.views.values() if view.is_open and view.root_id == below.root_id]
    if len(stack) >= call.backend.limits.view_stack:
        raise SlackError("push_limit_reached")
    return {"view": _add(call, content, trigger.user_id, below).as_json()}


def update(call: Call) -> dict[str, Any]:
    """Update an open modal."""
    content = checked_view(call, kind="modal")
    view = _find(call)
    check_hash(call.text("hash", ""), view)
    replace(view, content)
    call.backend.journal.changed()
    return {"view": view.as_json()}


def publish(call: Call) -> dict[str, Any]:
    """Publish a user's App Home."""
    content = checked_view(call, kind="home")
    user = call.text("user_id")
    if user not in call.team.users:
        raise SlackError("user_not_found")
    home = call.team.homes.get(user)
    if home is None:
        id = call.backend.ids.next("V")
        home = View(id=id, team_id=call.team.id, user=user, content=content, root_id=id)
        call.team.homes[user] = home
    else:
        check_hash(call.text("hash", ""), home)
        replace(home, content)
    call.backend.journal.changed()
    return {"view": home.as_json()}


def checked_view(call: Call, *, kind: str) -> dict[str, Any]:
    """Return the checked view of a call.

    Raises:
        SlackError: The view breaks a rule of Block Kit, is too large, or shows a missing file.
    """
    content = call.json("view", error="invalid_arguments")
    if content is None:
        raise invalid_arguments(["[ERROR] missing required field: view"])
    if view_bytes(content) > call.backend.limits.view_bytes:
        raise SlackError("view_too_large")
    faults = check_view(content, kind=kind)
    if not faults:
        for block in content["blocks"]:
            file = call.team.files.get(block.get("slack_file", {}).get("id", "")) if "slack_file" in block else None
            if "slack_file" in block and (file is None or not file.completed):
                faults.append("[ERROR] invalid slack file [json-pointer:/blocks]")
    if faults:
        raise invalid_arguments(faults)
    return {**content, "blocks": with_ids(content["blocks"], call.backend.ids)}


def check_hash(given: str, view: View) -> None:
    """Refuse a change that is based on an older state of a view.

    Raises:
        SlackError: The hash is not the current one.
    """
    if given and given != view.hash:
        raise SlackError("hash_conflict")


def replace(view: View, content: dict[str, Any]) -> None:
    """Replace the content of a view; keep the input of blocks that remain."""
    view.content = content
    view.revision += 1
    view.errors = {}
    kept = {block.get("block_id") for block in content["blocks"]}
    view.values = {block: values for block, values in view.values.items() if block in kept}


def _find(call: Call) -> View:
    id, external_id = call.text("view_id", ""), call.text("external_id", "")
    for view in call.team.views.values():
        if view.is_open and (view.id == id or (external_id and view.content.get("external_id") == external_id)):
            return view
    raise SlackError("not_found")


def _add(call: Call, content: dict[str, Any], user: str, below: View | None = None) -> View:
    _check_external_id(call.team, content)
    id = call.backend.ids.next("V")
    view = View(
        id=id,
        team_id=call.team.id,
        user=user,
        content=content,
        root_id=below.root_id if below else id,
        previous_id=below.id if below else "",
    )
    call.team.views[id] = view
    call.backend.journal.changed()
    return view


def _check_external_id(team: Team, content: dict[str, Any]) -> None:
    id = content.get("external_id")
    if id and any(view.is_open and view.content.get("external_id") == id for view in team.views.values()):
        raise SlackError("duplicate_external_id")


METHODS = {
    "views.open": Method(handler=open_view, tier=Tier.TIER_4),
    "views.push": Method(handler=push, tier=Tier.TIER_4),
    "views.update": Method(handler=update, tier=Tier.TIER_4),
    "views.publish": Method(handler=publish, tier=Tier.TIER_4),
}
