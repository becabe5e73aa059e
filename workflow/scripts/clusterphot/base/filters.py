"""Filter curves by name: those of astro-sedpy (its jwst_* curves are post-flight).

``F090W`` stands for ``jwst_f090w``; any other name is one of sedpy's. Wavelengths in Angstrom.
"""

import difflib
import functools
import importlib.util
import itertools
import math
from pathlib import Path

from clusterphot.base.errors import ConfigError


@functools.lru_cache
def known_filters():
    """Names of all curves of astro-sedpy, found without importing it."""
    spec = importlib.util.find_spec("sedpy")
    folder = Path(spec.origin).parent / "data" / "filters"
    return frozenset(path.stem for path in folder.glob("*.par"))


def sedpy_name(name):
    """Name of a filter in astro-sedpy: ``F150W`` is ``jwst_f150w``, others are as they are."""
    return f"jwst_{name.lower()}" if f"jwst_{name.lower()}" in known_filters() else name


def check_filter_name(name, where):
    """Check that a filter is known.

    Parameters
    ----------
    name : str
    where : str
        File and key that name it.

    Raises
    ------
    ConfigError
        With the nearest known names.
    """
    if sedpy_name(name) in known_filters():
        if sedpy_name(name) != name and name != name.upper():
            raise ConfigError(
                where, f"the filter {name!r}", "capitals for NIRCam filters", f"write {name.upper()!r}."
            )
        return
    hst = [known for known in known_filters() if known.endswith(f"_{name.lower()}")]
    short = [known.removeprefix("jwst_").upper() for known in known_filters() if known.startswith("jwst_f")]
    nircam = [known for known in short if len(known) == 5]
    near = sorted(hst) or difflib.get_close_matches(name.upper(), nircam, n=3, cutoff=0.5)
    near = near or difflib.get_close_matches(name, known_filters(), n=3, cutoff=0.4)
    hint = f"did you mean {' or '.join(near)}?" if near else "see the filter list of astro-sedpy."
    raise ConfigError(
        where, f"the unknown filter {name!r}", "a NIRCam filter such as F150W, or a name of astro-sedpy", hint
    )


@functools.lru_cache
def _curve(name):
    """Wavelengths (Angstrom) and transmissions of a known filter, without importing astro-sedpy."""
    spec = importlib.util.find_spec("sedpy")
    path = Path(spec.origin).parent / "data" / "filters" / f"{sedpy_name(name)}.par"
    lines = path.read_text(encoding="utf-8").splitlines()
    rows = [line.split() for line in lines if line.strip() and not line.lstrip().startswith("#")]
    return sorted((float(row[0]), max(float(row[1]), 0.0)) for row in rows)


def curve_range(name):
    """First and last wavelength, Angstrom, of a known filter's curve, without importing astro-sedpy."""
    curve = _curve(name)
    return curve[0][0], curve[-1][0]


@functools.lru_cache
def pivot_wavelength(name):
    """Pivot wavelength, Angstrom, of a known filter, as ``load_filter(name).wave_pivot`` without importing it.

    Notes
    -----
    sqrt(int T w dw / int T / w dw), T per photon (Bessell & Murphy 2012, PASP 124, 140, eq. A11). The middle of a
    curve's range is no wavelength of a filter: curves are tabulated as far as they leak, F336W beyond 5000 A.
    """
    curve = _curve(name)
    by_wave = by_inverse = 0.0
    for (wave, value), (next_wave, next_value) in itertools.pairwise(curve):
        step = 0.5 * (next_wave - wave)
        by_wave += step * (value * wave + next_value * next_wave)
        by_inverse += step * (value / wave + next_value / next_wave)
    return math.sqrt(by_wave / by_inverse)


@functools.lru_cache
def load_filter(name):
    """Filter curve as a `sedpy.observate.Filter`.

    Parameters
    ----------
    name : str
        As in the configuration, e.g. ``F150W`` or ``acs_wfc_f606w``.

    Returns
    -------
    filter : `sedpy.observate.Filter`
        ``wavelength`` (Angstrom), ``transmission`` (photon counting), ``wave_pivot``.

    Raises
    ------
    ConfigError
    """
    check_filter_name(name, "filters")
    from sedpy.observate import Filter

    return Filter(sedpy_name(name))


def nearest_filter(names, micron):
    """The filter whose pivot wavelength is nearest (in log) to a wavelength in micron."""
    return min(names, key=lambda name: abs(math.log(load_filter(name).wave_pivot / 1e4 / micron)))
