"""Liveness, readiness and metrics, for whoever runs the service."""

import hmac
import ipaddress
from functools import cache

from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import Blueprint, Response, abort, current_app, jsonify, request
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from redis import RedisError
from sqlalchemy.exc import SQLAlchemyError

from webhooks_ui.database import db
from webhooks_ui.views.ops.metrics import Metrics

blueprint = Blueprint("ops", __name__)

FORWARDED = ("X-Forwarded-For", "Forwarded", "X-Real-IP")


@blueprint.get("/healthz")
def healthz() -> Response:
    """Answer with 200 while the process is alive."""
    return Response("ok\n", content_type="text/plain; charset=utf-8")


@blueprint.get("/readyz")
def readyz() -> tuple[Response, int]:
    """Answer with 200 while events can be published, else with 503.

    Without Redis the status is ``degraded``: events are accepted, but deliveries wait.
    """
    database, redis = _database_state(), _redis_state()
    if database != "ok":
        return jsonify(status="unavailable", database=database, redis=redis), 503
    return jsonify(status="ok" if redis == "ok" else "degraded", database=database, redis=redis), 200


@blueprint.get("/metrics")
def metrics() -> Response:
    """Answer in the text format of Prometheus.

    The request must have METRICS_TOKEN or, without that setting, come from this machine.
    """
    if not _may_read_metrics():
        abort(403)
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Metrics())
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


def _database_state() -> str:
    """Return ``ok``, ``not migrated`` or ``down``."""
    try:
        with db.engine.connect() as connection:
            revision = MigrationContext.configure(connection).get_current_revision()
    except SQLAlchemyError as error:
        current_app.logger.warning("Not ready, the database doesn't answer: %s", error)
        return "down"
    return "ok" if revision == _newest_revision(str(current_app.extensions["migrate"].directory)) else "not migrated"


@cache
def _newest_revision(directory: str) -> str | None:
    return ScriptDirectory(directory).get_current_head()


def _redis_state() -> str:
    try:
        current_app.extensions["redis"].ping()
    except RedisError:
        return "down"
    return "ok"


def _may_read_metrics() -> bool:
    if token := current_app.config["METRICS_TOKEN"]:
        given = request.headers.get("Authorization", "")
        return hmac.compare_digest(given.encode(), f"Bearer {token}".encode())
    # A request that a proxy on this machine forwards comes from elsewhere.
    forwarded = any(name in request.headers for name in FORWARDED)
    return not forwarded and ipaddress.ip_address(request.remote_addr or "0.0.0.0").is_loopback  # noqa: S104
