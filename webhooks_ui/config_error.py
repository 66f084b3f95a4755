"""The error of a setting. ``config`` is where others import it from."""


class ConfigError(Exception):
    """A setting is missing or invalid. The message names the setting and the fix."""
