"""Radial profile, density map and comparisons of one field from its files.

Positions degrees (ICRS), angles arcsec, densities 1/arcmin2.
"""

import logging
import os
from dataclasses import dataclass

import numpy as np
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS

from clusterphot.base.errors import DataError
from clusterphot.base.fits_headers import read_headers
from clusterphot.base.products import pixel_scale, write_fits
from clusterphot.detect.tiles import read_maps
from clusterphot.luminosity import density
from clusterphot.luminosity.inputs import share_found

logger = logging.getLogger(__name__)

OWN_LIGHT = "light"
"""Name of the comparison with the field's own light of galaxies."""


@dataclass(frozen=True)
class FieldSurvey:
    """Results of a field.

    Attributes
    ----------
    radial, comparison : `astropy.table.Table`
    density, area : (ny, nx) float ndarray
        Corrected density (1/arcmin2) and effective area (arcsec2) of the cells.
    header : `astropy.io.fits.Header`
    meta : dict
    """

    radial: Table
    comparison: Table
    density: np.ndarray
    area: np.ndarray
    header: fits.Header
    meta: dict


def field_survey(table, completeness, function, maps_path, compared, par):
    """Survey a field.

    Parameters
    ----------
    table : `astropy.table.Table`
        Selected sources.
    completeness : function of (mag, noise, light)
    function : `astropy.table.Table`
        One row, of rule fit_luminosity_function.
    maps_path : str
        Maps of the search.
    compared : list of str
        FITS files of the user to compare with.
    par : object
        centre, mag_min, and binning: n_radial_bins, smoothing_arcsec.

    Returns
    -------
    result : `FieldSurvey`
    """
    maps = read_maps(maps_path)
    header = fits.getheader(maps_path, "NOISE")
    wcs = cells_wcs(maps_path)
    limit, turnover, width = function_of_clusters(function)
    share = share_found(completeness, turnover, width, par.mag_min, limit)
    survey = density.make_survey(maps, pixel_scale(wcs), table, limit, share)
    centre = cell_of(par.centre, wcs, maps.light)
    edges = density.radial_edges(survey, centre, par.binning["n_radial_bins"])
    profile = density.radial_profile(survey, centre, edges)
    names = {"n": "n_found", "density": "surface_density", "density_err": "surface_density_err"}
    radial = Table({"radius_low": edges[:-1], "radius_high": edges[1:]})
    for name, values in profile.items():
        radial[names.get(name, name)] = values
    radial.rename_column("area", "area_effective")
    rows = [_compared(survey, OWN_LIGHT, np.asarray(maps.light, dtype=float))]
    rows += [
        _compared(survey, os.path.basename(path), read_map(path, wcs, maps.light.shape)) for path in compared
    ]
    ra, dec = (float(value) for value in wcs.all_pix2world(centre[1], centre[0], 0))
    return FieldSurvey(
        radial, Table(rows), density.density_map(survey, par.binning["smoothing_arcsec"]), survey.area, header,
        {"centre_deg": [ra, dec], "mag_limit": limit},
    )  # fmt: skip


def cells_wcs(maps_path):
    """Celestial coordinates of the cells of the maps of the search."""
    return WCS(fits.getheader(maps_path, "NOISE")).celestial


def function_of_clusters(function):
    """Limit, turnover and width by which completeness is averaged over magnitudes, from the table of the fit.

    Where nothing was fitted, a turnover at the limit stands for the clusters.
    """
    limit = float(function["mag_limit"][0])
    turnover, width = float(function["turnover"][0]), float(function["width"][0])
    return (limit, turnover, width) if np.isfinite(turnover) else (limit, limit, 1.0)


def cell_of(centre, wcs, light):
    """Cell (row, column) of the centre named by the user, or of the brightest galaxy."""
    if centre is None:
        return density.brightest_cell(light)
    x, y = (float(value) for value in wcs.all_world2pix(*centre, 0))
    return y, x


def _compared(survey, name, values):
    """Row of the comparison with a map."""
    return {"map": name} | vars(density.compare_with_map(survey, values))


def read_map(path, cell_wcs, shape):
    """A user's map on the cells.

    Raises
    ------
    DataError
        If the file has no image with celestial coordinates, or does not overlap.
    """
    expected = "a FITS image with celestial coordinates"
    try:
        for _ in read_headers(path):  # within bounds, without which astropy is busy for hours
            pass
        with fits.open(path, memmap=False) as hdus:
            images = [hdu for hdu in hdus if hdu.is_image and hdu.data is not None and hdu.data.ndim == 2]
            wcs = WCS(images[0].header) if images else None
            image = np.asarray(images[0].data, dtype=float) if images else None
    except DataError:
        raise
    except Exception as exc:  # whatever astropy trips over in a damaged file
        raise DataError(path, f"a file that cannot be read ({exc})", expected) from exc
    if wcs is None or not wcs.has_celestial:
        raise DataError(path, "none", expected, "the first image of two axes is read.")
    values = density.sample_map(image, wcs.celestial, cell_wcs, shape)
    if not np.isfinite(values).any():
        raise DataError(path, "a map beside the field", "one that overlaps its mosaics")
    return values


def write_density(path, result):
    """Write the density map and the effective area, with the coordinates of the cells."""
    hdus = [fits.PrimaryHDU()]
    named = (("DENSITY", result.density, "arcmin-2"), ("AREA", result.area, "arcsec2"))
    for name, image, unit in named:
        hdu = fits.ImageHDU(image.astype(np.float32), result.header, name=name)
        hdu.header["BUNIT"] = unit
        hdus.append(hdu)
    write_fits(path, hdus)
