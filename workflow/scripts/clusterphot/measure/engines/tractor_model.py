"""Scenes as The Tractor's objects: image, pixelised PSF, sky, point sources (Lang et al. 2016, ASCL 1604.008).

Imports The Tractor; import this module only where `clusterphot.measure.engines.install` has found it. Fluxes nJy,
positions cutout pixels (0-based).
"""

import numpy as np
from tractor import ducks
from tractor.basics import ConstantSky, Flux, LinearPhotoCal, NullWCS, PixPos, PointSource
from tractor.constrained_optimizer import ConstrainedOptimizer
from tractor.engine import Tractor
from tractor.image import Image
from tractor.patch import ModelMask, Patch
from tractor.utils import BaseParams, ParamList

DEGREE_IN_PIXELS = 3600.0
"""Pixel scale of the identity WCS, arcsec: derivatives come per degree, positions are in pixels."""


class PixelPsf(BaseParams, ducks.ImageCalibration):
    """Pixelised PSF shifted by `clusterphot.measure.rendering.PsfRenderer` instead of a Lanczos kernel.

    Notes
    -----
    The Tractor's own kernel smooths PSFs two or three pixels wide: at half-pixel phases fluxes are off by 0.2 to
    0.8 %, which in a simulated field is 0.03 to 0.07 sigma in the median and 0.1 to 0.2 sigma at 95 %. Its PSFs
    oversampled four times, which need the compiled part of Astrometry.net, agree with these images to 0.001
    sigma in the median and 0.003 sigma at 95 % (F090W, F200W, F444W).
    """

    MAX_KEPT = 16

    def __init__(self, renderer, core=None):
        self.renderer = renderer
        self._cores = None if core is None else core[None]
        self._kept = {}

    def getRadius(self):
        """Distance from the image beyond which a source is left out, pixels."""
        return 2.0 * self.renderer.size_px

    def getPointSourcePatch(self, px, py, derivs=False, **_):
        """Image of a unit source over the whole cutout, with its derivatives by the position if asked for."""
        images = self._kept.get((px, py), ())
        if len(images) < (3 if derivs else 1):
            images = self._render(px, py, derivs)
        patches = tuple(Patch(0, 0, image) for image in images)
        return patches if derivs else patches[0]

    def _render(self, px, py, derivs):
        """Image, and derivatives if asked for; kept, since The Tractor asks for the same position again and again."""
        x, y = np.array([px], dtype=float), np.array([py], dtype=float)
        if derivs:
            images = tuple(image[0] for image in self.renderer.render_with_gradient(x, y, self._cores))
        else:
            images = (self.renderer.render(x, y, self._cores)[0],)
        for image in images:
            image.flags.writeable = False
        if len(self._kept) >= self.MAX_KEPT:
            self._kept.clear()
        self._kept[px, py] = images
        return images


class PolynomialSky(ParamList, ducks.ImageCalibration):
    """Sky as a sum of given terms.

    Parameters
    ----------
    *coefficients : floats
    terms : (k, m, m) float ndarray
    """

    def __init__(self, *coefficients, terms=None):
        super().__init__(*coefficients)
        self.terms = terms

    def addTo(self, image, scale=1.0):
        """Add the sky to an image."""
        image += scale * np.tensordot(self.vals, self.terms, axes=1)

    def getParamDerivatives(self, *_):
        """The terms themselves."""
        return [Patch(0, 0, term) for term in self.terms]


class TractorScene:
    """One cutout and its sources.

    Parameters
    ----------
    data, weights : (m, m) float ndarray
    renderer : `clusterphot.measure.rendering.PsfRenderer`
    terms : (k, m, m) float ndarray
        Sky polynomials; a single one is constant.
    positions : (c, 2) float ndarray
    fluxes : (c,) float ndarray
    sky : (k,) float ndarray
        First values.
    core : (r, s) float ndarray, optional
        Of the PSF of the target's place, which The Tractor, with one PSF an image, takes for its neighbours too: in a
        cutout of 0.8 arcsec it is the same to 0.1 % of its width.

    Notes
    -----
    The Tractor fails at NaN pixels even where their weight is zero, at positions that are numpy scalars, and has
    no derivative of a source without flux: the first are set to zero, the second made plain floats, and of the
    third the fluxes given must hold none. Sources are never copied: copies lose their bounds.
    """

    def __init__(self, data, weights, renderer, terms, *, positions, fluxes, sky, core=None):
        size = data.shape[0]
        first = [float(value) for value in sky]
        self.sky = ConstantSky(first[0]) if len(terms) == 1 else PolynomialSky(*first, terms=terms)
        image = Image(
            data=np.where(weights > 0, data, 0.0),
            inverr=np.sqrt(np.where(weights > 0, weights, 0.0)),
            psf=PixelPsf(renderer, core),
            wcs=NullWCS(pixscale=DEGREE_IN_PIXELS),
            photocal=LinearPhotoCal(1.0),
            sky=self.sky,
        )
        image.freezeAllBut("sky")
        self.sources = [
            PointSource(PixPos(float(x), float(y)), Flux(float(flux)))
            for (x, y), flux in zip(positions, fluxes, strict=True)
        ]
        self.tractor = Tractor([image], self.sources, optimizer=ConstrainedOptimizer())
        self.tractor.modtype = np.float64
        whole = ModelMask(0, 0, size, size)
        self.tractor.setModelMasks([dict.fromkeys(self.sources, whole)])

    def fix_positions(self):
        """Hold all positions."""
        for source in self.sources:
            source.freezeParam("pos")

    def positions(self):
        """Positions (c, 2)."""
        return np.array([source.pos.getAllParams() for source in self.sources])

    def values(self):
        """Fluxes, then coefficients of the sky terms, (c + k,)."""
        return np.array(
            [source.brightness.getValue() for source in self.sources] + list(self.sky.getAllParams())
        )
