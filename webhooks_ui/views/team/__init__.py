"""The team: who may sign in. Admins see it, and super admins change it."""

from webhooks_ui.views.team import inviting, listing, person
from webhooks_ui.views.team.blueprint import blueprint

__all__ = ["blueprint", "inviting", "listing", "person"]
