"""Errors that a user can mend, as opposed to those of a programmer (``ValueError``).

Each message says what and where, what was got, what is expected, and the next step; without secrets of addresses and
without control characters, which would reach a terminal from a file or a server.
"""

from clusterphot.base.secrets import printable, without_secrets


class UserError(Exception):
    """A mistake in what the user gave; ends the run before the first job with one message.

    Parameters
    ----------
    where : str
        File and key, column or row, in the words the user typed.
    got : object
        What was found there.
    expected : str
        What is allowed there.
    hint : str, optional
        The next step.
    """

    def __init__(self, where, got, expected, hint=""):
        self.where, self.got, self.expected, self.hint = where, got, expected, hint
        message = f"{where}: got {got}, expected {expected}."
        super().__init__(printable(without_secrets(message + (f"\nHint: {hint}" if hint else ""))))


class ConfigError(UserError):
    """A mistake in a configuration file."""


class DataError(UserError):
    """A mistake in a table, an image or another file named by the configuration."""
