"""Creating an API key, and changing what it may do."""

from flask import Response, flash, request, url_for
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response as BaseResponse

from webhooks_ui import api_keys
from webhooks_ui.database import writing
from webhooks_ui.forms import meanwhile
from webhooks_ui.forms.api_key import ApiKeyForm, sent_texts, texts_of, with_texts
from webhooks_ui.models import ApiKey, ApiKeyStatus, utcnow
from webhooks_ui.models.api_key import RATE_PER_MINUTE_DEFAULT
from webhooks_ui.models.scope import MEANINGS, READY_CHOICES, ready_choice
from webhooks_ui.views.api_keys.blueprint import blueprint, load
from webhooks_ui.views.api_keys.rolling import keep_text
from webhooks_ui.web import form_tokens
from webhooks_ui.web.answers import go, render
from webhooks_ui.web.preferences import first_environment


@blueprint.get("/new")
def new() -> Response:
    """Show the form. ``?ready=`` names a ready choice of scopes. HTMX gets only the scopes."""
    scopes = READY_CHOICES.get(request.args.get("ready", ""), READY_CHOICES["publisher"])
    return _page(ApiKeyForm(formdata=None, data={"environment": first_environment(), "scopes": list(scopes)}))


@blueprint.post("")
def create() -> BaseResponse:
    """Create a key, and lead to the page that shows its text."""
    given = MultiDict(request.form)
    given.setdefault("rate_per_minute", str(RATE_PER_MINUTE_DEFAULT))
    form = ApiKeyForm(given)
    if not form.validate():
        return _page(form, status=422)
    with writing():
        if address := form_tokens.begin():
            return go(address)
        key, text = api_keys.create(form.fields)
        address = keep_text(key, text)
    return go(address)


@blueprint.get("/<int:key_id>/edit")
def edit(key_id: int) -> BaseResponse:
    key = load(key_id)
    if key.status is ApiKeyStatus.REVOKED:
        return _refuse(key)
    form = ApiKeyForm.of(key)
    if ready := READY_CHOICES.get(request.args.get("ready", "")):
        form.scopes.data = list(ready)
    return _page(form, key, meanwhile.seen_of(texts_of(key)))


@blueprint.post("/<int:key_id>/edit")
def update(key_id: int) -> BaseResponse:
    with writing():
        key = load(key_id, lock=True)
        if key.status is ApiKeyStatus.REVOKED:
            return _refuse(key)
        form, status, seen = meanwhile.merge(
            texts_of(key), sent_texts(request.form), lambda kept: ApiKeyForm.of(key, with_texts(request.form, kept))
        )
        if status == 200:
            api_keys.edit(key, form.fields)
    if status != 200:
        return _page(form, key, seen, status)
    flash(f"{key.name} was saved.")
    return go(url_for(".show", key_id=key_id))


def _refuse(key: ApiKey) -> BaseResponse:
    flash(f"{key.name} was revoked, so it can't be changed.", "error")
    return go(url_for(".show", key_id=key.id))


def _page(form: ApiKeyForm, key: ApiKey | None = None, seen: str = "", status: int = 200) -> Response:
    context = {
        "form": form,
        "key": key,
        "seen": seen,
        "meanings": MEANINGS,
        "ready_choices": READY_CHOICES,
        "chosen": ready_choice(form.scopes.data or []),
        "today": utcnow().date(),
    }
    return render("api_keys/form.html", "api_keys/_scopes.html", status, **context)
