"""The page "Why is nothing arriving?" of a webhook."""

from collections.abc import Sequence

from flask import current_app, render_template, url_for

from jobs.transport.reach import reach
from webhooks_ui.database import release
from webhooks_ui.deliveries.why_nothing import checks
from webhooks_ui.models import Webhook, get_settings
from webhooks_ui.views.webhooks.blueprint import blueprint
from webhooks_ui.web.template_helpers import sees
from webhooks_ui.webhooks import changes
from webhooks_ui.webhooks.causes import causes_of
from webhooks_ui.webhooks.findings import Check, Verdict


@blueprint.get("/<int:webhook_id>/why-nothing")
def why_nothing(webhook_id: int) -> str:
    return _page(changes.get(webhook_id))


@blueprint.post("/<int:webhook_id>/why-nothing")
def check_endpoint(webhook_id: int) -> str:
    """Show the page with what a connection to the endpoint finds. No request is sent to it."""
    webhook = changes.get(webhook_id)
    config = current_app.config
    if config["EGRESS_PROXY"]:
        proxied = "Deliveries go through a proxy, and this page doesn't. Send a test event to see what the proxy says."
        return _page(webhook, [Check(Verdict.NOTE, "It can't be checked from here", proxied, "test")])
    url, has_certificate = webhook.url, webhook.client_certificate is not None
    release()  # hold no transaction open while the endpoint is waited for
    may_know = sees("blocked address")
    found = reach(url, config["ALLOWED_TARGETS"], shows_addresses=may_know, has_certificate=has_certificate)
    return _page(webhook, [*found])


def _page(webhook: Webhook, reached: Sequence[Check] = ()) -> str:
    return render_template(
        "webhooks/why_nothing.html",
        webhook=webhook,
        checks=checks(webhook),
        reached=reached,
        links=_links(webhook),
        addresses=get_settings()["outgoing_addresses"],
    )


def _links(webhook: Webhook) -> dict[str, tuple[str, str]]:
    """Return the address of the page that helps with each action, and its name."""
    id = webhook.id
    links = {
        "edit": (url_for("webhooks.edit", webhook_id=id), "Edit it"),
        "deliveries": (url_for("deliveries.index", webhook=id), "Show its deliveries"),
        "api_keys": (url_for("api_keys.index"), "API keys"),
        "secret": (url_for("webhooks.show", webhook_id=id, _anchor="secret"), "Replace the secret"),
        "test": (url_for("webhooks.test_event", webhook_id=id), "Send test event"),
    }
    for cause in causes_of(webhook)[:1]:
        links["cause"] = (url_for("deliveries.show", delivery_id=cause.delivery_id), "Show the delivery")
    return links
