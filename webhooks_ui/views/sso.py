"""Single sign-on: to the provider, and back."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from flask import Blueprint, abort, current_app, redirect, request, session, url_for
from flask.blueprints import BlueprintSetupState
from flask_login import current_user
from werkzeug.urls import iri_to_uri
from werkzeug.wrappers import Response

from webhooks_ui import audit
from webhooks_ui.configuration.sign_in import OidcProvider
from webhooks_ui.database import writing
from webhooks_ui.events.strict_json import shortened
from webhooks_ui.forms.sign_in import LoginForm
from webhooks_ui.lazy import Lazy
from webhooks_ui.models import SignInMethod
from webhooks_ui.people import single_sign_on
from webhooks_ui.people.accounts import Refused
from webhooks_ui.views.session import page
from webhooks_ui.web.access import ASKED_AT
from webhooks_ui.web.answers import safe_next
from webhooks_ui.web.places import place_in
from webhooks_ui.web.sign_in import begin_half, refuse, sign_in

if TYPE_CHECKING:
    from webhooks_ui.web import oidc
else:
    oidc = Lazy("webhooks_ui.web.oidc")  # its packages take 4 MiB, and only single sign-on needs them

BACK = "sso_next"
ASKS = "sso_asks"  # whether the portal made the provider ask who is there
BACK_MAX_CHARACTERS = 1_000  # a cookie has 4,096 bytes, and some sign-ins that were begun must fit beside it
PLACES = "provider_places"

blueprint = Blueprint("sso", __name__, url_prefix="/login/sso")
logger = logging.getLogger(__name__)


@blueprint.record_once
def prepare(state: BlueprintSetupState) -> None:
    """Let half of the threads wait for the provider at most. It may hang, and anybody can begin to sign in."""
    places = max(1, state.app.config["WEB_THREADS"] // 2)
    state.app.extensions[PLACES] = threading.BoundedSemaphore(places)


@blueprint.get("")
def start() -> Response:
    """Send the browser to the provider. ``again`` makes it ask who is there, although it may know."""
    back = iri_to_uri(safe_next(request.args.get("next")))  # it can't write all that is no path
    session[BACK] = back if len(back) <= BACK_MAX_CHARACTERS else None
    session[ASKS] = "again" in request.args
    parameters = {"prompt": "login"} if session[ASKS] else {}
    try:
        with _place():
            return oidc.redirect_to(_provider(), _callback_url(), **parameters)
    except oidc.Failed as error:
        return _failed(error)


@blueprint.get("/callback")
def callback() -> Response:
    """Take in what the provider says, and sign the person in."""
    provider = _provider()
    try:
        with _place():
            claims = oidc.claims_of_answer(provider)
    except oidc.Failed as error:
        if isinstance(error, oidc.Unasked) and current_user.is_authenticated:
            return redirect(safe_next(None))  # another tab was faster, and its sign-in forgot that this one had begun
        return _failed(error)
    audit.act_as(audit.PROVIDER)
    try:
        with writing():
            user = single_sign_on.admit(provider, claims)
    except Refused as error:
        refuse("", None, f"single sign-on: {error}")
        return page(LoginForm(formdata=None), 403, str(error))
    factor, back = single_sign_on.second_factor_of(claims), session.pop(BACK, None)
    if factor is None and user.has_second_factor:
        begin_half(user, SignInMethod.SSO)
        return redirect(url_for("second_factor.new", next=back))
    asked_at = single_sign_on.asked_at_of(claims, has_asked=session.pop(ASKS, False))
    answer = sign_in(user, SignInMethod.SSO, factor, back)
    session[ASKED_AT] = asked_at
    return answer


@contextmanager
def _place() -> Iterator[None]:
    """Hold one of the places of those who wait for the provider.

    Raises:
        oidc.Busy: There is none.
    """
    places: threading.BoundedSemaphore = current_app.extensions[PLACES]
    with place_in(places) as has_place:
        if not has_place:
            raise oidc.Busy
        yield


def _provider() -> OidcProvider:
    """Return the provider. Answer with 404 if none is set."""
    provider: OidcProvider | None = current_app.config["OIDC"]
    return provider or abort(404)


def _callback_url() -> str:
    """Return the address at which the provider sends browsers back, which it must know."""
    return str(current_app.config["PUBLIC_URL"]) + url_for("sso.callback")


def _failed(error: "oidc.Failed") -> Response:
    cause = shortened(" ".join(str(error.__cause__ or "none").split()))  # anybody can write it into the address
    logger.warning("Single sign-on failed: %s Cause: %s", error, cause)
    return page(LoginForm(formdata=None), error.status, str(error))
