"""The session in a browser's cookie. A request without a cookie costs nothing, such as all those of programs."""

from flask import Flask, Request, Response, request
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface, SessionMixin
from itsdangerous import URLSafeTimedSerializer

from webhooks_ui.web.signer import Signer
from webhooks_ui.webhooks import inspectors

WITHOUT_SESSION = (inspectors.PATH,)  # whoever sends there counts as nobody


class BrowserSessions(SecureCookieSessionInterface):
    def get_signing_serializer(self, app: Flask) -> URLSafeTimedSerializer | None:
        """Return what signs and reads the cookie."""
        serializer = super().get_signing_serializer(app)
        if serializer:
            serializer.signer = Signer
        return serializer

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        """Return the session that the request's cookie holds, or an empty one."""
        if "HTTP_COOKIE" not in request.environ or request.path.startswith(WITHOUT_SESSION):
            return self.session_class()
        return super().open_session(app, request)

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        """Put the session into the answer if the request had anything to do with it."""
        if (session or session.accessed or session.modified) and not request.path.startswith(WITHOUT_SESSION):
            super().save_session(app, session, response)


def register(app: Flask) -> None:
    app.session_interface = BrowserSessions()
