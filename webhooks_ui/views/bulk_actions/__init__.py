"""Changes to many deliveries at once."""

from webhooks_ui.views.bulk_actions.deliveries import blueprint
from webhooks_ui.views.bulk_actions.recoveries import blueprint as recoveries

BLUEPRINTS = (blueprint, recoveries)
