"""Point sources on dithered exposures, drizzled with STScI's package: cutouts as a mosaic has them, star by star.

Each star is drawn on the pixels of each exposure's detector around it, and drizzled onto the mosaic pixels around it;
nothing of the formula of the error by dither phase enters. Lengths arcsec, places in pixels (0-based).
"""

from dataclasses import dataclass

import numpy as np
from astropy.table import Table
from astropy.wcs import WCS
from clusterphot.base.products import Cutouts, Psf
from clusterphot.optics.bands import channel
from clusterphot.optics.detector import MOSAIC_PIXEL_ARCSEC, NATIVE_PIXEL_ARCSEC, PIXFRAC
from clusterphot.optics.psf import oversampled_psf
from drizzle.resample import Drizzle
from scipy import fft, ndimage

FIELD_ARCSEC = 4.0
FINE = 4
"""Samples of the images of the optics per sample of `clusterphot.optics.psf`, which has two per mosaic pixel."""

SPLINE = {"order": 3, "prefilter": False, "mode": "constant"}
CUTOUT_ARCSEC = 0.84
DETECTOR_HALF_PX = 26
"""Detector pixels drawn on either side of a star: 0.8" and more, to beyond the corners of a cutout."""

EDGE_PX = 2
"""Mosaic pixels around a cutout: drizzle leaves out drops that are centred beyond the edge."""


class Camera:
    """Optics and detector of one filter, and the mosaic that its exposures are drizzled onto.

    Parameters
    ----------
    filter_name : str
        Of NIRCam.
    angle_deg : float
        From the mosaic's x axis to the detector's.
    """

    def __init__(self, filter_name, angle_deg=0.0):
        part = channel(filter_name)
        self.filter_name, self.angle = filter_name, np.radians(angle_deg)
        self.scale, self.native = MOSAIC_PIXEL_ARCSEC[part], NATIVE_PIXEL_ARCSEC[part]
        self.size_px = 2 * int(np.ceil(CUTOUT_ARCSEC / self.scale / 2)) + 1
        # the light through detector pixels alone: without a drop, and the mosaic pixel divided out
        image = oversampled_psf(
            filter_name, native_pixel_arcsec=self.native, pixfrac=0.0, fov_arcsec=FIELD_ARCSEC
        )
        n, frequency = len(image.data), fft.fftfreq(len(image.data), image.sample_arcsec)
        passed = np.abs(frequency) < 0.95 / self.scale
        mosaic_pixel = np.where(passed, 1.0 / np.sinc(self.scale * np.where(passed, frequency, 0.0)), 0.0)
        spectrum = fft.fftshift(fft.fft2(fft.ifftshift(image.data)) * mosaic_pixel[:, None] * mosaic_pixel)
        wide = np.pad(spectrum, (FINE - 1) * (n // 2))
        self.step = image.sample_arcsec * n / len(wide)
        self.middle = len(wide) // 2
        light = fft.fftshift(fft.ifft2(fft.ifftshift(wide)).real)
        self._seen = ndimage.spline_filter(light / light.sum() / self.step**2, order=3)
        self._mean = ndimage.spline_filter(self._mean_light(light / light.sum() / self.step**2), order=3)

    def _mean_light(self, light):
        """Light through detector pixel, drop and mosaic pixel, along the axes of the mosaic."""
        frequency = fft.fftfreq(len(light), self.step)

        def through(image, side):
            box = np.sinc(side * frequency)
            return fft.ifft2(fft.fft2(image) * box[:, None] * box).real

        dropped = through(light, PIXFRAC * self.native)
        if self.angle:
            y, x = np.indices(light.shape) - self.middle
            cos, sin = np.cos(self.angle), np.sin(self.angle)
            turned = [cos * y - sin * x + self.middle, cos * x + sin * y + self.middle]
            dropped = ndimage.map_coordinates(dropped, turned, order=3)
        return through(dropped, self.scale)

    def _at(self, spline, dx, dy):
        return ndimage.map_coordinates(
            spline, [dy / self.step + self.middle, dx / self.step + self.middle], **SPLINE
        )

    def psf(self, size_px=101):
        """The mean PSF on mosaic pixels."""
        k = (np.arange(size_px) - size_px // 2) * self.scale
        data = self._at(self._mean, *np.meshgrid(k, k)) * self.scale**2
        return Psf(data / data.sum(), self.scale, self.filter_name, ee_stamp=float(data.sum()))

    def drizzled(self, offset_px, phases_px, *, flux=1.0, sky_sigma=0.0, rng=None):
        """One star on the pixels of the mosaic.

        Parameters
        ----------
        offset_px : (2,) float ndarray
            x and y of the star from the middle pixel of the cutout.
        phases_px : (N, 2) float ndarray
            Its place on the detector in each exposure.
        flux : float
        sky_sigma : float
            Noise of a detector pixel, in units of the flux within it.

        Returns
        -------
        sum_image, sum_weight : (N, m, m) float ndarray
            Weighted image and weight of each exposure; a mosaic is the ratio of their sums.
        """
        k = np.arange(-DETECTOR_HALF_PX, DETECTOR_HALF_PX + 1)
        cos, sin, ratio = np.cos(self.angle), np.sin(self.angle), self.native / self.scale
        images, weights = [], []
        for phase in np.asarray(phases_px):
            dx, dy = np.meshgrid(k - (phase[0] - np.rint(phase[0])), k - (phase[1] - np.rint(phase[1])))
            light = flux * self._at(self._seen, dx * self.native, dy * self.native) * self.native**2
            if sky_sigma:
                light = light + rng.normal(0.0, sky_sigma, light.shape)
            side = self.size_px + 2 * EDGE_PX
            middle = side // 2
            pixmap = np.stack(
                [
                    ratio * (cos * dx - sin * dy) + middle + offset_px[0],
                    ratio * (sin * dx + cos * dy) + middle + offset_px[1],
                ],
                axis=-1,
            )
            out = Drizzle(kernel="square", out_shape=(side, side), fillval="0", disable_ctx=True)
            out.add_image(
                (light / ratio**2).astype(np.float32),
                exptime=1.0,
                pixmap=pixmap,
                pixfrac=PIXFRAC,
                weight_map=np.ones(light.shape, np.float32),
                in_units="cps",
            )
            inner = np.s_[EDGE_PX:-EDGE_PX, EDGE_PX:-EDGE_PX]
            images.append(out.out_img[inner].astype(float) * out.out_wht[inner])
            weights.append(out.out_wht[inner].astype(float))
        return np.array(images), np.array(weights)


@dataclass(frozen=True)
class Dithers:
    """Exposures of one visit: the same axes, moved against one another.

    Attributes
    ----------
    camera : Camera
    shifts_px : (N, 2) float ndarray
        Detector pixels.
    """

    camera: Camera
    shifts_px: np.ndarray

    def phases(self, x, y):
        """Places (N, 2) on the detector of a star at (x, y) of the mosaic."""
        cos, sin = np.cos(self.camera.angle), np.sin(self.camera.angle)
        ratio = self.camera.scale / self.camera.native
        return ratio * np.array([cos * x + sin * y, cos * y - sin * x]) + self.shifts_px

    def wcs_table(self, mosaic_wcs, shape):
        """Their WCS as grizli writes it: a row per exposure, keywords of the header in lower case."""
        cos, sin = np.cos(self.camera.angle), np.sin(self.camera.angle)
        turn = self.camera.native / self.camera.scale * np.array([[cos, -sin], [sin, cos]])
        # the reference place of the mosaic, on each detector
        places, rows = self.phases(*(mosaic_wcs.wcs.crpix - 1.0)), []
        for number in range(len(self.shifts_px)):
            place = places[number]
            matrix = mosaic_wcs.pixel_scale_matrix @ turn
            rows.append(
                {"file": f"jw_{number}_cal.fits", "ext": 1, "exptime": 800.0, "wcsaxes": 2}
                | {"crpix1": place[0] + 1.0, "crpix2": place[1] + 1.0}
                | {f"cd{i + 1}_{j + 1}": matrix[i, j] for i in (0, 1) for j in (0, 1)}
                | {"cdelt1": 1.0, "cdelt2": 1.0, "cunit1": "deg", "cunit2": "deg"}
                | {"ctype1": "RA---TAN", "ctype2": "DEC--TAN"}
                | {"crval1": mosaic_wcs.wcs.crval[0], "crval2": mosaic_wcs.wcs.crval[1], "radesys": "ICRS"}
                | {"naxis": 2, "naxis1": shape[1], "naxis2": shape[0]}
            )
        return Table(rows=rows)


def make_wcs(scale_arcsec):
    """Mosaic with north up."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crval, wcs.wcs.crpix = [110.0, -73.0], [1.0, 1.0]
    wcs.wcs.cdelt = [-scale_arcsec / 3600, scale_arcsec / 3600]
    wcs.wcs.set()
    return wcs


def make_cutouts(camera, places, images, weights):
    """`Cutouts` of stars at ``places`` (n, 2) of the mosaic, their positions exact."""
    n, middle = len(places), camera.size_px // 2
    corner = np.rint(places).astype(np.int64) - middle
    return Cutouts(
        ids=[f"s{i}" for i in range(n)],
        data=images,
        ivar=weights,
        x0=corner[:, 0],
        y0=corner[:, 1],
        x=places[:, 0],
        y=places[:, 1],
        neighbours=[[] for _ in range(n)],
        pixel_scale_arcsec=camera.scale,
        filter_name=camera.filter_name,
    )
