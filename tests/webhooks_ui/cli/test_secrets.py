"""``flask secrets`` re-encrypts the signing secrets, and says which keys are missing."""

from collections.abc import Sequence
from datetime import timedelta

import pytest
from cryptography.fernet import Fernet
from flask import Flask

from tests.support.factories import make_user, make_webhook, older_secret
from tests.support.people import again, last_entry, with_app
from tests.webhooks_ui.cli.conftest import Run
from webhooks_ui.cli import secrets
from webhooks_ui.database import db
from webhooks_ui.models import Webhook, secret_box
from webhooks_ui.people import totp


def webhooks() -> Sequence[Webhook]:
    db.session.rollback()
    return db.session.scalars(db.select(Webhook).order_by(Webhook.id)).all()


def test_after_rotation_the_old_key_is_not_needed_any_more(
    run: Run, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(secrets, "BATCH_WEBHOOKS", 2)
    texts = [make_webhook().secret for _ in range(5)]
    first = webhooks()[0]
    first.older_secrets = [older_secret(timedelta(hours=1), "whsec_before")]
    db.session.commit()
    new = Fernet.generate_key().decode()
    app.config["ENCRYPTION_KEYS"] = [new, *app.config["ENCRYPTION_KEYS"]]
    user = with_app(make_user())
    seed = totp.secret_of(user)
    assert run("secrets", "rotate-key").output == "Encrypted with the newest key: 7 secrets.\n"
    app.config["ENCRYPTION_KEYS"] = [new]
    assert totp.secret_of(again(user)) == seed
    assert last_entry("secrets.rotated").after == {"secrets": 7}
    assert [webhook.secret for webhook in webhooks()] == texts
    assert secret_box.decrypt(webhooks()[0].older_secrets[0]["secret_encrypted"]) == "whsec_before"


def test_a_secret_that_no_key_can_decrypt_is_named_and_kept(run: Run, app: Flask) -> None:
    webhook = make_webhook(name="Orders")
    encrypted = webhook.secret_encrypted
    app.config["ENCRYPTION_KEYS"] = [Fernet.generate_key().decode()]
    result = run("secrets", "rotate-key")
    assert result.exit_code == 1
    assert f"webhook {webhook.id} (Orders)" in result.output
    assert webhooks()[0].secret_encrypted == encrypted


def test_an_authenticator_secret_that_no_key_can_decrypt_is_named_with_the_way_out(run: Run, app: Flask) -> None:
    with_app(make_user("eva@example.com"))
    app.config["ENCRYPTION_KEYS"] = [Fernet.generate_key().decode()]
    result = run("secrets", "rotate-key")
    assert result.exit_code == 1
    assert "the authenticator secret of eva@example.com" in result.output
    assert "users reset-2fa eva@example.com" in result.output


def test_with_one_key_the_command_says_how_to_add_one(run: Run) -> None:
    make_webhook()
    result = run("secrets", "rotate-key")
    assert (result.exit_code, result.stdout) == (0, "Encrypted with the newest key: 1 secret.\n")
    assert "--help" in result.stderr
