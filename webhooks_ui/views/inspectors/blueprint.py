"""The blueprint that the pages share, and how they find an inspector and its address."""

from http import HTTPStatus

from flask import Blueprint, current_app, request
from flask_login import current_user

from webhooks_ui.models import Inspector
from webhooks_ui.webhooks import inspectors

blueprint = Blueprint("inspectors", __name__, url_prefix="/admin/inspector")


@blueprint.context_processor
def add_helpers() -> dict[str, object]:
    return {"phrase": lambda code: HTTPStatus(code).phrase}


def load(inspector_id: int, *, lock: bool = False) -> Inspector:
    """Return an inspector of the person who is signed in. With ``lock``, lock its row until the transaction ends.

    Raises:
        werkzeug.exceptions.NotFound: There is none, it ended, or it belongs to somebody else.
    """
    return inspectors.get(inspector_id, current_user.id, lock=lock)


def address_of(inspector: Inspector) -> str:
    """Return the URL that receives: at PUBLIC_URL, or without that at the host that the reader uses."""
    origin = current_app.config["LINKED_PORTAL"] or request.url_root.rstrip("/")
    return f"{origin}{inspectors.PATH}{inspector.token}"
