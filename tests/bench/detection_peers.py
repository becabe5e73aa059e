"""Other finders on the same fields: ring median and threshold, sep, photutils' DAOStarFinder.

Each thresholds an image of its own, light less a background under its kernel, in units of the noise that is measured
in this image. It works on F200W with a counterpart in F150W, or on the sum of both, and may ask for a concentration
like that of the PSF. Its settings are the best that `detection_tuning` finds. Magnitudes are aperture fluxes.
"""

import dataclasses
import warnings
from dataclasses import dataclass

import numpy as np
import sep
from astropy.table import Table
from clusterphot.base.robust import MAD_TO_SIGMA
from detection_measures import MAG_RANGE, found_of, magnitude, mistaken, nearest, read
from scipy import ndimage, signal
from scipy.spatial import cKDTree
from simulated_field import REFERENCE

SECOND = "F150W"
APERTURE_ARCSEC, WIDE_ARCSEC = 0.08, 0.16
PAIR_ARCSEC = 0.06
NOISE_WINDOW, NOISE_STEP = 13, 8
"""Local noise: of the median in so many samples of so many pixels, about 2 arcsec."""

FLOOR_SIGMA = 1.2
"""No finder is tried with a lower threshold."""

LOWER_SIGMA = 3.0
"""Threshold of the second band, where it is not the same."""


@dataclass(frozen=True)
class Setting:
    """What may be chosen for a finder.

    Attributes
    ----------
    cell_arcsec : float
        Cell of the background mesh; of the ring median 4/3 of the inner radius of its ring.
    threshold : float
        In sigma of the image that is thresholded.
    noise : {'local', 'field'}
        That sigma is measured within 2", or in the whole field.
    bands : {'same', 'lower', 'sum'}
        F200W and F150W each above the threshold; F150W above `LOWER_SIGMA`; or the sum of both, weighted by noise.
    low, high : float and float or None
        Range of the ratio of fluxes in two apertures over that of the PSF; 0 and None let all pass.
    """

    cell_arcsec: float
    threshold: float
    noise: str
    bands: str
    low: float = 0.0
    high: float | None = None


@dataclass(frozen=True)
class Image:
    """One mosaic: light, noise of a pixel, bad pixels (nJy), PSF and the offset from the WCS (px)."""

    data: np.ndarray
    error: np.ndarray
    bad: np.ndarray
    psf: np.ndarray
    fwhm_px: float
    scale: float
    offset: tuple


def load(folder, filt):
    """The mosaic, PSF, noise and offset of a filter, as the workflow has made them."""
    from clusterphot.base.products import read_mosaic, read_noise, read_psf
    from clusterphot.psf.offsets import read_offset

    base = folder / f"results/drawn/{filt}"
    mosaic, psf = read_mosaic(str(base / "mosaic.fits")), read_psf(str(base / "psf.fits"))
    sci, ivar = mosaic.region(0, mosaic.shape[0], 0, mosaic.shape[1])
    bad = ~(np.isfinite(sci) & np.isfinite(ivar) & (ivar > 0))
    scale = read_noise(str(base / "noise.fits")).ivar_scale
    error = np.sqrt(1.0 / np.where(bad, np.nan, ivar * scale))
    error[bad] = np.nanmedian(error)
    data = np.where(bad, 0.0, sci)
    smooth = ndimage.gaussian_filter(data, 1.2) / np.maximum(
        ndimage.gaussian_filter((~bad).astype(float), 1.2), 0.1
    )
    data = np.where(bad, smooth, data)
    offset = (0.0, 0.0)
    if filt != REFERENCE:
        entry = read_offset(str(base / "offset.ecsv"))
        offset = (entry.dx, entry.dy)
    return Image(
        np.ascontiguousarray(data, dtype=np.float32),
        error.astype(np.float32),
        bad,
        psf.data * psf.ee_stamp,
        psf.fwhm_arcsec / mosaic.pixel_scale_arcsec,
        mosaic.pixel_scale_arcsec,
        offset,
    )


def ring_background(image, cell_arcsec):
    """Median in a ring."""
    from clusterphot.detect.backgrounds import ring_median

    return ring_median(image.data, image.scale * 0.32 / cell_arcsec)


def mesh_background(image, cell_arcsec):
    """Background mesh of sep."""
    cell = max(int(round(cell_arcsec / image.scale)), 4)
    return sep.Background(image.data, mask=image.bad, bw=cell, bh=cell, fw=3, fh=3).back()


class RingMedian:
    """Peaks of the matched filter on light less its median in a ring."""

    background = staticmethod(ring_background)
    cut = True

    def kernel(self, psf, fwhm_px):
        """The PSF's core."""
        return core(psf, int(round(2 * fwhm_px)))

    def find(self, light, kernel, noise, bad, fwhm_px, threshold):
        """Positions and significances of what exceeds a threshold in sigma."""
        ratio = filtered(light, kernel) / noise
        y, x = np.nonzero((ndimage.maximum_filter(ratio, 3) == ratio) & (ratio > threshold) & ~bad)
        return x.astype(float), y.astype(float), ratio[y, x]


class Sep:
    """sep.extract on light less a mesh, deblended."""

    background = staticmethod(mesh_background)
    cut = False

    def __init__(self, with_psf):
        self.with_psf = with_psf

    def kernel(self, psf, fwhm_px):
        """The default of sep, or the PSF's core."""
        if self.with_psf:
            return core(psf, int(round(fwhm_px)))
        return np.array([[1.0, 2.0, 1.0], [2.0, 4.0, 2.0], [1.0, 2.0, 1.0]])

    def find(self, light, kernel, noise, bad, fwhm_px, threshold):
        """Positions of what exceeds a threshold; sep thresholds sum(k d) / sqrt(sum k^2), as `filtered` gives it."""
        sep.set_extract_pixstack(3_000_000)
        found = sep.extract(
            np.ascontiguousarray(light),
            threshold,
            err=np.ascontiguousarray(noise),
            mask=bad,
            minarea=3,
            filter_kernel=np.ascontiguousarray(kernel),
            deblend_nthresh=32,
            deblend_cont=1e-4,
        )
        return found["x"], found["y"], np.full(len(found), np.inf)


class Dao:
    """DAOStarFinder on light less a mesh."""

    background = staticmethod(mesh_background)
    cut = True

    def kernel(self, psf, fwhm_px):
        """The one of DAOStarFinder: a Gaussian less its mean."""
        from photutils.detection import DAOStarFinder

        return DAOStarFinder(threshold=1.0, fwhm=fwhm_px).kernel.data

    def find(self, light, kernel, noise, bad, fwhm_px, threshold):
        """Positions and significances; without the scaling of thresholds, and 1 FWHM between stars (default 2.5)."""
        from photutils.detection import DAOStarFinder
        from photutils.utils.exceptions import NoDetectionsWarning

        level = threshold * noise * np.sqrt((kernel**2).sum())
        finder = DAOStarFinder(threshold=level, fwhm=fwhm_px, scale_threshold=False, min_separation=fwhm_px)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NoDetectionsWarning)
            found = finder(light, mask=bad)
        if found is None:
            return np.zeros(0), np.zeros(0), np.zeros(0)
        x, y, mag = (np.asarray(found[name]) for name in ("x_centroid", "y_centroid", "daofind_mag"))
        return x, y, threshold * 10 ** (-0.4 * mag)


FINDERS = {
    "ring median and threshold": RingMedian(),
    "sep": Sep(with_psf=False),
    "sep, kernel of the PSF": Sep(with_psf=True),
    "photutils DAOStarFinder": Dao(),
}


def core(psf, half):
    """Middle of a PSF, odd."""
    middle = len(psf) // 2
    return psf[middle - half : middle + half + 1, middle - half : middle + half + 1]


def filtered(light, kernel):
    """Sum of kernel times light, scaled so that independent noise of a pixel keeps its sigma."""
    unit = (kernel / np.sqrt((kernel**2).sum())).astype(light.dtype)
    return signal.oaconvolve(light, unit[::-1, ::-1], mode="same")


class PeerField:
    """A field with its images, what was computed of them, and its truth.

    Parameters
    ----------
    folder : `pathlib.Path`
        Where the target candidates has been made: PSFs, noise, offsets and the area searched are taken from there.
    """

    def __init__(self, folder):
        from clusterphot.detect.tiles import read_maps

        self.truth = read(folder / "truth.ecsv")
        self.maps = read_maps(str(folder / "results/drawn/detection/maps.fits"))
        first, second = (load(folder, filt) for filt in (REFERENCE, SECOND))
        weight = np.array([np.median(image.error) ** -2.0 for image in (first, second)])
        self.weight = weight / weight.sum()
        self.images = {"first": first, "second": second, "sum": self._sum(first, second)}
        self.scale = first.scale
        self.cache, self.cell = {}, None

    def _sum(self, first, second):
        """Both bands on the pixels of the first, without its light, which depends on the background."""
        parts = zip(self.weight, (first.psf, second.psf), strict=True)
        half = min(len(first.psf), len(second.psf)) // 2
        psf = sum(w * core(p, half) for w, p in parts)
        fwhm = float(self.weight @ [first.fwhm_px, second.fwhm_px])
        bad = first.bad | second.bad
        return dataclasses.replace(first, data=None, error=None, bad=bad, psf=psf, fwhm_px=fwhm)

    def kept(self, key, compute):
        """Value of a key, computed once; images of one cell only are kept."""
        if key not in self.cache:
            self.cache[key] = compute()
        return self.cache[key]

    def light(self, finder, name, cell):
        """Light less background of a band or of the sum."""
        if cell != self.cell:
            self.cache = {key: value for key, value in self.cache.items() if key[0] == "found"}
            self.cell = cell

        def compute():
            if name == "sum":
                shift = [-v for v in self.images["second"].offset[::-1]]
                moved = ndimage.shift(self.light(finder, "second", cell), shift, order=3, mode="nearest")
                light = self.weight[0] * self.light(finder, "first", cell) + self.weight[1] * moved
            else:
                light = self.images[name].data - finder.background(self.images[name], cell)
            return light.astype(np.float32)

        return self.kept(("light", finder.background, name, cell), compute)

    def noise(self, finder, name, cell, how):
        """Sigma of the image that the finder thresholds, where `filtered` scales it."""
        image, light = self.images[name], self.light(finder, name, cell)

        def compute():
            size = np.abs(filtered(light, finder.kernel(image.psf, image.fwhm_px)))
            if how == "field":
                return np.full_like(size, MAD_TO_SIGMA * np.median(size[~image.bad]))
            few = ndimage.median_filter(size[::NOISE_STEP, ::NOISE_STEP], NOISE_WINDOW)
            wide = np.repeat(np.repeat(few, NOISE_STEP, axis=0), NOISE_STEP, axis=1)
            return np.float32(MAD_TO_SIGMA) * wide[: size.shape[0], : size.shape[1]]

        return self.kept(("noise", finder, name, cell, how), compute)

    def found(self, finder, name, setting, threshold):
        """Positions of what a finder sees in one image above a threshold."""
        image, cell, how = self.images[name], setting.cell_arcsec, setting.noise
        least = FLOOR_SIGMA if finder.cut else threshold

        def compute():
            light = self.light(finder, name, cell)
            noise = self.noise(finder, name, cell, how)
            kernel = finder.kernel(image.psf, image.fwhm_px)
            return finder.find(light, kernel, noise, image.bad, image.fwhm_px, least)

        x, y, ratio = self.kept(("found", finder, name, cell, how, least), compute)
        return x[ratio > threshold], y[ratio > threshold]

    def catalogue(self, finder, setting):
        """Sources of one finder: x, y, mag and concentration, without the cut on the latter."""
        image = self.images["first"]
        if setting.bands == "sum":
            x, y = self.found(finder, "sum", setting, setting.threshold)
        else:
            x, y = self.found(finder, "first", setting, setting.threshold)
            lower = min(LOWER_SIGMA, setting.threshold) if setting.bands == "lower" else setting.threshold
            x2, y2 = self.found(finder, "second", setting, lower)
            dx, dy = self.images["second"].offset
            near = np.zeros(len(x), dtype=bool)
            if len(x) and len(x2):
                other = cKDTree(np.stack([x2 - dx, y2 - dy], axis=1))
                near = other.query(np.stack([x, y], axis=1))[0] * self.scale < PAIR_ARCSEC
            x, y = x[near], y[near]
        inside = self.maps.at("searched", x, y) > 0
        x, y = x[inside], y[inside]
        light = self.light(finder, "first", setting.cell_arcsec)
        flux, wide = (_in_aperture(light, x, y, r / self.scale) for r in (APERTURE_ARCSEC, WIDE_ARCSEC))
        middle = np.array([len(image.psf) // 2])
        share, wide_share = (
            _in_aperture(image.psf, middle, middle, r / self.scale)[0] for r in (APERTURE_ARCSEC, WIDE_ARCSEC)
        )
        with np.errstate(divide="ignore", invalid="ignore"):
            mag = np.where(flux > 0, magnitude(flux / share), np.inf)
            ratio = np.where(flux > 0, (wide / wide_share) / (flux / share), np.inf)
        return Table({"x": x, "y": y, "mag": mag, "ratio": ratio})


def _in_aperture(image, x, y, radius_px):
    """Sums in circles."""
    return sep.sum_circle(np.ascontiguousarray(image), x, y, radius_px)[0]


def concentrated(ratio, setting):
    """Which ratios lie in the range of a setting."""
    return (ratio >= setting.low) & (ratio <= (np.inf if setting.high is None else setting.high))


def scores(table, truth, scale):
    """Numbers of clusters found and of what was mistaken for one."""
    clusters = truth[truth["kind"] == "cluster"]
    kept = table[(table["mag"] > MAG_RANGE[0]) & (table["mag"] < MAG_RANGE[1])]
    row = nearest(kept, clusters, scale)
    return found_of(clusters, row) | mistaken(kept, truth, row, scale)


def compare(folder, settings):
    """Scores of each finder with its setting on a field, and the noise it met.

    Parameters
    ----------
    folder : `pathlib.Path`
    settings : dict
        Of `Setting` as plain dictionaries, by finder.
    """
    field, out = PeerField(folder), {}
    for name, values in settings.items():
        finder, setting = FINDERS[name], Setting(**values)
        table = field.catalogue(finder, setting)
        table = table[concentrated(table["ratio"], setting)]
        out[name] = scores(table, field.truth, field.scale) | levels(field, finder, setting)
    return out


def levels(field, finder, setting):
    """Noise of the thresholded image, and of a pixel less background, over that of a pixel in the weight map."""
    name = "sum" if setting.bands == "sum" else "first"
    light = field.light(finder, "first", setting.cell_arcsec)
    weight = float(np.median(field.images["first"].error))
    sigma = float(np.median(field.noise(finder, name, setting.cell_arcsec, setting.noise)))
    return {
        "thresholded_in": name,
        "sigma_over_weight": sigma / weight,
        "pixel_over_weight": float(MAD_TO_SIGMA * np.median(np.abs(light)) / weight),
    }
