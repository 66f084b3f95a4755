"""The pages of API keys."""

from webhooks_ui.views.api_keys import editing, listing, rolling, show
from webhooks_ui.views.api_keys.blueprint import blueprint

__all__ = ["blueprint", "editing", "listing", "rolling", "show"]
