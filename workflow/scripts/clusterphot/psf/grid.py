"""The PSF of a filter at a grid of places on its mosaic, ``psf_grid.fits``: what fits take the PSF of a source from.

Samples are four to a pixel of the mosaic, for `photutils.psf.GriddedPSFModel`; every fourth one, the middle one
included, is what `clusterphot.base.psf_field` reads. Positions pixels of the mosaic (0-based).
"""

from dataclasses import dataclass

import numpy as np

from clusterphot.base.images import fourier_shift
from clusterphot.base.psf_field import write_psf_grid

OVERSAMPLING = 4
"""Samples per pixel of the mosaic along each axis."""


@dataclass(frozen=True)
class PsfGrid:
    """PSFs at a grid of places.

    Attributes
    ----------
    samples : (m, n, n) float ndarray, odd n
        Share of a source's total light in a pixel of the mosaic centred on each sample, the source on the middle one:
        their sum over `OVERSAMPLING` squared is the share inside the stamp.
    positions : (m, 2) float ndarray
        x and y of the places.
    """

    samples: np.ndarray
    positions: np.ndarray

    def write(self, path, psf):
        """Write it for the filter of a `clusterphot.base.products.Psf`, that of its middle."""
        write_psf_grid(
            path,
            self.samples,
            self.positions,
            oversampling=OVERSAMPLING,
            pixel_scale_arcsec=psf.pixel_scale_arcsec,
            filter_name=psf.filter_name,
        )


def constant_grid(psf, shape):
    """The same PSF at the four corners of a mosaic.

    Parameters
    ----------
    psf : `clusterphot.base.products.Psf`
    shape : (ny, nx)
        Of the mosaic.

    Returns
    -------
    grid : `PsfGrid`
    """
    one = oversampled(psf.data * psf.ee_stamp)
    top, right = (max(side - 1, 1) for side in shape)
    return PsfGrid(
        np.broadcast_to(one, (4, *one.shape)), np.array([(0, 0), (right, 0), (0, top), (right, top)])
    )


def oversampled(stamp):
    """A stamp (n, n) on `OVERSAMPLING` times as many samples, from its middle pixel to its outermost ones.

    Fourier shifts, exact for a PSF sampled at its Nyquist frequency or finer; the pixels themselves stay as they are.
    """
    n = len(stamp)
    fine = np.zeros((OVERSAMPLING * n, OVERSAMPLING * n))
    for j in range(OVERSAMPLING):
        for i in range(OVERSAMPLING):
            between = stamp if i == j == 0 else fourier_shift(stamp, -i / OVERSAMPLING, -j / OVERSAMPLING)
            fine[j::OVERSAMPLING, i::OVERSAMPLING] = between
    kept = OVERSAMPLING * (n - 1) + 1
    return fine[:kept, :kept]
