import pytest

from tests.webhooks_ui.events.formats.events import EXAMPLES, outgoing
from webhooks_ui.events.formats.message import TONES, Tone, message_of
from webhooks_ui.events.formats.sentences import SENTENCES


def sentence(event_type: str, data: object = None) -> str:
    return message_of(outgoing(event_type, data)).sentence


def test_each_type_has_a_sentence_of_its_own() -> None:
    assert SENTENCES.keys() == EXAMPLES.keys()


@pytest.mark.parametrize(
    ("event_type", "data", "said"),
    [
        ("license.activated", {"license_key": "K", "identifier": "host"}, "License K was activated on host"),
        ("license.activated", {}, "A license was activated"),
        ("license.activated", {"license_key": None, "identifier": 7}, "A license was activated"),
        ("license.assigned", {"license_key": "K", "customer": {"name": "ACME"}}, "License K was assigned to ACME"),
        (
            "license.updated",
            {"license_key": "K", "status": "active", "previous": {"status": "assigned", "updated_at": "x"}},
            "License K was changed: status",
        ),
        (
            "activation.failed",
            {"license": {"license_key": "K"}, "reason": {"code": "limit_reached", "message": "All used."}},
            "The activation of license K failed: All used",
        ),
        (
            "activation.failed",
            {"reason": {"code": "limit_reached"}},
            "The activation of a license failed: limit reached",
        ),
        ("product.created", {"name": "Studio"}, "Product Studio was created"),
        ("contract.suspended", {}, "Contract was suspended"),
        (
            "telemetry.flagged",
            {"activation_identifier": "host", "flags": ["bypassed_activation", "revoked_license"]},
            "Telemetry from host was flagged: bypassed activation, revoked license",
        ),
        ("webhook.failing", None, "Webhook Order system is failing, and its deliveries wait"),
        ("webhook.recovered", None, "Webhook Order system works again"),
        ("webhook.disabled", None, "Webhook Order system was made inactive: The endpoint answered 410 Gone"),
        ("delivery.failed", None, "A delivery of license.activated to webhook Order system was given up"),
        ("invoice.paid", {"name": "INV-7"}, "Invoice paid: INV-7"),
        ("invoice.paid", {}, "Invoice paid"),
    ],
)
def test_what_happened_is_said_with_what_the_data_tells(event_type: str, data: object, said: str) -> None:
    assert sentence(event_type, data) == said


def test_braces_in_a_name_are_text() -> None:
    assert sentence("license.activated", {"license_key": "{on}{0}"}) == "License {on}{0} was activated"


def test_a_long_name_is_cut_and_the_message_knows_it() -> None:
    message = message_of(outgoing("license.created", {"license_key": "K" * 500}))
    assert message.sentence == f"License {'K' * 149}… was created"
    assert message.is_shortened


@pytest.mark.parametrize(
    ("event_type", "tone"),
    [
        ("license.created", Tone.GOOD),
        ("license.revoked", Tone.BAD),
        ("activation.failed", Tone.BAD),
        ("delivery.failed", Tone.BAD),
        ("license.expired", Tone.WARNING),
        ("license.updated", Tone.NEUTRAL),
        ("invoice.paid", Tone.NEUTRAL),
    ],
)
def test_a_type_has_a_tone(event_type: str, tone: Tone) -> None:
    assert message_of(outgoing(event_type)).tone == tone


def test_each_tone_belongs_to_the_end_of_a_type() -> None:
    assert TONES.keys() <= {name.rpartition(".")[2] for name in EXAMPLES}
