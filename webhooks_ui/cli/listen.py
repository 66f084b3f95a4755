"""``flask listen``: runs a receiver that prints deliveries."""

import click

from webhooks_ui.cli.receiver import CannotListen, serve
from webhooks_ui.models import secret_box


def _secret(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    try:
        secret_box.key_bytes(value)
    except ValueError as error:
        raise click.BadParameter(f"{error}.") from None
    return value


@click.command()
@click.option("--port", required=True, type=click.IntRange(0, 65_535), help="0 means any free port.")
@click.option("--secret", required=True, callback=_secret, help="The webhook's secret, whsec_…")
@click.option(
    "--status", type=click.IntRange(200, 599), default=200, show_default=True, help="The answer to verified deliveries."
)
@click.option("--host", default="127.0.0.1", show_default=True)
def listen(port: int, secret: str, status: int, host: str) -> None:
    """Receive deliveries, verify their signatures and print them. Press Ctrl-C to stop."""
    try:
        serve(host, port, secret, status, click.echo)
    except CannotListen as error:
        raise click.ClickException(str(error)) from None
