"""``flask doctor``: looks at a deployment, and says in sentences what is wrong."""

import click
from flask import current_app
from flask.cli import with_appcontext

from webhooks_ui.checks import Level, Trouble, is_left_out, ready, run_patiently, setup
from webhooks_ui.cli.group import plural

SIGNS = {None: "ok", Level.DEGRADED: "WARNING", Level.FAILED: "FAILED"}
NAME_CHARACTERS = max(len(check.name) for check in (*ready.CHECKS, *setup.CHECKS))
PATIENCE_SECONDS = 15.0  # for each check


@click.command()
@with_appcontext
def doctor() -> None:
    """Check settings, database, disk, keys, Redis, workers, scheduler, clocks, names, certificates and mail.

    Run it with the settings of the deployment. It exits with 1 if a check fails, and with 0 after warnings only.
    """
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    checks = (*ready.CHECKS, *setup.CHECKS)
    results: dict[str, Trouble | None] = {}
    for check in checks:
        if is_left_out(check, results):
            _say(check.name, "not checked, because it needs what is wrong above")
            continue
        trouble = results[check.name] = run_patiently(app, check, PATIENCE_SECONDS)
        _say(check.name, SIGNS[trouble.level if trouble else None])
        for line in (trouble.sentence, trouble.advice) if trouble else ():
            _say("", line)
    levels = [trouble.level for trouble in results.values() if trouble]
    failed, warnings = levels.count(Level.FAILED), levels.count(Level.DEGRADED)
    click.echo(f"\n{plural(failed, 'check')} failed, with {plural(warnings, 'warning')}.")
    click.get_current_context().exit(1 if failed else 0)


def _say(name: str, text: str) -> None:
    if text:
        click.echo(f"{name:{NAME_CHARACTERS}}  {text}")
