"""PSF files given by the user, checked and brought to the form of our own.

An odd stamp centred on its middle pixel, unit sum; lengths in pixels of the filter's mosaic or arcsec as named.
"""

import numpy as np
from astropy.io import fits

from clusterphot.base.errors import DataError
from clusterphot.base.products import Psf
from clusterphot.psf.shape import core_radius_px, fwhm_px, recentre

MIN_SIDE_PX = 7
"""Smallest side of a PSF: the core alone of the sharpest filter takes that much."""

SCALE_TOLERANCE = 0.01
"""Fraction by which the header's pixel scale may differ from the mosaic's: rounding and distortion, no more."""

CORE_ARCSEC = 0.08
"""Sigma of the Gaussian window that centres the core; users' PSFs may be broader than our own."""


def load_user_psf(path, pixel_scale_arcsec, filter_name):
    """Read a PSF file given by the user and bring it to the form of our own.

    Parameters
    ----------
    path : str
        FITS; the first two-dimensional image is taken. Even or odd sides, off-centre by a few pixels at most.
    pixel_scale_arcsec : float
        Of the mosaic.
    filter_name : str

    Returns
    -------
    psf : `clusterphot.base.products.Psf`
        Odd stamp, centred (Gaussian-weighted centroid on the middle pixel), sum 1. ``ee_stamp`` and
        ``sys_error`` from the header's EESTAMP and SYSERR where present, else 1 and 0.

    Raises
    ------
    DataError
        If there is no such image, it holds NaN, its sum is not positive, its peak is at its edge, its pixel
        scale differs, or EESTAMP is no fraction.
    """
    with fits.open(path, memmap=False) as hdus:
        image = next((h for h in hdus if h.data is not None and getattr(h.data, "ndim", 0) >= 2), None)
        if image is None:
            raise DataError(f"{path}, psf of {filter_name}", "no image", "a FITS file with a 2-D image")
        header = hdus[0].header.copy()
        header.update(image.header)
        data = np.asarray(image.data, dtype=float)
    _check_user_psf(path, data, header, pixel_scale_arcsec, filter_name)
    data = _centre(data, core_radius_px(pixel_scale_arcsec, CORE_ARCSEC))
    ee_stamp, sys_error = float(header.get("EESTAMP", 1.0)), float(header.get("SYSERR", 0.0))
    if not 0.0 < ee_stamp <= 1.0:
        raise DataError(f"{path}, header EESTAMP", ee_stamp, "a fraction in (0, 1]")
    return Psf(
        data=data / data.sum(),
        pixel_scale_arcsec=pixel_scale_arcsec,
        filter_name=filter_name,
        ee_stamp=ee_stamp,
        sys_error=sys_error,
        fwhm_arcsec=fwhm_px(data) * pixel_scale_arcsec,
        meta={"ORIGIN": "user file", "BEYOND": "header EESTAMP" if "EESTAMP" in header else "assumed none"},
    )


def _check_user_psf(path, data, header, pixel_scale_arcsec, filter_name):
    """Raise `DataError` for a user PSF that cannot be right."""
    where = f"{path}, psf of {filter_name}"
    if data.ndim != 2:
        raise DataError(where, f"an image of {data.ndim} dimensions", "2 dimensions")
    if min(data.shape) < MIN_SIDE_PX:
        raise DataError(
            where, f"{data.shape[1]} x {data.shape[0]} px", f"at least {MIN_SIDE_PX} x {MIN_SIDE_PX} px"
        )
    if not np.all(np.isfinite(data)):
        raise DataError(where, f"{np.sum(~np.isfinite(data))} pixels NaN or infinite", "finite pixels")
    if not data.sum() > 0:
        raise DataError(where, f"sum {data.sum():g}", "a positive sum")
    for key in ("PIXSCALE", "PIXELSCL", "PIXSCL"):
        scale = header.get(key)
        if isinstance(scale, (int, float)) and abs(scale / pixel_scale_arcsec - 1.0) > SCALE_TOLERANCE:
            raise DataError(
                f"{where}, header {key}",
                f'{scale:g}"',
                f'{pixel_scale_arcsec:g}", the pixel scale of the mosaic',
                "resample the PSF to the mosaic's pixels",
            )


def _centre(data, sigma_px):
    """Odd square stamp whose windowed centroid is its middle pixel."""
    peak_y, peak_x = np.unravel_index(np.argmax(data), data.shape)
    half = min(peak_y, peak_x, data.shape[0] - 1 - peak_y, data.shape[1] - 1 - peak_x)
    if half < MIN_SIDE_PX // 2:
        raise DataError(
            "psf file", f"peak at pixel x={peak_x}, y={peak_y}", "a peak near the middle of the image"
        )
    stamp = data[peak_y - half : peak_y + half + 1, peak_x - half : peak_x + half + 1]
    return recentre(stamp, sigma_px)
