"""The samples of ``make demo`` are made once. Later starts leave alone what people made."""

from flask import Flask

from tests.support.factories import make_webhook
from webhooks_ui.database import db
from webhooks_ui.models import Webhook
from webhooks_ui.run.demo import SAMPLES, make_samples


def urls() -> dict[str, str]:
    db.session.expire_all()
    return {webhook.name: webhook.url for webhook in db.session.scalars(db.select(Webhook))}


def test_a_later_start_changes_the_port_of_the_samples_alone(app: Flask) -> None:
    make_samples(8_900)
    assert urls() == {sample.name: f"http://127.0.0.1:8900{sample.path}" for sample in SAMPLES}
    own = {
        "Inspector": "http://127.0.0.1:8000/inspect/xrj",
        "Receiver": "http://127.0.0.1:9000/ok",
        "Far away": "https://hooks.example.com/ok",
    }
    for name, url in own.items():
        make_webhook(name=name, url=url)
    make_samples(9_100)
    assert urls() == {sample.name: f"http://127.0.0.1:9100{sample.path}" for sample in SAMPLES} | own


def test_no_samples_join_what_people_made(app: Flask) -> None:
    make_webhook(name="Own", url="https://hooks.example.com/ok")
    make_samples(8_900)
    assert urls() == {"Own": "https://hooks.example.com/ok"}
