"""From an image to the flux of a source, step by step: mosaic, noise, PSF, fit.

What the rules of the workflow do, for one mosaic in memory. Fluxes nJy, angles degrees and arcsec as named.
"""

import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from clusterphot.api.options import complete_options
from clusterphot.base.files import SHIPPED
from clusterphot.base.products import calibrated, read_mosaic
from clusterphot.config.keys import keys_of
from clusterphot.config.photometry import FitKeys, PhotometrySection
from clusterphot.config.psf import PsfSection, StampKeys, StarKeys
from clusterphot.measure.cutouts import make_cutouts
from clusterphot.measure.fit import FitOptions, fit_sources
from clusterphot.mosaics.convert import convert_mosaic
from clusterphot.mosaics.headers import inspect_mosaic
from clusterphot.psf.build import PsfOptions, build_psf
from clusterphot.psf.noise import measure_noise
from clusterphot.psf.reference import read_encircled_energy
from clusterphot.psf.stars import StarOptions, select_stars


def load_mosaic(sci, *, filter_name, wht=None, err=None, zero_point_factor=1.0):
    """Read a mosaic of any unit that the workflow takes, in nJy per pixel.

    Parameters
    ----------
    sci : path
        Image, FITS; with ``wht`` and ``err`` left out, the extensions of the same file hold its weights or errors.
    filter_name : str
        Such as ``F200W``.
    wht, err : path, optional
        Inverse variances, or 1-sigma errors.
    zero_point_factor : float, optional
        Factor on all fluxes.

    Returns
    -------
    mosaic : `clusterphot.base.products.Mosaic`
        In memory.

    Raises
    ------
    DataError
        If the files are none that `make check` would accept.

    Examples
    --------
    A mosaic in MJy/sr, whose pixels of 0.02 arcsec are 9.4e-15 sr:

    >>> from astropy.io import fits
    >>> header = fits.Header({"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CDELT1": -0.02 / 3600,
    ...                       "CDELT2": 0.02 / 3600, "BUNIT": "MJy/sr", "PIXAR_SR": 9.4e-15})
    >>> rng = np.random.default_rng(1)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     sci, err = f"{folder}/sci.fits", f"{folder}/err.fits"
    ...     fits.writeto(sci, rng.normal(0.0, 0.1, (64, 64)), header)
    ...     fits.writeto(err, np.full((64, 64), 0.1), header)
    ...     mosaic = load_mosaic(sci, err=err, filter_name="F200W")
    >>> print(f"{mosaic.sci.std():.2f} and {mosaic.ivar.mean() ** -0.5:.2f} nJy")
    0.94 and 0.94 nJy
    """
    info = inspect_mosaic(str(sci), None if wht is None else str(wht), err=None if err is None else str(err))
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder, "mosaic.fits"))
        convert_mosaic(info, path, filter_name=filter_name, field="", zero_point_factor=zero_point_factor)
        mosaic = read_mosaic(path)
        return replace(
            mosaic,
            sci=np.array(mosaic.sci, dtype=float),
            ivar=np.array(mosaic.ivar, dtype=float),
            input_name=Path(sci).name,
        )


def psf_from_stars(mosaic, *, noise=None, stars=None, **keys):
    """PSF of one filter from the stars in its mosaic, the same over the field.

    Parameters
    ----------
    mosaic : `clusterphot.base.products.Mosaic`
    noise : `clusterphot.base.products.Noise`, optional
        From `measure_noise`; measured here by default.
    stars : `astropy.table.Table`, optional
        ``stars.ecsv`` of a run, or what `clusterphot.psf.stars.select_stars` makes of another filter; by default the
        stars of this mosaic.
    **keys
        Of the section ``psf`` of the configuration: ``mag_min=24.5``.

    Returns
    -------
    psf : `clusterphot.base.products.Psf`
        ``data`` sums to 1 on the stamp, ``ee_stamp`` is the share of all light on it, ``sys_error`` the fractional
        error of its flux scale.

    Raises
    ------
    ConfigError
        For a key that the section does not have.
    DataError
        If there are too few stars, or the filter is none of NIRCam.

    Examples
    --------
    See `clusterphot.psf.build.build_psf`, which this calls with the shipped table of encircled energies, and the
    notebook in docs/.
    """
    options = complete_options(keys, PsfSection, "psf_from_stars")
    noise = noise or measure_noise(mosaic)
    if stars is None:
        stars = select_stars(mosaic, StarOptions(**{name: options[name] for name in keys_of(StarKeys)}))
    result = build_psf(
        calibrated(mosaic, noise),
        stars,
        read_encircled_energy(SHIPPED / "psf" / "encircled_energy.csv"),
        PsfOptions(**{name: options[name] for name in keys_of(StampKeys)}),
    )
    return result.psf


def fit_source(mosaic, psf, ra, dec, *, noise=None, neighbours=(), **keys):
    """Flux and position of one point source.

    Parameters
    ----------
    mosaic : `clusterphot.base.products.Mosaic`
    psf : `clusterphot.base.products.Psf` or `clusterphot.base.psf_field.PsfField`
    ra, dec : float
        Where it is expected, degrees ICRS.
    noise : `clusterphot.base.products.Noise`, optional
        From `measure_noise`, which is worth calling once where there are several sources; measured here by default.
    neighbours : sequence of (ra, dec), optional
        Sources to be fitted with it, degrees; those out of reach do no harm.
    **keys
        Of the section ``photometry`` of the configuration: ``engine="photutils"``, ``sky="plane"``.

    Returns
    -------
    row : `astropy.table.Row`
        Columns as in ``results/{field}/{filter}/fits/``: ``flux_F200W``, ``flux_err_F200W``, ``x_F200W`` and so on. The
        position is free, as in the reference filter.

    Raises
    ------
    ConfigError
        For a key that the section does not have, or an engine that is not installed.

    Examples
    --------
    A source of 100 nJy between pixels, in white noise of 0.5 nJy per pixel:

    >>> from astropy.wcs import WCS
    >>> from clusterphot.base.products import Mosaic, Psf
    >>> def gaussian(x, y):
    ...     return np.exp(-0.5 * (x**2 + y**2) / 1.6**2) / (2 * np.pi * 1.6**2)
    >>> wcs = WCS(naxis=2)
    >>> wcs.wcs.ctype, wcs.wcs.cdelt = ["RA---TAN", "DEC--TAN"], [-0.02 / 3600, 0.02 / 3600]
    >>> y, x = np.indices((200, 200), dtype=float)
    >>> sci = np.random.default_rng(1).normal(0.0, 0.5, x.shape) + 100.0 * gaussian(x - 100.3, y - 99.6)
    >>> mosaic = Mosaic(sci, np.full(x.shape, 4.0), wcs, 0.02, "F200W", "example")
    >>> psf = Psf(gaussian(*np.mgrid[-30:31, -30:31]), 0.02, "F200W")
    >>> ra, dec = wcs.all_pix2world(100, 100, 0)
    >>> row = fit_source(mosaic, psf, ra, dec)
    >>> print(f"{row['flux_F200W']:.0f} +- {row['flux_err_F200W']:.0f} nJy at x = {row['x_F200W']:.1f}")
    100 +- 3 nJy at x = 100.3
    """
    options = complete_options(keys, PhotometrySection, "fit_source")
    cutouts = make_cutouts(
        mosaic,
        [
            {
                "id": "source",
                "ra": float(ra),
                "dec": float(dec),
                "neighbours": [(f"neighbour {k}", *place) for k, place in enumerate(neighbours, start=1)],
            }
        ],
        cutout_size_arcsec=options["cutout_size_arcsec"],
        neighbour_radius_arcsec=options["joint_radius_arcsec"],
    )
    fitted = fit_sources(
        cutouts,
        psf,
        noise or measure_noise(mosaic),
        mosaic.wcs,
        FitOptions(**{name: options[name] for name in keys_of(FitKeys)}).with_preset(options["preset"]),
        engine=options["engine"],
    )
    return fitted[0]
