"""Reference encircled energies, user PSF files, and what can be read off a PSF: width, curve, centre.

The table is that of the JWST documentation for NIRCam (see the file's own header); radii in arcsec.
"""

import re

import numpy as np
from astropy.io import fits

from clusterphot.base.errors import DataError
from clusterphot.base.images import crop, fourier_shift, radius_grid
from clusterphot.base.products import Psf

RADII_ARCSEC = (0.1, 0.2, 0.4, 1.0)
EE_COLUMNS = ("ee_0p1", "ee_0p2", "ee_0p4", "ee_1p0")


def read_encircled_energy(path):
    """Read the reference table: ``{filter: (wavelength_um, EE at RADII_ARCSEC)}``."""
    with open(path, encoding="utf-8") as handle:
        lines = [line.strip() for line in handle if line.strip() and not line.startswith("#")]
    names = lines[0].split(",")
    table = {}
    for line in lines[1:]:
        row = dict(zip(names, line.split(","), strict=True))
        table[row["filter"]] = (float(row["wavelength_um"]), np.array([float(row[c]) for c in EE_COLUMNS]))
    return table


def reference_ee(table, filter_name, radius_arcsec):
    """Reference encircled energy at any radius.

    Parameters
    ----------
    table : dict
        From `read_encircled_energy`.
    filter_name : str
        In the table, or of the form ``F115W``: then interpolated between its neighbours in wavelength.
    radius_arcsec : float or array

    Returns
    -------
    ee : float ndarray
        Interpolated as ln(1 - EE) against ln r; beyond 1" as 1 - EE proportional to 1/r (diffraction).

    Raises
    ------
    DataError
        If the wavelength of the filter is unknown or outside the table by more than a fifth
        (a quarter at its blue end, for F070W).
    """
    if filter_name in table:
        values = table[filter_name][1]
    else:
        match = re.fullmatch(r"F(\d{3})[A-Z]\d?", filter_name)
        waves = np.array([entry[0] for entry in table.values()])
        wave = float(match.group(1)) / 100.0 if match else np.nan
        if not 0.75 * waves.min() <= wave <= 1.2 * waves.max():
            raise DataError(
                f"encircled-energy table, filter {filter_name}",
                "no entry",
                f"one of {', '.join(table)} or a NIRCam filter between them",
                "add a line to resources/psf/encircled_energy.csv or set psf.beyond_stamp: none",
            )
        columns = np.stack([entry[1] for entry in table.values()])
        values = np.array([np.interp(wave, waves, columns[:, k]) for k in range(columns.shape[1])])
    radius = np.maximum(np.asarray(radius_arcsec, dtype=float), 1e-3)
    inner = np.exp(np.interp(np.log(radius), np.log(RADII_ARCSEC), np.log(1.0 - values)))
    outer = (1.0 - values[-1]) * RADII_ARCSEC[-1] / radius
    return 1.0 - np.where(radius > RADII_ARCSEC[-1], outer, inner)


def reference_scatter(table, filter_name):
    """Fractional 1-sigma error of the reference light outside the core, ``1 - EE``.

    Wavefront errors scatter a share (2 pi rms / wavelength)^2 of the light, so that their scatter from epoch
    to epoch (60-95 nm; Rigby et al. 2023, PASP 135, 048001) matters most at short wavelengths: 35 % at 0.9
    micron, 11 % at 4.4; a tenth is allowed for drizzling, jitter and the table itself.
    """
    wave = table[filter_name][0] if filter_name in table else float(filter_name[1:4]) / 100.0
    return 0.10 + 0.25 * (0.9 / wave) ** 2


def fwhm_px(data):
    """Full width at half maximum of a centred PSF: diameter of the circle of the area above half the peak.

    The image is interpolated eightfold with its Fourier series, which is exact for a well sampled PSF.
    """
    half = min(data.shape[0] // 2, 16)
    core = data[tuple(slice(n // 2 - half, n // 2 + half + 1) for n in data.shape)]
    fine = 8
    n = core.shape[0]
    window = np.hanning(n + 2)[1:-1] ** 0.25
    spectrum = np.fft.fftshift(np.fft.fft2(core * np.outer(window, window)))
    padded = np.zeros((n * fine, n * fine), dtype=complex)
    first = (n * fine) // 2 - n // 2
    padded[first : first + n, first : first + n] = spectrum
    zoomed = np.fft.ifft2(np.fft.ifftshift(padded)).real
    above = zoomed > 0.5 * zoomed.max()
    return float(2.0 * np.sqrt(above.sum() / np.pi) / fine)


def windowed_centroid(data, sigma_px, n_iter=40):
    """Gaussian-weighted centroid from the middle pixel, iterated (as SExtractor's XWIN): (dx, dy) in
    pixels."""
    half = data.shape[0] // 2
    axis = np.arange(-half, half + 1)
    dx = dy = 0.0
    for _ in range(n_iter):
        weight = np.exp(-0.5 * ((axis[:, None] - dy) ** 2 + (axis[None, :] - dx) ** 2) / sigma_px**2) * data
        total = weight.sum()
        if not total > 0:
            return 0.0, 0.0
        step_x = 2.0 * np.sum(weight * (axis[None, :] - dx)) / total
        step_y = 2.0 * np.sum(weight * (axis[:, None] - dy)) / total
        dx, dy = dx + np.clip(step_x, -0.5, 0.5), dy + np.clip(step_y, -0.5, 0.5)
        if np.hypot(step_x, step_y) < 1e-6:
            break
        if np.hypot(dx, dy) > half:
            return 0.0, 0.0
    return float(dx), float(dy)


def encircled_energy(data, ee_stamp, radius_px):
    """Fraction of the total light within circles around the middle pixel; NaN beyond the stamp's inscribed
    circle.

    Pixels on the rim count with the fraction ``clip(r + 1/2 - d, 0, 1)``, good to 0.3 % of the stamp's sum.
    """
    half = data.shape[0] // 2
    distance = radius_grid(half)
    normed = data / data.sum() * ee_stamp
    curve = np.array(
        [np.sum(normed * np.clip(r + 0.5 - distance, 0.0, 1.0)) for r in np.atleast_1d(radius_px)]
    )
    return np.where(np.atleast_1d(radius_px) <= half + 0.5, curve, np.nan)


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
        If there is no such image, it holds NaN, its sum is not positive, or its pixel scale differs.
    """
    with fits.open(path, memmap=False) as hdus:
        image = next((h for h in hdus if h.data is not None and getattr(h.data, "ndim", 0) >= 2), None)
        if image is None:
            raise DataError(f"{path}, psf of {filter_name}", "no image", "a FITS file with a 2-D image")
        header = hdus[0].header.copy()
        header.update(image.header)
        data = np.asarray(image.data, dtype=float)
    _check_user_psf(path, data, header, pixel_scale_arcsec, filter_name)
    data = _centre(data, max(1.5, 0.08 / pixel_scale_arcsec))
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
    if min(data.shape) < 7:
        raise DataError(where, f"{data.shape[1]} x {data.shape[0]} px", "at least 7 x 7 px")
    if not np.all(np.isfinite(data)):
        raise DataError(where, f"{np.sum(~np.isfinite(data))} pixels NaN or infinite", "finite pixels")
    if not data.sum() > 0:
        raise DataError(where, f"sum {data.sum():g}", "a positive sum")
    for key in ("PIXSCALE", "PIXELSCL", "PIXSCL"):
        scale = header.get(key)
        if isinstance(scale, (int, float)) and abs(scale / pixel_scale_arcsec - 1.0) > 0.01:
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
    if half < 3:
        raise DataError(
            "psf file", f"peak at pixel x={peak_x}, y={peak_y}", "a peak near the middle of the image"
        )
    stamp = data[peak_y - half : peak_y + half + 1, peak_x - half : peak_x + half + 1]
    return recentre(stamp, sigma_px)


def recentre(stamp, sigma_px):
    """Fourier-shift an odd stamp until its windowed centroid is its middle pixel."""
    for _ in range(5):
        dx, dy = windowed_centroid(crop(stamp, min(stamp.shape[0] // 2, int(6 * sigma_px))), sigma_px)
        if np.hypot(dx, dy) < 1e-4:
            break
        stamp = fourier_shift(stamp, -dx, -dy)
    return stamp
