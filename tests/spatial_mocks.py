"""Fields of clusters of known profile, number and luminosity function, found in noise that rises to the centre.

The search is honest, as in `luminosity_mocks`: flux plus noise, kept above five sigma; what is missed is told by
artificial clusters, found alike. Angles arcsec, magnitudes AB, fluxes nJy.
"""

from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
from clusterphot.base.units import flux_from_mag_ab
from clusterphot.detect.tiles import CoarseMaps
from clusterphot.luminosity import function as lf
from clusterphot.luminosity.density import Survey
from clusterphot.luminosity.ellipse import profile_log_density
from clusterphot.luminosity.inputs import Injections, fit_smooth

CELL, SHAPE, CENTRE = 0.32, (125, 125), (62.0, 60.0)
NOISE, CENTRAL_NOISE, NOISE_CORE = 1.15, 6.0, 3.0
"""1 sigma far out, at the centre relative to that, and the radius over which it falls."""
THRESHOLD, MAG_MIN = 5.0, 26.0
GAP = np.s_[:, 90:94]
"""Columns that were not searched."""


@dataclass(frozen=True)
class Truth:
    """What a field is drawn from."""

    core: float = 4.0
    slope: float = 2.2
    flattening: float = 0.3
    angle: float = 0.6
    turnover: float = 30.0
    width: float = 1.2

    @property
    def parameters(self):
        """As `clusterphot.luminosity.ellipse` has them, (1, 4)."""
        return np.array(
            [
                [
                    np.log(self.core),
                    self.slope,
                    self.flattening * np.cos(2 * self.angle),
                    self.flattening * np.sin(2 * self.angle),
                ]
            ]
        )


def grid():
    """Offsets (x, y) of the cells from the centre."""
    rows, columns = np.indices(SHAPE)
    return (columns - CENTRE[1]) * CELL, (rows - CENTRE[0]) * CELL


def noise_map():
    """1-sigma noise of a flux in each cell."""
    x, y = grid()
    return NOISE * (1.0 + (CENTRAL_NOISE - 1.0) / (1.0 + (np.hypot(x, y) / NOISE_CORE) ** 2))


def density_of(truth):
    """Density of clusters in each cell, of any unit."""
    x, y = grid()
    return np.exp(profile_log_density(x.ravel(), y.ravel(), truth.parameters))[0].reshape(SHAPE)


def searched():
    """Share of each cell that was searched."""
    share = np.ones(SHAPE)
    share[GAP] = 0.0
    return share


def place(intensity, n, rng):
    """Rows and columns of cells in proportion to an intensity."""
    cells = rng.choice(intensity.size, n, p=intensity.ravel() / intensity.sum())
    return np.unravel_index(cells, SHAPE)


def survey_of(intensity, n, seed, completeness=0.1):
    """A survey whose completeness falls to ``completeness`` at the centre, and n sources that follow an intensity."""
    rng = np.random.default_rng(seed)
    x, y = grid()
    seen = 1.0 - (1.0 - completeness) * np.exp(-((np.hypot(x, y) / 4.0) ** 2))
    area = searched() * seen * CELL**2
    row, column = place(intensity * area, n, rng)
    return Survey(area, row, column, np.ones(n), np.ones(n), CELL)


def draw_field(seed, n_there, truth, n_injected=1200):
    """A field of so many clusters within its cells.

    Returns
    -------
    field : namespace
        sample, injections, row and column of the sources, own (distance from the centre), maps, there_row and
        there_column of all clusters.
    """
    rng = np.random.default_rng(seed)
    noise, light = noise_map(), 1000.0 * noise_map() / NOISE
    row, column = place(density_of(truth), n_there, rng)
    mag = truth.turnover + truth.width * rng.standard_normal(n_there)
    seen, found = _search(mag, noise[row, column], searched()[row, column] > 0, rng)
    there = place(searched(), n_injected, rng)
    mag_in = rng.uniform(26.5, 31.5, n_injected)
    seen_in, found_in = _search(mag_in, noise[there], np.ones(n_injected, dtype=bool), rng)
    values = (mag_in, noise[there], light[there], np.zeros(n_injected), seen_in)
    response = lf.measure_response(flux_from_mag_ab(mag_in), found_in, noise[there], seen_in)
    injections = Injections(None, values, fit_smooth(*values), response)
    at = row[seen], column[seen]
    sample = lf.Sample(found[seen], noise[at], light[at], np.ones(seen.sum()), -np.inf, np.zeros(seen.sum()))
    x, y = grid()
    maps = CoarseMaps(
        np.where(searched() > 0, noise, np.nan).astype(np.float32), light.astype(np.float32),
        searched().astype(np.float32), {},
    )  # fmt: skip
    return SimpleNamespace(
        sample=sample, injections=injections, row=at[0], column=at[1], own=np.hypot(x, y)[at], maps=maps,
        there=np.hypot(x, y)[row, column], there_searched=searched()[row, column] > 0,
    )  # fmt: skip


def _search(mag, noise, can_be_seen, rng):
    """Whether clusters are found, and their found fluxes."""
    found = flux_from_mag_ab(mag) + noise * rng.standard_normal(len(mag))
    return can_be_seen & (found > THRESHOLD * noise), found
