"""The Flask extensions of the web application. Workers don't load them, which saves memory."""

from flask import Flask
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from flask_login import LoginManager
from flask_migrate import Migrate
from flask_wtf import CSRFProtect

import config
from webhooks_ui.database import db


class ViewLimiter(Limiter):
    """A limiter that looks only at requests to views with a limit. The others would pay for it too."""

    def _check_request_limit(self, callable_name: str | None = None, in_middleware: bool = True) -> None:
        if not in_middleware:
            super()._check_request_limit(callable_name, in_middleware)


migrate = Migrate()
csrf = CSRFProtect()
login = LoginManager()
limiter = ViewLimiter(get_remote_address, headers_enabled=True, key_prefix="webhooks")


def register(app: Flask) -> None:
    migrate.init_app(app, db, directory=str(config.ROOT / "webhooks_ui" / "migrations"), render_as_batch=True)
    csrf.init_app(app)
    login.init_app(app)
    login.session_protection = None  # it would write into the cookie of every visitor. web/access has the sessions
    limiter.init_app(app)
