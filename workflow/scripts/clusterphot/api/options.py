"""Keys of the configuration as keyword arguments: the same names, defaults, ranges and messages."""

from clusterphot.config.keys import complete, schema_of
from clusterphot.run.configuration import check_schema


def complete_options(given, section, caller):
    """Keys of a section of the configuration, those not given at their defaults.

    Parameters
    ----------
    given : dict
        Keyword arguments.
    section : type
        A class of `clusterphot.config`.
    caller : str
        Function that they were given to, for messages.

    Returns
    -------
    options : dict

    Raises
    ------
    ConfigError
        For an unknown key, a wrong kind or a value out of range.

    Examples
    --------
    >>> from clusterphot.config.run import CosmologySection
    >>> complete_options({"h0": 67.4}, CosmologySection, "fit_sed")
    {'h0': 67.4, 'omega_m': 0.3}
    """
    options = dict(given)
    complete(options, section)
    check_schema(options, schema_of(section), lambda path: f"{caller}()")
    return options
