"""What artificial clusters are made of: the places and fluxes of the field's own measured sources.

Fluxes nJy as observed (not de-reddened), positions deg (ICRS), distances arcsec.
"""

import logging
from dataclasses import dataclass

import numpy as np
from astropy.table import Table
from scipy.spatial import cKDTree

from clusterphot.base.flags import Flag
from clusterphot.base.robust import mad_sigma
from clusterphot.measure.neighbours import unit_vectors

MIN_SNR = 3.0
"""Signal to noise in the reference filter from which a source gives its fluxes to artificial ones, and in another
filter from which it has a colour of its own."""

COLOUR_SNR = 10.0
"""Signal to noise in the reference filter of the sources whose median colours stand for those of fainter ones."""

LIST_SNR, MIN_LIST = 20.0, 10
"""Signal to noise of the sources whose shifts tell how well the list knows positions, and how many that takes."""

HARMLESS = int(Flag.OFFSET_UNKNOWN)
"""Flags that say nothing of a flux whose place is known."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Listed:
    """The listed sources of a field, found by their places.

    Attributes
    ----------
    table : `astropy.table.Table`
        From `choose_donors`.
    filters : list of str
    """

    table: Table
    filters: list

    def __post_init__(self):
        places = list(zip(self.table["ra"], self.table["dec"], strict=True))
        object.__setattr__(self, "_tree", cKDTree(unit_vectors(places)) if places else None)

    @property
    def donors(self):
        """Rows of the sources that give places and fluxes."""
        return np.flatnonzero(self.table["is_donor"])

    def fluxes(self, rows):
        """Fluxes (n, n_filters) of donors."""
        return np.stack([np.asarray(self.table[f"flux_{filt}"])[rows] for filt in self.filters], axis=-1)

    def nearest_arcsec(self, ra, dec):
        """Distance (n,) of places from the nearest listed source, infinite without any."""
        if self._tree is None:
            return np.full(len(ra), np.inf)
        chord, _ = self._tree.query(unit_vectors(list(zip(ra, dec, strict=True))))
        return _arcsec(chord)

    def members(self, ids, ra, dec, radius_arcsec):
        """Sources at places (n,) with listed neighbours, as `clusterphot.measure.cutouts.make_cutouts` takes them."""
        chord = 2.0 * np.sin(np.deg2rad(radius_arcsec / 3600.0) / 2.0)
        near = [[] for _ in ids]
        if self._tree is not None and len(ids):
            near = self._tree.query_ball_point(unit_vectors(list(zip(ra, dec, strict=True))), chord)
        name, ra_listed, dec_listed = (self.table[column].tolist() for column in ("id", "ra", "dec"))
        return [
            {
                "id": one,
                "ra": float(a),
                "dec": float(d),
                "neighbours": sorted((name[row], ra_listed[row], dec_listed[row]) for row in rows),
            }
            for one, a, d, rows in zip(ids, ra, dec, near, strict=True)
        ]


def _arcsec(chord):
    """Angle of a chord between unit vectors."""
    return 3600.0 * np.rad2deg(2.0 * np.arcsin(np.clip(chord / 2.0, 0.0, 1.0)))


def choose_donors(photometry, filters, reference):
    """All listed sources, and what those that were measured well give to artificial ones.

    Parameters
    ----------
    photometry : `astropy.table.Table`
        Of the whole list, errors as the fits gave them.
    filters : list of str
    reference : str
        Reference filter.

    Returns
    -------
    table : `astropy.table.Table`
        id, ra, dec, is_donor, and for donors flux_F, positive in every filter. The metadata hold
        ``list_error_px``, 1 sigma of listed positions along one axis in pixels of the reference filter, or None
        where too few bright sources tell it.

    Notes
    -----
    Donors have no flag and a signal to noise of `MIN_SNR` in the reference filter. In a filter where a donor is fainter
    than that, or was not measured, its flux is that of the reference filter times the median colour of the brighter
    donors: truth is not to be noise, nor negative.
    """
    flux, err = (
        {filt: _floats(photometry, f"{kind}_{filt}") for filt in filters} for kind in ("flux", "flux_err")
    )
    flags = np.asarray(photometry["flags"]) & ~HARMLESS
    snr = {filt: flux[filt] / np.where(err[filt] > 0, err[filt], np.nan) for filt in filters}
    is_donor = (flags == 0) & (snr[reference] >= MIN_SNR)
    bright = is_donor & (snr[reference] >= COLOUR_SNR)
    bright = bright if bright.any() else is_donor
    table = Table({name: photometry[name] for name in ("id", "ra", "dec")})
    table["is_donor"] = is_donor
    for filt in filters:
        ratio = flux[filt][bright] / flux[reference][bright]
        ratio = ratio[np.isfinite(ratio)]
        typical = max(float(np.median(ratio)), 0.0) if len(ratio) else 0.0
        own = snr[filt] >= MIN_SNR
        given = np.where(own, flux[filt], typical * flux[reference])
        table[f"flux_{filt}"] = np.where(is_donor, given, np.nan)
    table.meta["list_error_px"] = _list_error(photometry, reference, is_donor & (snr[reference] >= LIST_SNR))
    logger.info("%d of %d listed sources give fluxes to artificial ones", is_donor.sum(), len(table))
    return table


def _list_error(photometry, reference, bright):
    """Scatter (px, one axis) of bright sources' fitted positions about the listed ones, or None."""
    shifts = np.concatenate([_floats(photometry, f"d{axis}_{reference}")[bright] for axis in "xy"])
    shifts = shifts[np.isfinite(shifts)]
    return float(mad_sigma(shifts)) if len(shifts) >= 2 * MIN_LIST else None


def _floats(table, name):
    """Column as floats, NaN where masked."""
    return np.ma.filled(np.ma.asarray(table[name], dtype=float), np.nan)
