"""The addresses of the studio."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from foreword.http.studio.assets import send_asset
from foreword.http.studio.forms import read_early
from foreword.http.studio.pages import (
    comparison,
    dataset_upload,
    datasets,
    deployments,
    experiments,
    home,
    keys,
    lab,
    new_experiment,
    settings,
    sign_in,
    tenants,
    tuned_models,
)
from foreword.http.studio.protection import check_origin
from foreword.http.studio.sessions import Session, SignInNeededError, session_of

Page = Callable[[Request, Session], Awaitable[Response]]


def _get(path: str, show: Page) -> Route:
    """Return the route of a page below `/tenants/{tenant}/`."""

    async def answer(request: Request) -> Response:
        return await show(request, await session_of(request))

    return Route(f"/tenants/{{tenant}}/{path}", answer, methods=["GET"])


def _post(path: str, act: Page, *, again: Page | None = None) -> Route:
    """Return the route of a form below `/tenants/{tenant}/`.

    Args:
        again: Shows the form with what was typed, and does nothing; None if nothing can be typed into it, or a file is
            part of it. With it, what was typed outlives the end of a session.
    """

    async def answer(request: Request) -> Response:
        if "sec-fetch-site" in request.headers:
            check_origin(request)  # what another site certainly has sent is neither read nor shown
        by_script = request.headers.get("hx-request") == "true"  # which keeps the page with the form
        form = await read_early(request) if again is not None and not by_script else None
        if form is not None:
            request.state.kept = form.keep(request.url.path)
        check_origin(request)
        try:
            session = await session_of(request)
        except SignInNeededError as needed:
            if form is None:
                raise
            return sign_in.show_sign_in_again(request, needed, form)
        if again is not None and "again" in request.query_params:
            return await again(request, session)
        return await act(request, session)

    return Route(f"/tenants/{{tenant}}/{path}", answer, methods=["POST"])


async def _sign_in(request: Request) -> Response:
    check_origin(request)
    return await sign_in.sign_in(request)


ROUTES: Final = [
    Route("/", sign_in.show_start, methods=["GET"]),
    Route("/tenants/{tenant}", sign_in.show_tenant, methods=["GET"]),
    Route("/sign-in", sign_in.show_sign_in, methods=["GET"]),
    Route("/sign-in", _sign_in, methods=["POST"]),
    Route("/static/{digest}/{name:path}", send_asset, methods=["GET"]),
    _post("sign-out", sign_in.sign_out),
    _get("", home.show_home),
    _get("lab", lab.show_lab),
    _post("lab", lab.act_in_lab, again=lab.show_again),
    _post("lab/tokens", lab.count_tokens),
    _get("datasets", datasets.list_datasets),
    _post("datasets", dataset_upload.upload_dataset),
    _get("datasets/{dataset}", datasets.show_dataset),
    _post("datasets/{dataset}/delete", datasets.delete_dataset),
    _get("tuneExperiments", experiments.list_experiments),
    _get("compare", comparison.show_comparison),
    _post("tuneExperiments", new_experiment.create_experiment, again=new_experiment.show_again),
    _get("tuneExperiments/new", new_experiment.show_new_experiment),
    _post("tuneExperiments/new/plan", new_experiment.show_plan),
    _get("tuneExperiments/{experiment}", experiments.show_experiment),
    _get("tuneExperiments/{experiment}/live", experiments.follow_experiment),
    _post("tuneExperiments/{experiment}/cancel", experiments.cancel_experiment),
    _post("tuneExperiments/{experiment}/delete", experiments.delete_experiment),
    _get("tunedModels/{model}", tuned_models.show_tuned_model),
    _post("tunedModels/{model}/deploy", tuned_models.deploy, again=tuned_models.show_again),
    _post("tunedModels/{model}/delete", tuned_models.delete_tuned_model),
    _get("deployments", deployments.list_deployments),
    _get("spaces/{space}/deployments/{deployment}", deployments.show_deployment),
    _post(
        "spaces/{space}/deployments/{deployment}/update",
        deployments.update_deployment,
        again=deployments.show_again,
    ),
    _post("spaces/{space}/deployments/{deployment}/rollback", deployments.roll_back),
    _post("spaces/{space}/deployments/{deployment}/promote", deployments.promote),
    _post("spaces/{space}/deployments/{deployment}/delete", deployments.delete_deployment),
    _get("settings", settings.show_settings),
    _post("settings/unlock", keys.enter_key),
    _post("settings/lock", keys.forget_key),
    _get("apiKeys", keys.show_keys),
    _post("apiKeys", keys.create_key, again=keys.show_again),
    _get("apiKeys/{key}", keys.show_key),
    _post("apiKeys/{key}/delete", keys.revoke_key),
    _get("settings/tenants", tenants.list_tenants),
    _post("settings/tenants", tenants.create_tenant, again=tenants.show_list_again),
    _get("settings/tenants/{other}", tenants.show_tenant),
    _post("settings/tenants/{other}/{verb}", tenants.change_tenant, again=tenants.show_again),
]
