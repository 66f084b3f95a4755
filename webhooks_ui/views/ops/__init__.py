"""Liveness, readiness and metrics, for whoever runs the service."""

import hmac
import ipaddress

from flask import Blueprint, Response, abort, current_app, jsonify, request
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from webhooks_ui.checks import Level, Part, Watch, ready
from webhooks_ui.views.ops.metrics import Metrics

blueprint = Blueprint("ops", __name__)

FORWARDED = ("X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-IP", "Forwarded", "Via")


@blueprint.get("/healthz")
def healthz() -> Response:
    """Answer with 200 while the process is alive."""
    return Response("ok\n", content_type="text/plain; charset=utf-8")


@blueprint.get("/readyz")
def readyz() -> tuple[Response, int]:
    """Answer with 200 while events can be published and delivered, else with 503 and the reasons in words.

    With ``?for=publishing`` only what publishing needs counts, and with ``?for=delivering`` what delivering needs. The
    status is ``degraded`` while something is wrong that stops neither, such as Redis being away. With another value the
    answer is 400, so that a mistake in the address of a probe is noticed.
    """
    wanted = request.args.get("for")
    if wanted and wanted not in list(Part):
        return jsonify(status="unknown", reasons=[f"Write for={' or for='.join(Part)}, or leave it out."]), 400
    part = Part(wanted) if wanted else None
    found = watch().look()
    counted = {
        check.name: found[check.name]
        for check in ready.CHECKS
        if check.name in found and (part is None or part in check.parts)
    }
    troubles = [trouble for trouble in counted.values() if trouble]
    failed = any(trouble.level is Level.FAILED for trouble in troubles)
    answer = jsonify(
        status="unavailable" if failed else "degraded" if troubles else "ok",
        reasons=list(dict.fromkeys(trouble.sentence for trouble in troubles)),
        checks={name: str(trouble.level) if trouble else "ok" for name, trouble in counted.items()},
    )
    return answer, 503 if failed else 200


@blueprint.get("/metrics")
def metrics() -> Response:
    """Answer in the text format of Prometheus.

    The request must have METRICS_TOKEN or, without that setting, come from this machine.
    """
    if not _may_read_metrics():
        abort(403)
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Metrics(watch().look()))
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


def watch() -> Watch:
    """Return the checks of this process."""
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    found: Watch = app.extensions.setdefault("watch", Watch(app, ready.CHECKS))
    return found


def _may_read_metrics() -> bool:
    if token := current_app.config["METRICS_TOKEN"]:
        given = request.headers.get("Authorization", "")
        return hmac.compare_digest(given.encode(), f"Bearer {token}".encode())
    # A request that a proxy on this machine forwards comes from elsewhere.
    forwarded = any(name in request.headers for name in FORWARDED)
    return not forwarded and ipaddress.ip_address(request.remote_addr or "0.0.0.0").is_loopback  # noqa: S104
