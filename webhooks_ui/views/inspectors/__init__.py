"""The inspector: its pages, and the public address that receives."""

from webhooks_ui.views.inspectors import changing, listing, receiving, show
from webhooks_ui.views.inspectors.blueprint import blueprint

BLUEPRINTS = (blueprint, receiving.blueprint)

__all__ = ["BLUEPRINTS", "blueprint", "changing", "listing", "receiving", "show"]
