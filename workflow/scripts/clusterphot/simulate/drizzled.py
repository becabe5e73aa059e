"""Mosaics of a simulated field, drizzled from its exposures with STScI's package (Fruchter & Hook 2002).

Square kernel, onto 20 mas (short channel) and 40 mas (long); nJy/pixel.
"""

from dataclasses import dataclass

import numpy as np
from astropy.wcs import WCS

from clusterphot.base.psf_field import write_psf_grid
from clusterphot.optics.drizzle import on_mosaic, stamps_on_mosaic
from clusterphot.optics.field import FieldPsf, added, field_psf
from clusterphot.optics.psf import OVERSAMPLING
from clusterphot.simulate import truth as scene
from clusterphot.simulate.exposures import (
    draw_light,
    draw_pointings,
    expose,
    make_detectors,
    pixel_sigma,
    psf_weights,
    to_mosaic,
    to_scene,
)

PSF_ARCSEC, GRID_ARCSEC = 4.0, 2.0
"""Sides of the stamps of the true PSF in the middle of the field, and over it."""

GRID_SIDE, GRID_OVERSAMPLING = 7, 4
"""Places along a side of the field, and samples per mosaic pixel, of the PSFs over the field."""


@dataclass(frozen=True)
class DrizzledImage:
    """One filter of a field drizzled from exposures.

    Attributes
    ----------
    sci, wht, err : (n, n) float32 ndarray, nJy/pixel, 1/(nJy/pixel)^2, nJy/pixel
        ``wht`` is the sum of the exposures' inverse variances without the sources' photons, per area: it conserves
        information, and 1/sqrt(wht) is more than the scatter of pixels. ``err`` is that scatter, sources included.
        0 where nothing was exposed.
    psf : `clusterphot.optics.field.FieldPsf`
        The true one.
    config : `clusterphot.simulate.truth.FieldConfig`
    """

    sci: np.ndarray
    wht: np.ndarray
    err: np.ndarray
    wcs: WCS
    pixel_scale_arcsec: float
    filter_name: str
    psf: FieldPsf
    config: scene.FieldConfig


def drizzle_filter(truth, filt, *, telescope=None):
    """Simulate one filter of a field whose configuration has exposures.

    Parameters
    ----------
    truth : `astropy.table.Table`
        Its metadata hold the `clusterphot.simulate.truth.FieldConfig`.
    filt : str
        One of the filters of the field.
    telescope : pair of ndarray, optional
        Amplitude and wavefront error of the field's pupil, the same in all filters; computed where not given.

    Returns
    -------
    image : `DrizzledImage`

    Raises
    ------
    ValueError
        If the truth has no such filter.
    """
    from drizzle.resample import Drizzle

    config = scene.config_of(truth)
    if f"flux_{filt}" not in truth.colnames:
        raise ValueError(f"filter {filt} is not among those of the truth table: {config.filters}")
    psf = true_psf(config, filt, telescope)
    light, detectors = draw_light(truth, filt, psf, config), make_detectors(config, filt)
    sigma = pixel_sigma(psf, config, filt)
    side = scene.size_px(config, filt)
    wanted = config.exposures.layout == "i2d"
    mosaic = Drizzle(kernel="square", fillval=0.0, fillval2=0.0, out_shape=(side, side), disable_ctx=True)
    for pointing in draw_pointings(config, filt):
        exposure = expose(light, detectors, pointing, sigma, config, filt)
        mosaic.add_image(
            exposure.sci,
            exptime=1.0,
            pixmap=np.dstack([exposure.x, exposure.y]),
            weight_map=exposure.weight,
            pixfrac=config.exposures.pixfrac,
            data2=exposure.variance if wanted else None,
        )
    scale = scene.pixel_scale_arcsec(filt)
    area = np.float32(scale**2)
    exposed = mosaic.out_wht > 0
    return DrizzledImage(
        sci=np.where(exposed, mosaic.out_img * area, np.float32(0)),
        wht=mosaic.out_wht / area**2,
        err=np.sqrt(mosaic.out_img2[0]) * area * exposed if wanted else np.zeros_like(mosaic.out_wht),
        wcs=scene.field_wcs(config, filt),
        pixel_scale_arcsec=scale,
        filter_name=filt,
        psf=psf,
        config=config,
    )


def true_psf(config, filt, telescope=None):
    """The filter's `clusterphot.optics.field.FieldPsf` that a field's configuration stands for."""
    options = config.exposures
    return field_psf(
        filt,
        config.optics(),
        fwhm_variation=options.fwhm_variation,
        seed=config.seed,
        n_modules=2 if options.gap_arcsec else 1,
        charge_diffusion_mas=options.charge_diffusion_mas,
        interpixel_coupling=options.interpixel_coupling,
        pixfrac=options.pixfrac,
        telescope=telescope,
    )


def psf_at(image, u, v, oversampling):
    """True PSF on the mosaic at (u, v) in arcsec, averaged over the phases of the dithers.

    Parameters
    ----------
    image : `DrizzledImage`
    u, v : float
    oversampling : int
        Samples per mosaic pixel.

    Returns
    -------
    psf : `clusterphot.optics.psf.OversampledPsf`
    """
    psf = image.psf
    samples = added(psf.mean, np.tensordot(psf_weights(psf, u, v, image.config), psf.terms, axes=1))
    return on_mosaic(samples, psf, image.pixel_scale_arcsec, oversampling=oversampling, **_drizzling(image))


def mosaic_psf(image):
    """True PSF in the middle of the field, `clusterphot.base.products.Psf` of 4 arcsec."""
    side = 2 * round(PSF_ARCSEC / 2 / image.pixel_scale_arcsec) + 1
    return psf_at(image, 0.0, 0.0, OVERSAMPLING).to_psf(side)


def write_true_psfs(path, image):
    """Write the true PSFs at `GRID_SIDE` squared places over the field, for `photutils.psf.GriddedPSFModel`."""
    config, filt = image.config, image.filter_name
    along = np.linspace(-0.5, 0.5, GRID_SIDE) * config.size_arcsec
    v, u = (axis.ravel() for axis in np.meshgrid(along, along, indexing="ij"))
    stamps = stamps_on_mosaic(
        image.psf,
        psf_weights(image.psf, u, v, config),
        image.pixel_scale_arcsec,
        round(GRID_ARCSEC / image.pixel_scale_arcsec),
        oversampling=GRID_OVERSAMPLING,
        **_drizzling(image),
    )
    write_psf_grid(
        path,
        stamps,
        np.round(np.stack(to_mosaic(*to_scene(u, v, config), config, filt), axis=1), 6),
        oversampling=GRID_OVERSAMPLING,
        pixel_scale_arcsec=image.pixel_scale_arcsec,
        filter_name=filt,
    )


def _drizzling(image):
    """What the exposures and their combination do to a PSF, as `clusterphot.optics.drizzle` takes it."""
    options = image.config.exposures
    errors = [pointing.error_arcsec for pointing in draw_pointings(image.config, image.filter_name)]
    return {
        "pixfrac": options.pixfrac,
        "angle_deg": options.position_angle_deg,
        "pointing_error_mas": 1e3 * float(np.sqrt(np.mean(np.square(errors)))),
    }
