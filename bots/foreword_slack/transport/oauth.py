"""Installation of the bot through Slack's OAuth."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from slack_bolt.oauth.async_oauth_flow import AsyncOAuthFlow
from slack_bolt.oauth.async_oauth_settings import AsyncOAuthSettings

from foreword_slack.installations import Installations, OauthStates
from foreword_slack.slack_api import SlackApi
from foreword_slack.store import Store
from foreword_slack.transport.http import INSTALL_PATH, REDIRECT_PATH


def oauth_flow(
    store: Store,
    installations: Installations,
    api: SlackApi,
    *,
    client_id: str,
    client_secret: str,
    scopes: Sequence[str],
    public_url: str,
    site_url: str = "https://slack.com/",
) -> AsyncOAuthFlow:
    """Return Bolt's OAuth flow, backed by the store so that any of several bots may receive the redirect.

    Args:
        client_id: The app's client id.
        client_secret: The app's client secret.
        scopes: Scopes to request.
        public_url: Public address of the bot, such as https://bot.example.com.
        site_url: Address of Slack, whose page asks people to allow the installation.
    """
    # Bolt would log codes and answers; the audit has the relevant events.
    log = logging.getLogger("foreword_slack.oauth")
    log.setLevel(logging.CRITICAL)
    settings = AsyncOAuthSettings(
        client_id=client_id,
        client_secret=client_secret,
        scopes=list(scopes),
        redirect_uri=public_url.rstrip("/") + REDIRECT_PATH if public_url else None,
        authorization_url=f"{site_url}oauth/v2/authorize",
        install_path=INSTALL_PATH,
        redirect_uri_path=REDIRECT_PATH,
        installation_store=installations,
        state_store=OauthStates(store),
        logger=log,
    )
    return AsyncOAuthFlow(client=api.client(), logger=log, settings=settings)
