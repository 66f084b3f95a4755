"""Conditions that the form has ready, because many webhooks use them."""

from collections.abc import Mapping
from typing import NamedTuple

from webhooks_ui.events.conditions import Condition, Operator
from webhooks_ui.events.types import EVENT_TYPES


class ReadyCondition(NamedTuple):
    label: str  # of the button
    condition: Condition


_PRODUCT_ID = EVENT_TYPES["license.activated"].example["product"]["id"]

READY_CONDITIONS: Mapping[str, ReadyCondition] = {
    "limit_reached": ReadyCondition("Only limit reached", Condition("reason.code", Operator.EQUALS, "limit_reached")),
    "one_product": ReadyCondition("Only one product", Condition("product.id", Operator.EQUALS, _PRODUCT_ID)),
    "bypassed": ReadyCondition(
        "Only bypassed activations", Condition("flags", Operator.CONTAINS, "bypassed_activation")
    ),
}
