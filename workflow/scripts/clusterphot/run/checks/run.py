"""`make check`: all checks of a configuration, in the order in which a person would mend what they find.

What the run itself would refuse is asked last, so that nothing passes here that fails there. Units as in the parts.
"""

import copy

from clusterphot.base.errors import UserError
from clusterphot.run import configuration
from clusterphot.run import fields as fieldset
from clusterphot.run.checks import fields, images, psf_stars
from clusterphot.run.checks.findings import ERROR, OK, UNSEEN, Findings
from clusterphot.run.checks.settings import check_settings, read_settings
from clusterphot.run.folders import check_folders


def check_config(path, repo, *, deep=False):
    """Check a configuration and everything it names; paths in it are relative to the working directory.

    Parameters
    ----------
    path : str or None
        Configuration of the user; None for the shipped one.
    repo : Path
        Folder of the Snakefile.
    deep : bool, optional
        Read every pixel of the mosaics.

    Returns
    -------
    findings : `clusterphot.run.checks.findings.Findings`
    """
    findings = Findings()
    settings = read_settings(path, repo, findings)
    if settings is None:
        return findings
    untouched = copy.deepcopy(settings.config)
    for name, entry in settings.config["fields"].items():
        if isinstance(entry, dict):
            _check_field(settings, str(name), entry, repo, findings, deep)
    if findings.count(ERROR) == 0:
        _ask_the_run(settings, untouched, repo, findings)
    return findings


def all_mistakes(first, config, *, repo, user_files, command_line=None, given_by=configuration.DEFAULTS):
    """What a run is refused for: all mistakes that `make check` finds without looking at pixels, in the same words.

    Parameters
    ----------
    first : `clusterphot.base.errors.UserError`
        That which `clusterphot.run.fields.load` stopped at; it is among them.
    config : dict
        As it was given to `load`; changed in place.
    repo : Path
    user_files, command_line, given_by
        As for `load`.

    Returns
    -------
    mistakes : list of `clusterphot.base.errors.UserError`
    """
    findings = Findings()
    try:
        settings = check_settings(
            config, user_files, repo, findings, command_line=command_line, given_by=given_by
        )
    except UserError:  # a file that cannot be read ends the check at once
        return [first]
    for name, entry in settings.config["fields"].items():
        if isinstance(entry, dict):
            _check_field(settings, str(name), entry, repo, findings, deep=False, pixels=False)
    found = [finding.mistake for finding in findings.all if finding.status == ERROR and finding.mistake]
    if findings.says(first):
        return found
    same = (first.where, first.got)  # the check may have another hint for it
    return [first, *(mistake for mistake in found if (mistake.where, mistake.got) != same)]


def _check_field(settings, name, entry, repo, findings, deep, pixels=True):
    """All checks of one field."""
    positions = fields.check_sources(settings, name, entry, findings)
    mosaics, simulation = entry.get("mosaics"), entry.get("simulation")
    filters = list(mosaics) if isinstance(mosaics, dict) else []
    if "photometry" in entry:
        filters = fields.check_photometry(settings, name, entry, findings)
    if isinstance(simulation, dict) and not settings.is_bad(name, "simulation"):
        filters = simulation["filters"]
        findings.at(name).add(OK, "mosaics", f"{len(filters)} filters, simulated by the run")
    fields.check_filters(settings, name, entry, filters, repo, findings)
    fields.check_truth(settings, name, entry, findings)
    if isinstance(mosaics, dict) and simulation is None:
        bands = images.check_mosaics(settings, name, entry, positions, findings, deep=deep, pixels=pixels)
        if pixels:
            psf_stars.check_stars(settings, name, entry, bands, findings, deep=deep)


def _ask_the_run(settings, config, repo, findings):
    """What the rules check before the first job, as the last word."""
    note = findings.at()
    note.attempt("folder", check_folders)
    if note.passes("run", fieldset.load, config, repo=repo, user_files=settings.user_files):
        later = "; it will find by itself what was not looked at here" if findings.count(UNSEEN) else ""
        note.add(OK, "run", f"accepts this configuration{later}")
