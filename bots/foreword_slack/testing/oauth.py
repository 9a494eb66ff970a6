"""The installation of the app in the browser, as an administrator of a workspace does it."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlencode, urlsplit

import aiohttp

from foreword_slack.testing.backend import Backend
from foreword_slack.testing.http_delivery import HttpAnswer
from foreword_slack.testing.person import Person
from foreword_slack.testing.workspace import Workspace

_AUTHORIZE = re.compile(r"https?://[\w.:]+/oauth/v2/authorize\?[^\"'\s]+")


async def install(
    backend: Backend, workspace: Workspace, person: Person, install_url: str, *, consents: bool = True
) -> HttpAnswer:
    """Open the app's install page, follow it to Slack, and return to the app with Slack's code.

    Args:
        backend: The fake's state.
        workspace: The workspace to install the app in.
        person: The person who installs the app.
        install_url: The app's install page, such as `http://127.0.0.1:3000/slack/install`.
        consents: Whether the person allows the installation.

    Returns:
        The page that the app shows at the end.

    Raises:
        LookupError: The page does not link to Slack's authorization page.
    """
    async with aiohttp.ClientSession() as session:
        async with session.get(install_url, allow_redirects=False) as page:
            found = _AUTHORIZE.search(page.headers.get("Location", "") or (await page.text()).replace("&amp;", "&"))
            cookies = "; ".join(f"{name}={morsel.value}" for name, morsel in page.cookies.items())
        if found is None:
            raise LookupError(f"{install_url} does not link to /oauth/v2/authorize. Pass the app's install page.")
        query = {key: values[0] for key, values in parse_qs(urlsplit(found[0]).query).items()}
        redirect_uri = (
            query.get("redirect_uri") or urlsplit(install_url)._replace(path="/slack/oauth_redirect").geturl()
        )
        back = {"state": query.get("state", "")}
        if consents:
            scopes = tuple(scope for scope in query.get("scope", "").split(",") if scope)
            back["code"] = backend.tokens.issue_code(
                workspace.id, person.id, redirect_uri=redirect_uri, scopes=scopes or backend.app.scopes
            )
        else:
            back["error"] = "access_denied"
        async with session.get(
            f"{redirect_uri}?{urlencode(back)}", headers={"Cookie": cookies}, allow_redirects=False
        ) as shown:
            return HttpAnswer(status=shown.status, headers=shown.headers, body=await shown.read())
