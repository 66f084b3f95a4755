"""The delivery log."""

from webhooks_ui.views.deliveries.exports import blueprint as exports
from webhooks_ui.views.deliveries.log import blueprint
from webhooks_ui.views.deliveries.retries import blueprint as retries

BLUEPRINTS = (blueprint, retries, exports)
