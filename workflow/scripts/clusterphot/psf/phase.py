"""Error of fluxes by dither phase: a drizzled point source is not the mean PSF, but that of its places on the detector.

Each exposure samples the source on the lattice of its pixels, with a phase that changes from source to source; their
drizzled mean (Fruchter & Hook 2002, PASP 114, 144) comes near the mean PSF as more phases are averaged. What is left is
proportional to the flux. Lengths arcsec, frequencies 1/arcsec, errors as fractions of the flux, 1 sigma.
"""

import logging
from dataclasses import dataclass

import numpy as np
from astropy.table import Table
from scipy import fft

from clusterphot.base.columns import PHASE_COLUMNS
from clusterphot.base.detectors import APERTURE_M, DETECTORS, find_detector
from clusterphot.base.errors import DataError
from clusterphot.base.filters import pivot_wavelength
from clusterphot.base.products import open_fits
from clusterphot.config.photometry import PhotometrySection
from clusterphot.mosaics.drizzling import DROPPED_AS_SQUARES, N_EXPOSURES, Drizzling
from clusterphot.mosaics.wcs_table import read_wcs_table, sightings
from clusterphot.optics.detector import PIXFRAC

ANGLES_DEG = tuple(range(0, 46, 5))
"""Angles between detector and mosaic that are tabulated; all others are one of them, turned or mirrored (for a PSF that
is not round mirroring is an approximation, to some percent)."""

HARMONICS, MOSAIC_HARMONICS = 2, 2
"""Highest harmonics of the lattices of detector and mosaic pixels. At 20 and 40 mas the first of each hold 95 % of
the variance up to 20 degrees, the second of the detector much of it near 45."""

FINE_STEPS = 5
"""Samples per mosaic pixel, odd: fine enough for the second harmonics of both lattices at once (three are not)."""

MARGIN_ARCSEC = 0.1
"""Beyond the cutout the PSF is used so far: what its drops carry into it."""

WIDEST = 6.6 / 6.5
"""Widest separation of points of JWST's pupil over its diameter: the optics pass no frequency above it over the
wavelength. For a round pupil it is 1, and 1.5 % more frequencies are let pass."""

BAND_EDGE = 0.85
"""Shortest wavelength of a wide filter over its pivot wavelength."""

MIN_RESPONSE = 0.02
"""Response of drop and mosaic pixel below which a frequency is left out: nothing but noise would be divided by it."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class PhaseError:
    """Error by dither phase of one filter.

    Attributes
    ----------
    error : float
        Fractional 1-sigma error of the flux of a single source.
    n_exposures : float
        Exposures at a source; NaN where the user gave the error.
    native_pixel_arcsec, pixfrac : float
    harmonics : `astropy.table.Table`
        From `phase_harmonics`; no rows where the error is not computed.
    origin : str
        Where the number of exposures, or the error, is from.
    """

    error: float
    n_exposures: float = float("nan")
    native_pixel_arcsec: float = float("nan")
    pixfrac: float = float("nan")
    harmonics: Table | None = None
    origin: str = ""

    def cards(self):
        """Cards of the header of the PSF, beside its error."""
        cards = {"NEXPOS": self.n_exposures, "DETPIX": self.native_pixel_arcsec, "PIXFRAC": self.pixfrac}
        return {"PHASESRC": self.origin} | {k: round(v, 6) for k, v in cards.items() if np.isfinite(v)}


def phase_harmonics(psf, native_pixel_arcsec, pixfrac, *, angles_deg=ANGLES_DEG):
    """Variance of the flux measured on one exposure, by harmonic of the detector's lattice.

    Parameters
    ----------
    psf : `clusterphot.base.products.Psf`
        On mosaic pixels: light of the optics seen through detector pixel, drop and mosaic pixel.
    native_pixel_arcsec, pixfrac : float
        Pixel of the detector, and side of its drop in units of it (square kernel).
    angles_deg : sequence of float, optional
        Angles of the detector's axes against the mosaic's.

    Returns
    -------
    harmonics : `astropy.table.Table`
        Columns ``angle_deg``, ``kx``, ``ky`` (one of each pair of opposite ones) and ``power``: variance, of the flux
        squared, that the harmonic and its opposite have in one exposure of random phase. ``meta`` has the
        ``native_pixel_arcsec``.

    Notes
    -----
    One exposure makes of a source of unit flux the image D = sum over its pixels j of P(j) B(x - j), with P the light
    seen through its pixels, B drop and mosaic pixel, and the weight W, which is the same sum of B alone: with drops
    smaller than pixels it is a ripple. N exposures make sum(D) / sum(W), which in a fit with the mean PSF M, of which
    the flux is the sum of h times the image over the pixels of the mosaic, errs by the mean over the exposures of

        sum_k exp(2 pi i k phi) sum_m exp(2 pi i m psi) c(k, m),
        c(k, m) = integral of h [ (P e_k) * B - M e_k B^(k) ] e_m,    e_k = exp(2 pi i k x / pixel),

    for k other than 0, phi and psi being the places of the source on the pixels of detector and mosaic (Poisson's
    summation over both lattices; * is a convolution, B^ the transform of B). Terms with m = 0 hold what the detector
    undersamples; those with m = k are beats of the two lattices, which dominate where their axes are parallel, and
    shrink with the angle between them. All phases random, the variance is sum |c|^2 / N. Left out are squares of the
    ripple, which a fit weighted by W has hardly any of (measured: 1 % of the error at nine exposures, 5 % at four).

    h is that of white noise, a curved sky and the cutout of the default configuration; a constant sky changes the
    error by 3 %. Where the mosaic undersamples its PSF, P is not known from it: F115W on pixels of 40 mas has 1.35
    times the error computed, F090W on 20 mas 1.02 times.
    """
    mean, step = _fine(psf)
    rows = []
    for angle in angles_deg:
        optics = _through_pixels(mean, step, psf, native_pixel_arcsec, pixfrac, angle)
        for (kx, ky), power in _powers(optics, mean, step, psf, native_pixel_arcsec, pixfrac, angle).items():
            rows.append((float(angle), kx, ky, power))
    meta = {"native_pixel_arcsec": float(native_pixel_arcsec)}
    table = Table(rows=rows, names=list(PHASE_COLUMNS), dtype=(float, np.int64, np.int64, float), meta=meta)
    for name, (unit, _) in PHASE_COLUMNS.items():
        table[name].unit = unit or None
    return table


def lattice_angle_deg(angle_deg):
    """Angle of -45 to 45 degrees at which a square lattice looks the same."""
    return np.mod(np.asarray(angle_deg) + 45.0, 90.0) - 45.0


def single_exposure_variance(harmonics, angle_deg=None):
    """Variance of the flux on one exposure of random phase; at any angle alike if that is not known.

    Parameters
    ----------
    harmonics : `astropy.table.Table`
        From `phase_harmonics`.
    angle_deg : float, optional
    """
    angles = np.unique(np.asarray(harmonics["angle_deg"]))
    power = [float(np.sum(harmonics["power"][harmonics["angle_deg"] == angle])) for angle in angles]
    if angle_deg is not None:
        return float(np.interp(abs(lattice_angle_deg(angle_deg)), angles, power))
    return float(np.trapezoid(power, angles) / (angles[-1] - angles[0])) if len(angles) > 1 else power[0]


def make_phase_error(psf, mosaic, said_by_user, exposures=None):
    """Error of single fluxes by dither phase, from what user and header tell of the exposures.

    Parameters
    ----------
    psf : `clusterphot.base.products.Psf`
    mosaic : `clusterphot.base.products.Mosaic`
    said_by_user : dict of str to float or None
        Keys of `clusterphot.config.fields.PHASE_KEYS` in the configuration, which go before the header.
    exposures : str, optional
        Table of the WCS of the exposures; the error is then its rms over the mosaic.

    Returns
    -------
    error : PhaseError
        0 where the detector is not known.

    Raises
    ------
    DataError
        If no exposure of the table lies on the mosaic.
    """
    label = f"{mosaic.field} {mosaic.filter_name}"
    given = {name: value for name, value in said_by_user.items() if value is not None}
    if "phase_error" in given:
        return PhaseError(float(given["phase_error"]), origin="phase_error")
    said = Drizzling.from_cards(mosaic.cards or {})
    native = given.get("native_pixel_arcsec", said.native_pixel_arcsec)
    drop = given.get("pixfrac", said.pixfrac or PIXFRAC)
    if native is None:
        logger.warning("%s: no error by dither phase: detector not known (key native_pixel_arcsec)", label)
        return PhaseError(0.0, origin="none: unknown detector")
    if said.kernel not in (None, *DROPPED_AS_SQUARES):
        logger.warning("%s: no error by dither phase for the kernel %r (key phase_error)", label, said.kernel)
        return PhaseError(0.0, origin=f"none: kernel {said.kernel}")
    harmonics = phase_harmonics(psf, native, drop)
    if exposures is not None:
        value, number = _typical_error(harmonics, mosaic, exposures)
        origin = "exposures"
    else:
        number, origin = _mean_number(given.get("n_exposures"), said, mosaic)
        variance = single_exposure_variance(harmonics, given.get("detector_angle_deg", said.angle_deg))
        value = float(np.sqrt(variance / number))
    error = PhaseError(value, float(number), native, drop, harmonics, origin)
    logger.info(
        "%s: dither phases scatter fluxes by %.2f %% (%.3g exposures, %s; detector pixels of %.0f mas, pixfrac %g)",
        label, 100 * error.error, number, origin, 1000 * native, drop,
    )  # fmt: skip
    return error


def _mean_number(given, said, mosaic):
    """Mean number of exposures at a place, and where it is from: key, header or a guess."""
    if given is not None:
        return given, "n_exposures"
    number = said.mean_exposures(covered_arcmin2(mosaic))
    if number is not None:
        return number, "header"
    logger.info(
        "%s %s: number of exposures not known, %d assumed (key n_exposures)",
        mosaic.field, mosaic.filter_name, N_EXPOSURES,
    )  # fmt: skip
    return N_EXPOSURES, "assumed"


N_PLACES = 12
"""Places along each side of a mosaic at which the error from the table of its exposures is computed."""


def _typical_error(harmonics, mosaic, path):
    """Root mean square over a mosaic of the error from the table of its exposures, and the mean number of them."""
    ny, nx = mosaic.shape
    y, x = np.meshgrid(*((np.arange(N_PLACES) + 0.5) / N_PLACES * side for side in (ny, nx)), indexing="ij")
    exposures = read_wcs_table(path, near=mosaic.wcs.all_pix2world(x.ravel(), y.ravel(), 0))
    errors, number = phase_errors(harmonics, sightings(exposures, mosaic.wcs, x.ravel(), y.ravel()), x.size)
    if not number.any():
        got, hint = "no exposure on it", "is it the table of this mosaic?"
        raise DataError(f"{mosaic.label}, {path}", got, "the exposures that it was made of", hint)
    return float(np.sqrt(np.nanmean(errors**2))), float(np.mean(number[number > 0]))


N_ROWS = 64
"""Rows of a mosaic that are looked at for the area with data."""


def covered_arcmin2(mosaic):
    """Area of the pixels with data, from some rows of the mosaic."""
    ny, nx = mosaic.shape
    rows = np.unique(np.linspace(0, ny - 1, N_ROWS).astype(int))
    share = np.mean([np.count_nonzero(mosaic.ivar[row]) / nx for row in rows])
    return float(max(share, 1.0 / nx) * nx * ny * (mosaic.pixel_scale_arcsec / 60.0) ** 2)


def read_harmonics(path):
    """Harmonics that a PSF was written with, or None.

    Raises
    ------
    DataError
        If they are damaged.
    """
    with open_fits(path) as hdus:
        if "PHASE" not in hdus:
            return None
        table = Table(hdus["PHASE"].data, meta={"native_pixel_arcsec": hdus[0].header.get("DETPIX")})
    if set(table.colnames) != set(PHASE_COLUMNS):
        raise DataError(f"{path}, PHASE", f"columns {', '.join(table.colnames)}", ", ".join(PHASE_COLUMNS))
    return table


# ---- errors of the sources of a field, from where they lie on the exposures --------------------------------------


def phase_errors(harmonics, seen, n_sources):
    """Error by dither phase of each source, from its places on the exposures.

    Parameters
    ----------
    harmonics : `astropy.table.Table`
        From `phase_harmonics`.
    seen : list of `clusterphot.mosaics.wcs_table.Sightings`
    n_sources : int

    Returns
    -------
    error : (n,) float ndarray
        Fractional, 1 sigma; NaN for sources on no exposure.
    n_exposures : (n,) int ndarray

    Notes
    -----
    A harmonic k of exposures of weights w has the variance |c(k)|^2 |sum w exp(2 pi i k phi)|^2 / (sum w)^2: less than
    1/N where the dithers spread over the pixel, up to 1 where they are whole pixels apart. It depends on how the
    exposures lie to one another, not on the source's own place, which is averaged over: an error in the usual sense.
    That places are known to `ALIGNMENT_ARCSEC` damps cross terms. Exposures whose axes differ by more than
    `SAME_AXES_DEG` are taken as independent of one another.
    """
    powers, error_px = _interpolated(harmonics), ALIGNMENT_ARCSEC / harmonics.meta["native_pixel_arcsec"]
    total, variance, number = np.zeros(n_sources), np.zeros(n_sources), np.zeros(n_sources, dtype=int)
    if len(seen) == 0:
        return np.full(n_sources, np.nan), number
    of_source = [[] for _ in range(n_sources)]
    for one in seen:
        for i, row in enumerate(one.rows):
            of_source[row].append((one.places[i], one.axes[i], one.weight))
    for row, entries in enumerate(of_source):
        number[row] = len(entries)
        total[row] = sum(weight for *_, weight in entries)
        variance[row] = sum(_group_variance(group, powers, error_px) for group in _by_axes(entries))
    measured = number > 0
    error = np.full(n_sources, np.nan)
    error[measured] = np.sqrt(variance[measured]) / total[measured]
    return error, number


ALIGNMENT_ARCSEC = 0.003
"""1-sigma error per axis of a place on the detector, as well as exposures are aligned to one another: a tenth of a
pixel in the short channel, which takes a third of the power of cross terms. Chosen."""

SAME_AXES_DEG = 3.0
"""Angle between detectors up to which their lattices are taken as parallel. Chosen: beats fade over ten degrees."""


def _interpolated(harmonics):
    """Function of an angle of -45 to 45 deg that gives ``k`` (h, 2) and the power of each."""
    angles = np.unique(np.asarray(harmonics["angle_deg"], dtype=float))
    first = np.asarray(harmonics["angle_deg"]) == angles[0]
    k = np.stack([np.asarray(harmonics[name], dtype=int)[first] for name in ("kx", "ky")], axis=1)
    power = np.stack(
        [np.asarray(harmonics["power"], dtype=float)[harmonics["angle_deg"] == a] for a in angles]
    )

    def at(angle_deg):
        values = np.array([np.interp(abs(angle_deg), angles, column) for column in power.T])
        return (k * (1, -1) if angle_deg < 0 else k), values  # mirrored, the mosaic's y upside down

    return at


def _by_axes(entries):
    """Sightings of a source in groups with parallel lattices."""
    groups = []
    for entry in entries:
        x_axis = entry[1][0]
        angle = float(lattice_angle_deg(np.degrees(np.arctan2(x_axis[1], x_axis[0]))))
        for group in groups:
            if abs(lattice_angle_deg(angle - group[0])) <= SAME_AXES_DEG:
                group[1].append(entry)
                break
        else:
            groups.append((angle, [entry]))
    return groups


def _group_variance(group, powers, error_px):
    """Variance times the square of the sum of weights of exposures with parallel lattices."""
    angle, entries = group
    k, power = powers(angle)
    lattice = np.radians(angle)
    base = np.array([[np.cos(lattice), np.sin(lattice)], [-np.sin(lattice), np.cos(lattice)]])
    waves = np.zeros(len(k), dtype=complex)
    squares = 0.0
    for place, axes, weight in entries:
        # the same wave on the sky in the frame of this detector, which may be mirrored or turned by right angles
        own = np.rint(axes @ base.T).astype(int)
        waves += weight * np.exp(2j * np.pi * (k @ own.T) @ place)
        squares += weight**2
    known = np.exp(-((2 * np.pi * error_px) ** 2) * np.sum(k**2, axis=1))
    return float(np.sum(power * (squares + (np.abs(waves) ** 2 - squares) * known)))


# ---- the PSF in samples finer than the mosaic -------------------------------------------------------------------


def _fine(psf):
    """The PSF as light per arcsec2 on finer samples, and their distance: its Fourier series."""
    n, scale = len(psf.data), psf.pixel_scale_arcsec
    spectrum = fft.fftshift(fft.fft2(fft.ifftshift(psf.data)))
    wide = np.pad(spectrum, n * (FINE_STEPS - 1) // 2)  # an odd number of samples stays odd
    fine = fft.fftshift(fft.ifft2(fft.ifftshift(wide)).real)
    return fine * (FINE_STEPS / scale) ** 2, scale / FINE_STEPS


def _response(fx, fy, psf, native, pixfrac, angle_deg):
    """Transform of drop and mosaic pixel, of unit sum each; the drop is turned with the detector."""
    cos, sin = np.cos(np.radians(angle_deg)), np.sin(np.radians(angle_deg))
    drop = np.sinc(pixfrac * native * (cos * fx + sin * fy)) * np.sinc(
        pixfrac * native * (cos * fy - sin * fx)
    )
    return drop * np.sinc(psf.pixel_scale_arcsec * fx) * np.sinc(psf.pixel_scale_arcsec * fy)


def _through_pixels(mean, step, psf, native, pixfrac, angle_deg):
    """Light as the detector's pixels see it, per arcsec2: the PSF without drop and mosaic pixel."""
    frequency = fft.fftfreq(len(mean), step)
    fx, fy = frequency[None, :], frequency[:, None]
    response = _response(fx, fy, psf, native, pixfrac, angle_deg)
    passed = (np.hypot(fx, fy) <= _cutoff(psf.filter_name)) & (np.abs(response) > MIN_RESPONSE)
    return fft.ifft2(fft.fft2(mean) * np.where(passed, 1.0 / np.where(passed, response, 1.0), 0.0)).real


def _cutoff(filter_name):
    """Highest frequency that the optics pass, 1/arcsec; infinite for an unknown telescope."""
    detector = find_detector({}, filter_name)
    if detector is None:
        return np.inf
    wave_m = BAND_EDGE * pivot_wavelength(filter_name) * 1e-10
    return np.radians(1 / 3600) * WIDEST * APERTURE_M[DETECTORS[detector].telescope] / wave_m


# ---- harmonics --------------------------------------------------------------------------------------------------


def _powers(optics, mean, step, psf, native, pixfrac, angle_deg):
    """Variance by harmonic (kx, ky) of the detector, half of them: opposite ones have the same."""
    scale = psf.pixel_scale_arcsec
    half_px = int(round(PhotometrySection.cutout_size_arcsec / scale)) // 2
    middle, reach = len(mean) // 2, int((half_px * scale + MARGIN_ARCSEC) / step)
    reach = min(reach, middle)
    near = slice(middle - reach, middle + reach + 1)
    optics, mean = optics[near, near], mean[near, near]
    x = step * np.arange(-reach, reach + 1)
    estimator = _estimator(mean, x, (half_px + 0.5) * scale, step)
    size = fft.next_fast_len(len(x) + int(np.ceil(2 * native / step)))
    frequency = fft.fftfreq(size, step)
    response = _response(frequency[None, :], frequency[:, None], psf, native, pixfrac, angle_deg)
    orders = np.arange(-MOSAIC_HARMONICS, MOSAIC_HARMONICS + 1)
    beats = np.exp(-2j * np.pi * np.outer(orders, x) / scale)
    cos, sin = np.cos(np.radians(angle_deg)), np.sin(np.radians(angle_deg))
    powers = {}
    for kx in range(HARMONICS + 1):
        for ky in range(-HARMONICS, HARMONICS + 1):
            if (kx, ky) <= (0, 0):
                continue
            # frequency of the harmonic along the axes of the mosaic
            fx, fy = (cos * kx - sin * ky) / native, (sin * kx + cos * ky) / native
            wave = np.exp(2j * np.pi * fy * x)[:, None] * np.exp(2j * np.pi * fx * x)
            image = fft.ifft2(fft.fft2(optics * wave, (size, size)) * response)[: len(x), : len(x)]
            ripple = mean * wave * _response(fx, fy, psf, native, pixfrac, angle_deg)
            terms = beats @ (estimator * (image - ripple)) @ beats.T * step**2
            powers[kx, ky] = 2.0 * float(np.sum(np.abs(terms) ** 2))
    return powers


def _estimator(mean, x, half_arcsec, step):
    """Weight h of each place in the flux of a linear fit of PSF and curved sky, zero beyond the cutout."""
    inside = np.abs(x) <= half_arcsec
    u = x[inside] / half_arcsec
    terms = np.stack([np.multiply.outer(u**j, u**i).ravel() for i in range(3) for j in range(3 - i)], axis=1)
    image = mean[np.ix_(inside, inside)]
    sky = terms @ np.linalg.lstsq(terms, image.ravel(), rcond=None)[0]
    estimator = np.zeros_like(mean)
    estimator[np.ix_(inside, inside)] = image - sky.reshape(image.shape)
    return estimator / (np.sum(estimator * mean) * step**2)
