"""Candidates of a whole field from its tiles: one locus of stars, reasons, names, probabilities, frozen list.

The steps from raw detections to selected sources are those that artificial clusters go through too.
"""

import logging
from dataclasses import dataclass

import numpy as np
from astropy.table import Table

from clusterphot.base.filters import load_filter
from clusterphot.base.flags import Flag
from clusterphot.base.products import read_mosaic, read_noise
from clusterphot.base.psf_field import read_psf_field
from clusterphot.base.tables import read_ecsv
from clusterphot.config.detection import BandKeys
from clusterphot.detect.backgrounds import SKY_ORDER
from clusterphot.detect.crowding import SAME_ARCSEC, first_come, neighbour_light
from clusterphot.detect.kernels import make_kernels
from clusterphot.detect.planes import SearchBand
from clusterphot.detect.selection import magnitudes, point_likeness, select
from clusterphot.detect.star_wings import find_bright_stars
from clusterphot.psf.offsets import read_offset

logger = logging.getLogger(__name__)

SIZE_FACTOR_RANGE = (0.5, 2.0)
"""Correction of fluxes for stars wider than the PSF of the field: beyond it, it is no small one, and not to be
trusted."""

MASKED_SHARE = 0.02
"""Share of bad pixels in the disc around a candidate from which it is flagged MASKED: more than a lone cosmic ray."""


@dataclass(frozen=True)
class FieldBands:
    """Bands of a field.

    Attributes
    ----------
    bands : list of `SearchBand`
    reference : int
    combined : tuple of str
        Filters of the combined significance and of the shapes.
    bright_stars : `clusterphot.detect.star_wings.BrightStars` or None
        Those whose wings are not searched.
    """

    bands: list
    reference: int
    combined: tuple
    bright_stars: object = None

    @property
    def names(self):
        """Names of all filters."""
        return [band.name for band in self.bands]

    @property
    def relative_flux(self):
        """Spectrum of a typical cluster, by filter."""
        return {band.name: band.relative_flux for band in self.bands}


def read_inputs(mosaics, psfs, psf_grids, noises, offsets):
    """Products of a field by file, in the order of its filters; ``offsets`` lack the reference filter.

    Returns
    -------
    inputs : list of (mosaic, psf, noise, offset or None)
        As `make_bands` takes them.
    """
    by_filter = {read_ecsv(path).meta["filter"]: read_offset(path) for path in offsets}
    entries = []
    for mosaic, psf, grid, noise in zip(mosaics, psfs, psf_grids, noises, strict=True):
        image = read_mosaic(mosaic)
        offset = by_filter.get(image.filter_name)
        entries.append((image, read_psf_field(psf, grid), read_noise(noise), offset))
    return entries


def make_bands(
    inputs, reference_filter, *, relative_flux, combined="auto", background=BandKeys.background, stars=None
):
    """Bands of a field from its products.

    Parameters
    ----------
    inputs : list of (mosaic, psf, noise, offset or None)
        Of `read_inputs`; no offset for the reference filter.
    reference_filter : str
    relative_flux : dict of str to float
        Spectrum of a typical cluster; interpolated in wavelength for other filters.
    combined : 'auto' or list of str
        Filters of the combined significance; auto takes the reference filter and its neighbours on both sides.
    background : str
    stars : `astropy.table.Table`, optional
        Of `clusterphot.psf.stars`; the wings of bright ones are masked in the search.

    Returns
    -------
    field : `FieldBands`
    """
    spectrum = relative_fluxes([entry[0].filter_name for entry in inputs], reference_filter, relative_flux)
    bands = [
        SearchBand(
            mosaic,
            psf,
            make_kernels(psf, noise, sky_order=SKY_ORDER[background]),
            noise,
            (0.0, 0.0) if offset is None else (offset.dx, offset.dy),
            spectrum[mosaic.filter_name],
            background,
        )
        for mosaic, psf, noise, offset in inputs
    ]
    names = [band.name for band in bands]
    if combined == "auto":
        order = sorted(names, key=lambda name: load_filter(name).wave_pivot)
        place = order.index(reference_filter)
        combined = order[max(place - 1, 0) : place + 2]
    reference = names.index(reference_filter)
    bright = None
    if stars is not None:
        mosaic, psf = inputs[reference][:2]
        bright = find_bright_stars(stars, mosaic, psf, bands[reference].kernels.flux)
    return FieldBands(bands, reference, tuple(combined), bright)


def relative_fluxes(names, reference, table):
    """Spectrum of a typical cluster in the given filters, 1 in the reference filter; power laws between known ones."""
    known = sorted(table, key=lambda name: load_filter(name).wave_pivot)
    wave = [np.log(load_filter(name).wave_pivot) for name in known]
    flux = [np.log(table[name]) for name in known]

    def value(name):
        return float(np.exp(np.interp(np.log(load_filter(name).wave_pivot), wave, flux)))

    return {name: value(name) / value(reference) for name in names}


def without_duplicates(table, pixel_scale_arcsec):
    """Candidates of all tiles without those found twice at a border, by declination then right ascension."""
    table = table[np.lexsort((table["x"], table["y"], -np.asarray(table["snr"])))]
    table = table[first_come(table["x"], table["y"], SAME_ARCSEC / pixel_scale_arcsec)]
    return table[np.lexsort((table["ra"], table["dec"]))]


def apply_selection(table, locus, field, options):
    """Point-likeness, corrected fluxes and reasons of raw candidates, added in place.

    Parameters
    ----------
    table : `astropy.table.Table`
        Raw candidates of `clusterphot.detect.catalog.detect_box`.
    locus : `clusterphot.detect.selection.PointLocus`
    field : `FieldBands`
    options : `clusterphot.detect.selection.SelectionOptions`
    """
    for band in field.bands:
        expected = locus.beyond_typical(band.name, table["x"], table["y"])
        # Where stars are wider than the PSF of the field, the filter sees less of their flux.
        factor = 1.0 / np.clip(
            1.0 + band.kernels.size_response * expected / band.moment_unit_mas2, *SIZE_FACTOR_RANGE
        )
        for name in ("flux", "flux_err"):
            table[f"{name}_{band.name}"] = table[f"{name}_{band.name}"] * factor
    for name, values in point_likeness(table, locus, field.combined).items():
        table[name] = values
    reference = field.names[field.reference]
    table["mag"] = magnitudes(np.asarray(table[f"flux_{reference}"], dtype=float))
    table["reason"] = select(table, field.names, reference, field.relative_flux, options)
    table["selected"] = table["reason"] == ""


def name_candidates(table):
    """Names after the position, as the IAU recommends: JHHMMSS.sss+DDMMSS.ss; equal ones get a letter."""
    names, seen = [], {}
    for ra, dec in zip(table["ra"], table["dec"], strict=True):
        name = _sexagesimal(float(ra), float(dec))
        seen[name] = seen.get(name, 0) + 1
        names.append(name if seen[name] == 1 else f"{name}{chr(ord('a') + seen[name] - 1)}")
    return np.array(names, dtype=str)


def _sexagesimal(ra, dec):
    """Name of a position, truncated as the IAU asks for."""
    milli = int(np.floor((ra % 360.0) / 15.0 * 3600.0 * 1000.0))
    centi = int(np.floor(abs(dec) * 3600.0 * 100.0))
    hours, minutes = milli // 3600000, milli // 60000 % 60
    degrees, arcmin = centi // 360000, centi // 6000 % 60
    sign = "-" if dec < 0 else "+"
    seconds, arcsec = milli % 60000 / 1000, centi % 6000 / 100
    return f"J{hours:02d}{minutes:02d}{seconds:06.3f}{sign}{degrees:02d}{arcmin:02d}{arcsec:05.2f}"


def product_table(table, field, probability):
    """Columns of ``candidates.ecsv`` in their order."""
    out = Table({"id": name_candidates(table)})
    for name in ("ra", "dec", "x", "y"):
        out[name] = table[name]
    out["flags"] = np.where(table["near_hole"], int(Flag.SATURATED), 0) | np.where(
        table["missing"] > MASKED_SHARE, int(Flag.MASKED), 0
    )
    out["mag"] = table["mag"]
    for band in field.names:
        out[f"flux_{band}"], out[f"flux_err_{band}"] = table[f"flux_{band}"], table[f"flux_err_{band}"]
    for name in ("snr", "point_likeness", "size", "size_err", "elongation_sigma", "surface_brightness"):
        out[name] = table[name]
    reference = field.bands[field.reference]
    scale, flux = reference.mosaic.pixel_scale_arcsec, table[f"flux_{reference.name}"]
    out["neighbour_light"] = neighbour_light(table["x"], table["y"], table, flux, scale)
    for band in field.names:
        out[f"noise_{band}"] = table[f"noise_{band}"]
        out[f"size_{band}"], out[f"size_err_{band}"] = table[f"size_{band}"], table[f"size_err_{band}"]
    out["found_in"] = table["found_in"]
    out["selected"], out["reason"], out["p_cluster"] = table["selected"], table["reason"], probability
    return out


def frozen_list(table):
    """Source list of the selected candidates: id, ra, dec, p_cluster."""
    rows = table[np.asarray(table["selected"], dtype=bool)]
    return Table(
        {
            "id": rows["id"],
            "ra": np.round(np.asarray(rows["ra"]), 7),
            "dec": np.round(np.asarray(rows["dec"]), 7),
            "p_cluster": np.round(np.asarray(rows["p_cluster"]), 3),
        }
    )
