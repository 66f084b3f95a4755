"""Creating a webhook, and editing one that somebody else may be editing at the same time."""

from flask import Response, flash, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from webhooks_ui.database import release, writing
from webhooks_ui.forms.untouched import marks_of, taken_over
from webhooks_ui.forms.webhook import WebhookForm
from webhooks_ui.models import Webhook
from webhooks_ui.parsing import parse_id
from webhooks_ui.views.inspectors.blueprint import address_of
from webhooks_ui.views.inspectors.blueprint import load as load_inspector
from webhooks_ui.views.webhooks.blueprint import blueprint
from webhooks_ui.views.webhooks.conflict import differences, last_change
from webhooks_ui.views.webhooks.preview import new_form, original, page_context
from webhooks_ui.views.webhooks.secret import finish_form, show_again, show_once
from webhooks_ui.web import form_tokens
from webhooks_ui.web.answers import go, render
from webhooks_ui.web.preferences import first_environment
from webhooks_ui.webhooks import changes
from webhooks_ui.webhooks.options import warnings_of


@blueprint.get("/new")
def new() -> Response:
    """Show an empty form, or with ``?copy=<id>`` one with the values of that webhook.

    It begins with the environment that the reader looked at (``?environment=``), else with the current one, and with
    ``?inspector=<id>`` with the name and the URL of that inspector of the reader.
    """
    copied = request.args.get("copy", "")
    if copied.isdecimal():
        return _page(WebhookForm.copy_of(changes.get(parse_id(copied) or 0)))
    return _page(WebhookForm(formdata=None, data={"environment": first_environment()} | _for_inspector()))


@blueprint.post("/new")
def create() -> BaseResponse:
    form = _checked(new_form())
    if form.errors:
        return _page(form, status=422)
    with writing():
        if address := form_tokens.begin():
            show_again()
            return go(address)
        webhook = changes.create(form.columns, form.secret.data or "", like=original(form))
        address = finish_form(webhook)
    show_once(webhook)
    flash(f"{webhook.name} was created.")
    _warn(form, webhook)
    return go(address)


@blueprint.get("/<int:webhook_id>/edit")
def edit(webhook_id: int) -> Response:
    webhook = changes.get(webhook_id)
    form = WebhookForm.of(webhook)
    form.marks.data = marks_of(form)
    return _page(form, webhook)


@blueprint.post("/<int:webhook_id>/edit")
def update(webhook_id: int) -> BaseResponse:
    form = _checked(WebhookForm.of(changes.get(webhook_id)))
    if form.errors:
        return _page(form, changes.get(webhook_id), 422)
    try:
        with writing():
            webhook = changes.get(webhook_id, lock=True)
            is_current = form.version.data == str(webhook.version)
            if is_current:
                changes.edit(webhook, form.columns, form.wanted_secret(), form.grace_hours)
    except changes.TooManySecrets as error:
        form.new_secret.errors = [str(error)]
        return _page(form, changes.get(webhook_id), 422)
    if not is_current:
        return _conflict(form, webhook)
    return _done(form, webhook)


def _done(form: WebhookForm, webhook: Webhook) -> BaseResponse:
    if form.new_secret.data:
        show_once(webhook)
    flash(f"{webhook.name} was saved.{' It has a new secret.' if form.new_secret.data else ''}")
    _warn(form, webhook)
    return go(url_for("webhooks.show", webhook_id=webhook.id))


def _for_inspector() -> dict[str, str]:
    """Return what the form for a webhook to an inspector begins with. Only the reader's own inspectors count."""
    if not (wanted := parse_id(request.args.get("inspector", ""))):
        return {}
    inspector = load_inspector(wanted)
    return {"name": inspector.name, "url": address_of(inspector)}


def _checked(form: WebhookForm) -> WebhookForm:
    """Validate the form while no transaction is open, because looking up the host of the URL may take seconds."""
    release()
    form.prepare_rate()
    form.validate()
    return form


def _warn(form: WebhookForm, webhook: Webhook) -> None:
    """Warn the person who saved the form if the receiver can't read its format, or a condition can't hold.

    It may be meant so.
    """
    for warning in filter(None, [form.misread, *warnings_of(webhook)]):
        flash(warning, "error")


def _conflict(form: WebhookForm, webhook: Webhook) -> BaseResponse:
    """Show both versions. The form gets the new version number, so that saving again replaces the other version.

    What its sender left as it was takes the saved value. Nothing is left to do if all that was sent is saved already,
    as by the first click of a double click.
    """
    merged, taken = taken_over(webhook, request.form)
    form.marks.data = merged.marks.data
    if _checked(merged).errors:  # what both have changed doesn't fit together
        merged, taken = form, []
    merged.version.data = str(webhook.version)
    found = differences(webhook, merged)
    if not (found or taken or merged.secret.data or merged.new_secret.data):
        return _done(merged, webhook)
    return _page(merged, webhook, 409, differences=found, taken=taken, last_change=last_change(webhook))


def _page(form: WebhookForm, webhook: Webhook | None = None, status: int = 200, **context: object) -> Response:
    return render("webhooks/form.html", "webhooks/_form.html", status, **page_context(form, webhook), **context)
