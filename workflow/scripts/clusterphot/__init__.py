"""The science of clusterphot: plain arguments in, values out; nothing here knows Snakemake.

From Python, without the workflow: `open_run` reads a run; `load_mosaic`, `measure_noise`, `psf_from_stars`,
`fit_source` and `fit_sed` do one step each. They are imported when they are first named: every job imports this file.
"""

__version__ = "0.2.0"

_HOMES = {
    "open_run": "clusterphot.api.runs",
    "load_mosaic": "clusterphot.api.images",
    "measure_noise": "clusterphot.psf.noise",
    "psf_from_stars": "clusterphot.api.images",
    "fit_source": "clusterphot.api.images",
    "fit_sed": "clusterphot.api.populations",
}
"""Functions for people, and the modules that they are in."""

__all__ = ["__version__", *_HOMES]


def __getattr__(name):
    """A function for people, imported when it is first named."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__():
    """What completion offers."""
    return sorted({*globals(), *_HOMES})
