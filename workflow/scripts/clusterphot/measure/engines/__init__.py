"""Engines of the point-source fits, one entry each in `ENGINES`: what finds positions, fluxes and sky of cutouts.

Importing this costs nothing. Scenes, masks, errors, flags and tables are common to all engines, see
`clusterphot.measure.blocks`.
"""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Engine:
    """An engine, as the checks, the rules and the figures see it.

    Attributes
    ----------
    title : str
        Its name in figures.
    open : callable
        Takes a `clusterphot.measure.fit.FilterSetup`; gives an object with ``solve_free(block, start, prior)`` and
        ``solve_tied(block, positions)``, each giving a `clusterphot.measure.engines.solution.Solution`.
    check : callable, optional
        Takes where the user asked for it, what the user wrote, and the folders to look in or None; raises a ConfigError
        where the engine's program is not installed, before the first job.
    environment : str, optional
        Conda environment of its jobs, in envs/.
    """

    title: str
    open: Callable
    check: Callable | None = None
    environment: str = "clusterphot"


def _open_psf(setup):
    from clusterphot.measure.engines.psf_engine import PsfEngine

    return PsfEngine()


def _open_tractor(setup):
    from clusterphot.measure.engines.tractor_engine import TractorEngine

    return TractorEngine(setup)


def _open_photutils(setup):
    from clusterphot.measure.engines.photutils_engine import PhotutilsEngine

    return PhotutilsEngine(setup)


def _check_tractor(where, got, path=None):
    from clusterphot.measure.engines.install import check_tractor

    check_tractor(where, got, path)


ENGINES = {
    "psf": Engine("our engine", _open_psf),
    "tractor": Engine("The Tractor", _open_tractor, _check_tractor, environment="tractor"),
    "photutils": Engine("photutils", _open_photutils),
}
"""Engines by their names in the configuration."""


def open_engine(name, setup):
    """Engine of this name, for one filter.

    Parameters
    ----------
    name : str
        A key of `ENGINES`.
    setup : `clusterphot.measure.fit.FilterSetup`

    Returns
    -------
    engine : object
        See `Engine.open`.

    Raises
    ------
    ConfigError
        If the engine's program is not installed.
    """
    if name not in ENGINES:
        raise ValueError(f"engine is {name!r}, expected one of {', '.join(ENGINES)}")
    return ENGINES[name].open(setup)


def check_engines(config, origin, path=None):
    """Stop before the first job where a field of images asks for an engine that cannot run.

    Parameters
    ----------
    config : dict
    origin : callable
        See `clusterphot.run.configuration.locate_keys`.
    path : list of str, optional
        Folders to look for programs in; by default those of the running interpreter.

    Raises
    ------
    ConfigError
    """
    if not any("sources" in field for field in config["fields"].values()):
        return
    asked = {
        "engine": [config["photometry"]["engine"]],
        "compare_engines": config["photometry"]["compare_engines"],
    }
    for key, names in asked.items():
        for name in names:
            if ENGINES[name].check is not None:
                ENGINES[name].check(f"{origin(('photometry', key))}, photometry.{key}", name, path)
