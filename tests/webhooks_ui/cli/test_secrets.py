"""``flask secrets`` re-encrypts the signing secrets, and says which keys are missing."""

from collections.abc import Sequence
from datetime import timedelta

import pytest
from cryptography.fernet import Fernet
from flask import Flask

from config import ConfigError
from tests.support.authorities import Authority
from tests.support.factories import lost_secret, make_unreadable_webhook, make_user, make_webhook, older_secret
from tests.support.people import again, last_entry, with_app
from tests.webhooks_ui.cli.conftest import Run
from webhooks_ui.cli import secrets
from webhooks_ui.database import db, write_transaction, writing
from webhooks_ui.models import AuditEntry, InspectedRequest, Inspector, Webhook, key_check, secret_box, utcnow
from webhooks_ui.people import totp
from webhooks_ui.webhooks import changes
from webhooks_ui.webhooks.client_certificates import Pair, open_pair
from webhooks_ui.webhooks.inspected import Answer, head_of, keep, newest, opened
from webhooks_ui.webhooks.oauth import Grant, OAuthClient, open_client
from webhooks_ui.webhooks.own_headers import Auth, AuthKind, OwnHeader, open_headers


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


def test_what_inspectors_got_is_re_encrypted_too(run: Run, app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secrets, "BATCH_REQUESTS", 2)
    inspector = Inspector(user_id=make_user().id, name="Mine", token="t")
    db.session.add(inspector)
    db.session.commit()
    for number in range(5):
        with write_transaction() as connection:
            head = head_of(f"n={number}", [("Authorization", "Bearer word")], "127.0.0.1")
            keep(connection, inspector.id, "POST", head, b"", Answer(200, 0, None, ""))
    with writing():
        db.session.get_one(InspectedRequest, 1).head_encrypted = lost_secret()
    new = Fernet.generate_key().decode()
    app.config["ENCRYPTION_KEYS"] = [new, *app.config["ENCRYPTION_KEYS"]]
    assert run("secrets", "rotate-key").exit_code == 0
    app.config["ENCRYPTION_KEYS"] = [new]
    db.session.rollback()
    heads = [opened(request) for request in newest(inspector)]
    assert [head and head.query for head in heads] == ["n=4", "n=3", "n=2", "n=1", None]


def test_header_values_and_credentials_are_re_encrypted_too(run: Run, app: Flask) -> None:
    headers = [OwnHeader("X-Tenant", "emea"), OwnHeader("X-Two", "two")]
    with writing():
        changes.edit(make_webhook(), {"headers": headers, "auth": Auth(AuthKind.BASIC, "ada", "word")})
    before = open_headers(webhooks()[0].headers, webhooks()[0].auth)
    new = Fernet.generate_key().decode()
    app.config["ENCRYPTION_KEYS"] = [new, *app.config["ENCRYPTION_KEYS"]]
    assert run("secrets", "rotate-key").output == "Encrypted with the newest key: 4 secrets.\n"
    app.config["ENCRYPTION_KEYS"] = [new]
    (webhook,) = webhooks()
    assert open_headers(webhook.headers, webhook.auth) == before
    assert [header["name"] for header in webhook.headers] == ["X-Tenant", "X-Two"]
    assert webhook.auth is not None
    assert (webhook.auth["kind"], webhook.auth["username"]) == ("basic", "ada")


def test_client_secrets_and_certificates_are_re_encrypted_too(run: Run, app: Flask) -> None:
    pair, auth = Pair(*Authority().sign("ada")), Auth(AuthKind.OAUTH, "portal", "word", Grant("https://id.example/"))
    with writing():
        changes.edit(make_webhook(), {"client_certificate": pair, "auth": auth})
    new = Fernet.generate_key().decode()
    app.config["ENCRYPTION_KEYS"] = [new, *app.config["ENCRYPTION_KEYS"]]
    before = webhooks()[0].certificate_ends_at
    assert run("secrets", "rotate-key").output == "Encrypted with the newest key: 4 secrets.\n"
    app.config["ENCRYPTION_KEYS"] = [new]
    (webhook,) = webhooks()
    assert open_pair(webhook.client_certificate) == pair
    assert open_client(webhook.auth) == OAuthClient("portal", "word", Grant("https://id.example/"))
    assert webhook.certificate_ends_at == before
    app.config["ENCRYPTION_KEYS"] = [Fernet.generate_key().decode()]
    key_check.keep_anew()
    db.session.commit()
    result = run("secrets", "rotate-key")
    assert "client certificates of webhook 1 (Orders)." in result.output
    assert "paste their client certificates again" in result.output


def test_a_header_that_no_key_can_decrypt_is_named_and_kept(run: Run, app: Flask) -> None:
    lost = Fernet(Fernet.generate_key()).encrypt(b"emea").decode()
    webhook = make_webhook(name="Orders", headers=[{"name": "X-Tenant", "value_encrypted": lost}])
    result = run("secrets", "rotate-key")
    assert result.exit_code == 1
    assert f"can decrypt headers, credentials or client certificates of webhook {webhook.id} (Orders)." in result.output
    assert "type the values of their headers, their passwords and tokens again" in result.output
    assert "new secrets" not in result.output
    assert webhooks()[0].headers == [{"name": "X-Tenant", "value_encrypted": lost}]


def test_a_secret_that_no_key_can_decrypt_is_named_and_kept_while_the_others_are_rotated(run: Run, app: Flask) -> None:
    lost = make_unreadable_webhook().secret_encrypted
    make_unreadable_webhook(name="Deleted", deleted_at=utcnow())
    text = make_webhook().secret
    new = Fernet.generate_key().decode()
    app.config["ENCRYPTION_KEYS"] = [new, *app.config["ENCRYPTION_KEYS"]]
    result = run("secrets", "rotate-key")
    assert (result.exit_code, result.stdout) == (1, "Encrypted with the newest key: 1 secret.\n")
    assert "can decrypt the signing secrets of webhook 1 (Orders)." in result.stderr
    assert "give these webhooks new secrets." in result.stderr
    assert "headers" not in result.stderr
    app.config["ENCRYPTION_KEYS"] = [new]
    assert webhooks()[0].secret_encrypted == lost
    assert webhooks()[2].secret == text


def test_after_rotation_the_product_starts_with_the_new_key_alone(run: Run, app: Flask) -> None:
    key_check.check_keys()
    new = Fernet.generate_key().decode()
    app.config["ENCRYPTION_KEYS"] = [new, *app.config["ENCRYPTION_KEYS"]]
    run("secrets", "rotate-key")
    app.config["ENCRYPTION_KEYS"] = [new]
    key_check.check_keys()


def test_wrong_keys_rotate_nothing(run: Run, app: Flask) -> None:
    webhook, right = make_webhook(), app.config["ENCRYPTION_KEYS"]
    key_check.check_keys()
    app.config["ENCRYPTION_KEYS"] = [Fernet.generate_key().decode()]
    result = run("secrets", "rotate-key")
    assert result.exit_code == 1
    assert "not those that this database was encrypted with" in result.output
    app.config["ENCRYPTION_KEYS"] = right
    key_check.check_keys()
    assert secret_box.is_readable(webhook.secret_encrypted)


def test_after_a_loss_the_present_keys_are_accepted_and_the_lost_secrets_are_counted(run: Run, app: Flask) -> None:
    make_webhook()
    key_check.check_keys()
    app.config["ENCRYPTION_KEYS"] = [Fernet.generate_key().decode()]
    make_webhook()
    with pytest.raises(ConfigError, match="ENCRYPTION_KEYS are not those"):
        key_check.check_keys()
    assert "can't decrypt: 1." in run("secrets", "accept-keys").output
    entry = db.session.scalars(db.select(AuditEntry)).one()
    assert (entry.action, entry.after) == ("secrets.keys_accepted", {"webhooks_to_repair": 1})
    key_check.check_keys()
    assert [webhook.unreadable_at is not None for webhook in webhooks()] == [True, False]


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
