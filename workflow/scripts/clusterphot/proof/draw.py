"""Where artificial clusters lie and how bright they are; and where nothing is.

Each has a number, and a random stream of its own that follows from the seed and that number: more of them add to those
that exist, and none depends on the job that it is in. Fluxes nJy, positions deg (ICRS).
"""

import logging
from dataclasses import dataclass

import numpy as np
from astropy.table import Table

from clusterphot.config.proof import DrawKeys

INJECTED, BLANK, LIST, PHOTONS = range(4)
"""What a random stream is for: the second word of its seed."""

TRIES = 100
"""Places tried for one artificial cluster before it is put at the last one, near as that is to a listed source."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class DrawOptions(DrawKeys):
    """Keys of the configuration."""


def stream(seed, purpose, number, *more):
    """Random stream of one artificial cluster."""
    return np.random.default_rng([seed, purpose, int(number), *more])


def near(rng, ra, dec, inner_arcsec, outer_arcsec):
    """A place (ra, dec) about another one, uniform over a ring."""
    radius = np.sqrt(rng.uniform(inner_arcsec**2, outer_arcsec**2)) / 3600.0
    angle = rng.uniform(0.0, 2.0 * np.pi)
    return ra + radius * np.sin(angle) / np.cos(np.deg2rad(dec)), dec + radius * np.cos(angle)


def draw_injections(numbers, listed, options, list_error_arcsec):
    """Artificial clusters of these numbers.

    Parameters
    ----------
    numbers : sequence of int
    listed : `clusterphot.proof.donors.Listed`
    options : `DrawOptions`
    list_error_arcsec : float
        1 sigma, one axis, of what a list says of positions.

    Returns
    -------
    table : `astropy.table.Table`
        id, ra, dec (true), ra_listed, dec_listed, size_pc, neighbour_arcsec, true_flux_F; no rows without donors.

    Notes
    -----
    A donor is drawn; its fluxes are taken, and a place within ``reach_arcsec`` of it: so faint and bright ones follow
    the list over the light. Sizes go by turns.
    """
    donors = listed.donors
    numbers = list(numbers) if len(donors) else []
    rows, places, listed_places = [], [], []
    for number in numbers:
        rng = stream(options.seed, INJECTED, number)
        row = int(donors[rng.integers(len(donors))])
        rows.append(row)
        ra, dec = float(listed.table["ra"][row]), float(listed.table["dec"][row])
        inner = min(options.clearance_arcsec, options.reach_arcsec)
        for _ in range(TRIES):
            place = near(rng, ra, dec, inner, options.reach_arcsec)
            if listed.nearest_arcsec(*([value] for value in place))[0] >= options.clearance_arcsec:
                break
        places.append(place)
        east, north = stream(options.seed, LIST, number).normal(0.0, list_error_arcsec / 3600.0, 2)
        listed_places.append((place[0] + east / np.cos(np.deg2rad(place[1])), place[1] + north))
    (ra, dec), (ra_listed, dec_listed) = (
        np.array(some, dtype=float).reshape(-1, 2).T for some in (places, listed_places)
    )
    table = Table({"id": np.array([f"injected-{number:06d}" for number in numbers], dtype=str)})
    table["number"] = np.array(numbers, dtype=np.int64)
    table["ra"], table["dec"], table["ra_listed"], table["dec_listed"] = ra, dec, ra_listed, dec_listed
    table["size_pc"] = np.array(
        [options.sizes_pc[number % len(options.sizes_pc)] for number in numbers], float
    )
    table["neighbour_arcsec"] = listed.nearest_arcsec(ra, dec) if len(ra) else np.zeros(0)
    fluxes = listed.fluxes(np.array(rows, dtype=int))
    for band, filt in enumerate(listed.filters):
        table[f"true_flux_{filt}"] = fluxes[:, band]
    return table
