"""The configuration by itself: file, keys, relations between them, models and dust maps.

Uses the checks that the rules make before the first job (`clusterphot.run.configuration`, `clusterphot.run.fields`).
No units of its own.
"""

import os
from dataclasses import dataclass

from clusterphot.config.sections import complete_configuration, configuration_schema
from clusterphot.run import configuration
from clusterphot.run import fields as fieldset
from clusterphot.run.checks.findings import ERROR, OK, WARNING
from clusterphot.run.grids import Libraries


@dataclass(frozen=True)
class Settings:
    """A configuration that the other checks can work with, whatever is wrong with it.

    Attributes
    ----------
    config : dict
        Defaults and user's values; a section with a mistake is that of the defaults.
    origin : callable
        See `clusterphot.run.configuration.locate_keys`.
    user_files : list of str
    bad_keys : dict of str to set of str
        Per field, its keys with mistakes; "" for the field itself.
    """

    config: dict
    origin: object
    user_files: list
    bad_keys: dict

    def where(self, field):
        """File and key of a field, for messages."""
        return f"{self.origin(('fields', field))}, fields.{field}"

    def is_bad(self, field, key):
        """Whether the schema refuses a key of a field."""
        return key in self.bad_keys.get(field, ())


def merged(defaults, own):
    """Configuration of the user over the defaults, key by key, as Snakemake merges them."""
    if not (isinstance(defaults, dict) and isinstance(own, dict)):
        return own
    both = {key: merged(defaults[key], own[key]) for key in defaults.keys() & own.keys()}
    return defaults | own | both


def read_settings(path, repo, findings):
    """Read and check a configuration file.

    Parameters
    ----------
    path : str or None
        File of the user; None for the shipped configuration.
    repo : Path
        Folder of the Snakefile.
    findings : `clusterphot.run.checks.findings.Findings`

    Returns
    -------
    settings : Settings or None
        None where the file cannot be read.
    """
    note = findings.at()
    defaults = configuration.load_yaml(repo / "config" / "config.yaml")
    own = {} if path is None else note.attempt("file", configuration.load_yaml, path)
    if own is None:
        return None
    note.add(OK, "file", configuration.DEFAULTS if path is None else os.path.relpath(path))
    return check_settings(merged(defaults, own), [] if path is None else [str(path)], repo, findings)


def check_settings(config, user_files, repo, findings, *, command_line=None, given_by=configuration.DEFAULTS):
    """Complete and check a configuration that has been read.

    Parameters
    ----------
    config : dict
        The user's over the defaults; changed in place.
    user_files : list of str
    repo, findings
        As in `read_settings`.
    command_line : dict, optional
        What the user gave with ``--config``, for messages.
    given_by : str, optional
        As for `clusterphot.run.fields.load`.

    Returns
    -------
    settings : Settings
    """
    origin = configuration.locate_keys(user_files, given_by, command_line)
    if command_line:
        fieldset.override(config, command_line)
    if "fields" not in config:
        config["fields"] = fieldset.shipped_fields(repo)
    complete_configuration(config)
    settings = Settings(config, origin, user_files, {})
    _check_keys(settings, configuration.load_yaml(repo / "config" / "config.yaml"), repo, findings)
    _check_relations(settings, repo, findings)
    return settings


def _check_keys(settings, defaults, repo, findings):
    """Compare with the schema; put defaults in the place of what cannot be used."""
    schema = configuration_schema()
    mistakes = configuration.schema_mistakes(settings.config, schema, settings.origin)
    if _drop_odd_keys(settings.config):
        again = configuration.schema_mistakes(settings.config, schema, settings.origin)
        mistakes += [one for one in again if one[0] != ("fields",) or settings.config["fields"]]
    for key, error in mistakes:
        field = str(key[1]) if len(key) > 1 and key[0] == "fields" else ""
        filt = str(key[3]) if len(key) > 3 and key[2] == "mosaics" else ""
        findings.at(field, filt).add(ERROR, "keys", error)
        if field:
            settings.bad_keys.setdefault(field, set()).add(str(key[2]) if len(key) > 2 else "")
        elif key and key[0] in defaults:
            settings.config[key[0]] = defaults[key[0]]
        elif key:
            settings.config.pop(key[0], None)
    if not mistakes:
        findings.at().add(OK, "keys", "all known, of the right kind and in range")
    if not isinstance(settings.config.get("fields"), dict):
        settings.config["fields"] = {}


def _drop_odd_keys(value):
    """Remove keys that are not text from nested mappings; returns their number."""
    if not isinstance(value, dict):
        return 0
    odd = [key for key in value if not isinstance(key, str)]
    for key in odd:
        del value[key]
    return len(odd) + sum(_drop_odd_keys(item) for item in value.values())


def _check_relations(settings, repo, findings):
    """Relations between keys, models and dust maps."""
    note, origin = findings.at(), settings.origin
    fields = {
        name: field
        for name, field in settings.config["fields"].items()
        if isinstance(field, dict) and not (settings.is_bad(name, "") or settings.is_bad(name, "ebv"))
    }
    config = settings.config | {"fields": fields}
    for check in configuration.relations(config, origin):
        note.attempt("keys", check)
    sed = config["sed"]
    key = f"{origin(('sed', 'four_color_dir'))}, sed.four_color_dir"
    note.attempt("models", configuration.check_four_color_dir, sed["four_color_dir"], key)
    if note.quiet:  # with unknown grids there is nothing to compare
        for check in Libraries(config, repo, origin).model_checks(config["dust"]):
            note.attempt("models", check)
    if note.quiet:
        ages = configuration.age_grid(sed["age_gyr"])
        text = f"{', '.join(sed['grids'])}: {len(ages)} ages of {ages[0]:g}-{ages[-1]:g} Gyr"
        note.add(OK, "models", f"{text}, {len(sed['metallicity_zsun'])} metallicities, all in the grids")
        for words in unequal_ranges(sed):
            note.add(WARNING, "models", words)
    note.attempt("dust", configuration.check_sfd_maps, config, origin)


def unequal_ranges(sed):
    """Sentences on axes on which best fits and posteriors have not the same range.

    Examples
    --------
    >>> sed = {"age_gyr": {"ages": [0.1, 11]}, "metallicity_zsun": [0.2, 1.0]}
    >>> ranges = {"age_gyr": {"min": 0.5, "max": 11}, "metallicity_zsun": {"min": 0.2, "max": 1.0}}
    >>> unequal_ranges({**sed, "posterior": ranges})
    ['best fits have ages of 0.1-11 Gyr (sed.age_gyr), posteriors of 0.5-11 Gyr (sed.posterior.age_gyr)']
    """
    axes = {
        "age_gyr": ("ages", "Gyr", configuration.age_grid({"min": None, "max": None} | sed["age_gyr"])),
        "metallicity_zsun": ("metallicities", "Zsun", sed["metallicity_zsun"]),
    }
    sentences = []
    for name, (words, unit, values) in axes.items():
        ends = sed["posterior"][name]
        if (min(values), max(values)) != (ends["min"], ends["max"]):
            sentences.append(
                f"best fits have {words} of {min(values):g}-{max(values):g} {unit} (sed.{name}), "
                f"posteriors of {ends['min']:g}-{ends['max']:g} {unit} (sed.posterior.{name})"
            )
    return sentences
