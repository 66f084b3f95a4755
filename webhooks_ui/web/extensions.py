"""The Flask extensions of the web application. Workers don't load them, which saves memory."""

from typing import Any

from flask import Flask, Response
from flask_limiter import Limiter
from flask_login import LoginManager
from flask_wtf import CSRFProtect
from limits.storage import RedisStorage

import config
from webhooks_ui.database import db
from webhooks_ui.web.sign_in_throttle import client_network


class ViewLimiter(Limiter):
    """A limiter that looks only at requests to views with a limit. The others would pay for it too."""

    def _check_request_limit(self, callable_name: str | None = None, in_middleware: bool = True) -> None:
        if not in_middleware:
            super()._check_request_limit(callable_name, in_middleware)


class SessionLogin(LoginManager):  # type: ignore[misc]
    """A login manager without a cookie that remembers people. web/access has the sessions."""

    def _update_remember_cookie(self, response: Response) -> Response:
        """Do nothing. To look for that cookie would touch the session, so that each answer would depend on it."""
        return response


csrf = CSRFProtect()
login = SessionLogin()
RedisStorage.DEPENDENCIES.pop("valkey", None)  # a second client for Redis, which it would import as well
limiter = ViewLimiter(client_network, headers_enabled=True, key_prefix="webhooks")


def register(app: Flask) -> None:
    app.extensions["migrate"] = LateMigrate(app)
    csrf.init_app(app)
    login.init_app(app)
    login.session_protection = None  # it would write into the cookie of every visitor
    limiter.init_app(app)


class LateMigrate:
    """Stands for Flask-Migrate until somebody migrates. A web server would keep its 7 MiB in memory."""

    def __init__(self, app: Flask) -> None:
        self._app = app

    def __getattr__(self, name: str) -> Any:
        """Return an attribute of the real extension, which replaces this one."""
        from flask_migrate import Migrate

        Migrate(self._app, db, directory=str(config.ROOT / "webhooks_ui" / "migrations"))
        return getattr(self._app.extensions["migrate"], name)
