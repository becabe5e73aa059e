"""Files of simulated mosaics in the layouts that are published: those of the DAWN JWST Archive, and i2d of MAST."""

import csv

import numpy as np
from astropy.io import fits

from clusterphot.base.errors import DataError
from clusterphot.base.files import whole_file
from clusterphot.base.products import open_fits, write_fits

ARCHIVE_UNIT_NJY = 10.0
"""The archive's unit: 10 nJy, so that the AB zero point is 28.9."""

NJY_PER_MJY_PER_SR = 1e15
"""Of i2d files, times the solid angle of a pixel."""

RADIANS_PER_ARCSEC = np.pi / 180 / 3600


def write_archive(sci_path, wht_path, image, *, gain_e_per_njy=None):
    """Write a pair of files like the archive's.

    Parameters
    ----------
    sci_path, wht_path : str
    image : `clusterphot.simulate.images.SimulatedImage` or `clusterphot.simulate.drizzled.DrizzledImage`
    gain_e_per_njy : float, optional
        Such that a pixel's photon variance is ``sci / gain`` in the sense of the weights.
    """
    header = _header(image)
    header["PHOTFNU"] = (ARCHIVE_UNIT_NJY * 1e-9, "[Jy] per unit of the image")
    if gain_e_per_njy is not None:
        header["GAIN"] = (gain_e_per_njy, "[electron/nJy]")
    for path, data, unit in (
        (sci_path, image.sci / np.float32(ARCHIVE_UNIT_NJY), "10.0*nanoJansky"),
        (wht_path, image.wht * np.float32(ARCHIVE_UNIT_NJY**2), ""),
    ):
        hdu = fits.PrimaryHDU(data, header)
        if unit:
            hdu.header["BUNIT"] = unit
        write_fits(path, [hdu])


def write_i2d(path, image):
    """Write a file like MAST's: SCI and ERR in MJy/sr, NaN where nothing was exposed, and WHT.

    Parameters
    ----------
    path : str
    image : `clusterphot.simulate.drizzled.DrizzledImage`
    """
    solid_angle = (image.pixel_scale_arcsec * RADIANS_PER_ARCSEC) ** 2
    factor, exposed = np.float32(1.0 / (NJY_PER_MJY_PER_SR * solid_angle)), image.wht > 0
    primary = fits.PrimaryHDU()
    primary.header.update(_header(image, wcs=False))
    planes = []
    for name, data, unit in (
        ("SCI", np.where(exposed, image.sci * factor, np.float32(np.nan)), "MJy/sr"),
        ("ERR", np.where(exposed, image.err * factor, np.float32(np.nan)), "MJy/sr"),
        ("WHT", image.wht / image.wht.max(), ""),
    ):
        hdu = fits.ImageHDU(data, image.wcs.to_header(), name=name)
        if unit:
            hdu.header["BUNIT"] = unit
            hdu.header["PIXAR_SR"] = (solid_angle, "[sr] solid angle of a pixel")
        planes.append(hdu)
    write_fits(path, [primary, *planes])


def write_exposures(path, headers, filter_name):
    """Write the table of the exposures' WCS, as grizli does beside the archive's mosaics (``*_wcs.csv``).

    Parameters
    ----------
    path : str
    headers : list of dict
        From `clusterphot.simulate.exposures.exposure_headers`.
    filter_name : str
    """
    rows = [
        {
            "file": f"{filter_name.lower()}_{header['EXPNUM']:03d}.fits",
            "ext": header["EXTVER"],
            "exptime": 1.0,
        }
        | {name.lower(): value for name, value in header.items() if name not in ("EXPNUM", "EXTVER")}
        for header in headers
    ]
    with whole_file(path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as stream:
        table = csv.DictWriter(stream, rows[0])
        table.writeheader()
        table.writerows(rows)


def read_correlation(path):
    """Measured autocorrelation of noise, the first image of a FITS file, 1 in the middle.

    Raises
    ------
    DataError
        If no image is largest in its middle pixel, or its sides are not odd and equal.
    """
    with open_fits(path) as hdus:
        images = [np.array(hdu.data, dtype=float) for hdu in hdus if getattr(hdu, "data", None) is not None]
    correlation = images[0] if images else np.zeros((0, 0))
    n = len(correlation)
    if correlation.shape != (n, n) or n % 2 == 0 or correlation.argmax() != correlation.size // 2:
        raise DataError(
            path,
            f"an image of shape {correlation.shape}",
            "odd and equal sides, largest in the middle",
            "simulation.noise_correlation is the autocorrelation of the noise at whole pixels of the mosaic.",
        )
    return correlation / correlation.max()


def _header(image, *, wcs=True):
    """Cards that both layouts have."""
    header = image.wcs.to_header() if wcs else fits.Header()
    header["TELESCOP"], header["INSTRUME"], header["FILTER"] = "JWST", "NIRCAM", image.filter_name
    header["ORIGIN"] = "simulated"
    return header
