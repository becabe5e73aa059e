"""Artificial clusters and blank places of one chunk: put in, measured, and set against the truth.

Fluxes nJy as in the image, light nJy/arcsec2, depths AB mag.
"""

import numpy as np
from astropy.table import Table, vstack

from clusterphot.base.units import mag_ab
from clusterphot.measure.join_filters import join_filters
from clusterphot.proof.bands import measure
from clusterphot.proof.draw import PHOTONS, stream
from clusterphot.proof.paint import paint

DEPTH_SIGMA = 5.0
"""Significance that depths are told for, as astronomers use to."""


def depth_of(flux_err_conditional):
    """Depth (AB mag) at the places of sources, from their errors by the local weights alone."""
    return mag_ab(DEPTH_SIGMA * np.asarray(flux_err_conditional))


def prove_injections(injected, bands, listed, manner, *, seed, reach_arcsec, arcsec_per_pc=0.0):
    """Put artificial clusters into the cutouts of a field and measure them as the list is.

    Parameters
    ----------
    injected : `astropy.table.Table`
        From `clusterphot.proof.draw.draw_injections`.
    bands : list of `clusterphot.proof.bands.Band`
    listed : `clusterphot.proof.donors.Listed`
    manner : `clusterphot.proof.bands.Manner`
    seed : int
    reach_arcsec : float
        Of the neighbours that are fitted with a source.
    arcsec_per_pc : float
        Of half-light radii; not needed for points.

    Returns
    -------
    outcome, photometry : `astropy.table.Table`
        Truth and what was measured of it, and the whole table of photometry as of the list.
    """
    members = listed.members(
        injected["id"].tolist(), injected["ra_listed"], injected["dec_listed"], reach_arcsec
    )

    def painter(cutouts, band):
        x, y = band.pixels(np.asarray(injected["ra"]), np.asarray(injected["dec"]))
        fluxes = np.asarray(injected[f"true_flux_{band.name}"])
        word = listed.filters.index(band.name)
        streams = [stream(seed, PHOTONS, number, word) for number in injected["number"]]
        sizes = arcsec_per_pc * np.asarray(injected["size_pc"])
        return paint(cutouts, band, (x, y), fluxes, streams, sizes)

    fits = measure(bands, members, manner, painter=painter)
    photometry = _joined(injected, fits, listed.filters, ("ra_listed", "dec_listed"))
    return _outcome("injected", injected, photometry, bands, listed.filters), photometry


def prove_blank(places, bands, listed, manner):
    """Fit blank places in all filters as if a source were held there; the table is as of `prove_injections`."""
    ra, dec = np.asarray(places["ra"]), np.asarray(places["dec"])
    members = [
        {"id": name, "ra": float(a), "dec": float(d), "neighbours": []}
        for name, a, d in zip(places["id"].tolist(), ra, dec, strict=True)
    ]
    fits = measure(bands, members, manner, places=(ra, dec))
    photometry = _joined(places, fits, listed.filters, ("ra", "dec"))
    return _outcome("blank", places, photometry, bands, listed.filters)


def _joined(drawn, fits, filters, position):
    """Table of photometry in the order of the field's filters, without errors of zero points."""
    rows = Table({"id": drawn["id"], "ra": drawn[position[0]], "dec": drawn[position[1]]})
    fits = sorted(fits, key=lambda fit: filters.index(fit.meta["filter"]))
    return join_filters(fits, rows, dict.fromkeys(filters, 0.0))


def _outcome(kind, drawn, photometry, bands, filters):
    """Truth, and what was measured of it."""
    n = len(drawn)
    table = Table({"id": drawn["id"], "kind": np.full(n, kind, dtype="U8")})
    for name in ("ra", "dec", "neighbour_arcsec"):
        table[name] = drawn[name]
    table["size_pc"] = drawn["size_pc"] if "size_pc" in drawn.colnames else np.zeros(n)
    table["flags"] = photometry["flags"]
    band_of = {band.name: band for band in bands}
    for filt in filters:
        band, given = band_of[filt], f"true_flux_{filt}"
        true = np.asarray(drawn[given]) if given in drawn.colnames else np.zeros(n)
        flux, err = (np.asarray(photometry[f"{name}_{filt}"], dtype=float) for name in ("flux", "flux_err"))
        table[given], table[f"flux_{filt}"], table[f"flux_err_{filt}"] = true, flux, err
        table[f"flux_err_sys_{filt}"] = photometry[f"flux_err_sys_{filt}"]
        table[f"pull_{filt}"] = (flux - true) / np.where(err > 0, err, np.nan)
        table[f"light_{filt}"] = np.asarray(photometry[f"sky_{filt}"]) / band.mosaic.pixel_scale_arcsec**2
        table[f"depth_{filt}"] = depth_of(photometry[f"flux_err_conditional_{filt}"])
        x, y = band.pixels(np.asarray(drawn["ra"]), np.asarray(drawn["dec"]))
        for axis, place in (("x", x), ("y", y)):
            table[f"offset_{axis}_{filt}"] = np.asarray(photometry[f"{axis}_{filt}"]) - place
        table[f"flags_{filt}"] = photometry[f"flags_{filt}"]
    return table


def stack_outcomes(tables):
    """Outcomes of several chunks one below the other, injected ones first, by their numbers."""
    table = vstack(tables, metadata_conflicts="silent") if len(tables) > 1 else tables[0]
    return table[np.lexsort([np.asarray(table["id"]), np.asarray(table["kind"]) == "blank"])]
