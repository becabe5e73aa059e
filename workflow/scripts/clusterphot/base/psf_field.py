"""The PSF of a filter over the field: a few images, of which it is a weighted sum at every place.

Read from the grid of PSFs of a filter, in the format of `photutils.psf.GriddedPSFModel`: between its places PSFs are
interpolated linearly in x and y, beyond them those of the nearest edge hold. Positions pixels of the mosaic (0-based).
"""

from dataclasses import dataclass, replace

import numpy as np
from astropy.io import fits

from clusterphot.base.products import Psf, open_fits, read_psf, write_fits

TOLERANCE = 3e-4
"""What the terms may miss of the PSF at any place, root sum of squares over that of the PSF. It is the most that a flux
fitted in white noise can be off (Cauchy-Schwarz)."""


MAX_PLACES = 100
"""Keywords of FITS have eight letters, of which DET_YX leaves two."""


@dataclass(frozen=True, kw_only=True)
class PsfField(Psf):
    """A PSF that changes over the field; ``data`` and all that is known of it are those of `Psf` in its middle.

    Attributes
    ----------
    x, y : (nx,), (ny,) float ndarray
        Places of the grid on the mosaic, in rising order.
    images : (k, n, n) float ndarray, odd n
        Shares of a source's total light in each pixel of the mosaic: the mean over the grid, then its changes.
    coefficients : (ny, nx, k) float ndarray
        Weights of the images at the places; 1 for the mean, of unit mean square for the others.
    errors : (ny, nx) float ndarray
        Fractional 1-sigma error of fluxes at the places by what is not known of the change.
    """

    x: np.ndarray
    y: np.ndarray
    images: np.ndarray
    coefficients: np.ndarray
    errors: np.ndarray

    @property
    def terms(self):
        """The images, as those of `Psf.terms`."""
        return self.images

    def weights(self, x, y):
        """Weights (n, k) of the terms at places (n,) of the mosaic."""
        return self._between(self.coefficients, x, y)

    def sys_errors(self, x, y):
        """Fractional errors (n,) of the flux scale at places (n,): that of the middle, with the change's own there."""
        middle = self._between(
            self.errors[..., None], self.x[[0, -1]].mean()[None], self.y[[0, -1]].mean()[None]
        )
        change = self._between(self.errors[..., None], x, y)[:, 0]
        return np.sqrt(np.maximum(self.sys_error**2 - middle[0, 0] ** 2, 0.0) + change**2)

    def _between(self, values, x, y):
        """Values (ny, nx, k) of the grid at places (n,), (n, k)."""
        (left, right, tx), (below, above, ty) = _bracket(self.x, x), _bracket(self.y, y)
        tx, ty = tx[:, None], ty[:, None]
        low = (1.0 - tx) * values[below, left] + tx * values[below, right]
        high = (1.0 - tx) * values[above, left] + tx * values[above, right]
        return (1.0 - ty) * low + ty * high

    def at(self, x, y):
        """The `Psf` at a place of the mosaic, with the light on the stamp there; errors are those of the middle."""
        return self._psf(self.weights(np.array([x], dtype=float), np.array([y], dtype=float))[0])

    def mean(self, x, y, shares=None):
        """The `Psf` that a mean of sources at places (n,) has, with shares (n,) of their light."""
        return self._psf(np.average(self.weights(x, y), axis=0, weights=shares))

    def _psf(self, weights):
        """`Psf` of some weights; its FWHM is left to who needs it."""
        light = np.tensordot(weights, self.images, axes=1)
        values = {name: getattr(self, name) for name in Psf.__dataclass_fields__}
        share = float(light.sum())
        return Psf(**values | {"data": light / share, "ee_stamp": share, "fwhm_arcsec": float("nan")})


def _bracket(nodes, places):
    """Indices of the nodes on both sides of places (n,), and the share of the way between them."""
    places = np.clip(np.asarray(places, dtype=float), nodes[0], nodes[-1])
    upper = np.clip(np.searchsorted(nodes, places, side="right"), 1, max(len(nodes) - 1, 1))
    lower, upper = upper - 1, np.minimum(upper, len(nodes) - 1)
    span = nodes[upper] - nodes[lower]
    return lower, upper, (places - nodes[lower]) / np.where(span > 0, span, 1.0)


def psf_over_field(psf, stamps, positions_px, errors=None):
    """The PSF of a filter from PSFs at a grid of places.

    Parameters
    ----------
    psf : `clusterphot.base.products.Psf`
        In the middle.
    stamps : (m, n, n) float ndarray, odd n
        Shares of a source's total light in each pixel of the mosaic, the source in the middle of one.
    positions_px : (m, 2) float ndarray
        x and y on the mosaic: all combinations of some x and some y, in any order.
    errors : (m,) float ndarray, optional
        Fractional 1-sigma errors of fluxes there by what is not known of the change; by default 0.

    Returns
    -------
    psf : `PsfField`, or the `Psf` as given where the grid has one PSF and one error everywhere

    Raises
    ------
    ValueError
        If the positions are no grid.
    """
    x, y = (np.unique(axis) for axis in np.asarray(positions_px, dtype=float).T)
    order = np.lexsort(np.asarray(positions_px).T)
    if len(stamps) != len(x) * len(y) or not np.array_equal(
        np.asarray(positions_px)[order], np.stack([np.tile(x, len(y)), np.repeat(y, len(x))], axis=1)
    ):
        raise ValueError(f"positions_px: {len(stamps)} places of {len(x)} x and {len(y)} y, expected a grid")
    flat = np.asarray(stamps, dtype=float)[order].reshape(len(stamps), -1)
    mean = flat.mean(axis=0)
    # principal components of what differs from the mean, as many as are needed everywhere
    scores, values, changes = np.linalg.svd(flat - mean, full_matrices=False)
    scores = scores * values
    missed = np.cumsum(np.square(scores)[:, ::-1], axis=1)[:, ::-1] > (
        TOLERANCE**2 * np.square(flat).sum(axis=1, keepdims=True)
    )
    k = int(missed.any(axis=0).sum())
    errors = np.zeros(len(flat)) if errors is None else np.asarray(errors, dtype=float)
    if k == 0 and np.ptp(errors) == 0.0:
        return psf
    size = values[:k] / np.sqrt(len(flat))
    images = np.concatenate([mean[None], changes[:k] * size[:, None]]).reshape(-1, *stamps.shape[1:])
    weights = np.concatenate([np.ones((len(flat), 1)), scores[:, :k] / size], axis=1)
    return PsfField(
        **{name: getattr(psf, name) for name in Psf.__dataclass_fields__},
        x=x,
        y=y,
        images=images,
        coefficients=weights.reshape(len(y), len(x), -1),
        errors=errors[order].reshape(len(y), len(x)),
    )


def read_psf_field(psf_path, grid_path):
    """Read the PSF of a filter over its field: ``psf.fits`` and ``psf_grid.fits`` of this workflow.

    Samples between the middles of the mosaic's pixels are for others: here images are shifted in Fourier space.
    """
    psf = psf_over_field(read_psf(psf_path), *read_psf_grid(grid_path), read_grid_errors(grid_path))
    return replace(psf, grid_path=str(grid_path))


def write_psf_grid(path, stamps, positions_px, *, oversampling, pixel_scale_arcsec, filter_name, errors=None):
    """Write PSFs at a grid of positions on a mosaic.

    Parameters
    ----------
    path : str
    stamps : (m, n, n) float ndarray, odd n
        Of sources of unit flux: shares of the light in a mosaic pixel centred on each sample, such as
        `clusterphot.optics.drizzle.stamps_on_mosaic` makes. Their sums are oversampling^2 where all light is inside,
        as photutils takes them.
    positions_px : (m, 2) float array-like
        x and y on the mosaic, 0-based: all combinations of a few x and a few y, at least two of each, in any order.
    oversampling : int
        Samples per mosaic pixel.
    pixel_scale_arcsec : float
        Of the mosaic.
    filter_name : str
    errors : (m,) float ndarray, optional
        As of `psf_over_field`.

    Raises
    ------
    ValueError
        If sides are even, or positions are not those of the stamps, no grid, or more than 100.

    Notes
    -----
    One image [place, y, x]; the header has OVERSAMP, PIXELSCL (arcsec a sample), FILTER, EESTAMP (mean share of the
    light inside a stamp) and for each place DET_YX<k> = "(x, y)" and VARERR<k>, the error there. STPSF names x and y
    the other way round, and writes its places in that order; photutils reads the first as x.
    """
    stamps, positions = np.asarray(stamps, dtype=np.float32), np.asarray(positions_px, dtype=float)
    if stamps.ndim != 3 or stamps.shape[1] != stamps.shape[2] or stamps.shape[1] % 2 == 0:
        raise ValueError(f"stamps: shape {stamps.shape}, expected (m, n, n) with odd n")
    along = [len(np.unique(axis)) for axis in positions.T]
    is_grid = min(along) > 1 and len(positions) == len(np.unique(positions, axis=0)) == np.prod(along)
    if positions.shape != (len(stamps), 2) or not is_grid or len(positions) > MAX_PLACES:
        expected = f"a grid of {len(stamps)} (x, y), at most {MAX_PLACES}"
        raise ValueError(f"positions_px: shape {positions.shape}, expected {expected}")
    order = np.lexsort(positions.T)  # by y, then x
    image = fits.PrimaryHDU(stamps[order])
    header = image.header
    header["FILTER"] = filter_name
    header["OVERSAMP"] = (int(oversampling), "samples per mosaic pixel")
    header["PIXELSCL"] = (pixel_scale_arcsec / oversampling, "[arcsec] of a sample")
    header["EESTAMP"] = (
        float(stamps.sum(axis=(1, 2)).mean() / oversampling**2),
        "mean share of light in a stamp",
    )
    header["COMMENT"] = "Samples: share of a point source's total light in a pixel of the mosaic"
    header["COMMENT"] = "centred there. Sum over OVERSAMP^2: the share inside the stamp, as EESTAMP."
    for k, (x, y) in enumerate(positions[order]):
        header[f"DET_YX{k}"] = (str((float(x), float(y))), "(x, y) of the mosaic, 0-based")
    for k, error in enumerate([] if errors is None else np.asarray(errors)[order]):
        header[f"VARERR{k}"] = (round(float(error), 6), "error of fluxes by the change")
    write_fits(path, [image])


def read_psf_grid(path):
    """Images of a grid written by `write_psf_grid`, on the pixels of the mosaic.

    Returns
    -------
    stamps : (m, n, n) float ndarray, odd n
        Shares of a source's total light in each pixel of the mosaic.
    positions_px : (m, 2) float ndarray
    """
    with open_fits(path) as hdus:
        header, cube = hdus[0].header, hdus[0].data
        step = header["OVERSAMP"]
        first = cube.shape[-1] // 2 % step
        stamps = np.array(cube[:, first::step, first::step], dtype=float)
        positions = [_place_of(header[f"DET_YX{k}"]) for k in range(len(cube))]
    return stamps, np.array(positions)


def read_grid_errors(path):
    """Errors (m,) of fluxes at the places of a grid by what is not known of the change; 0 where the file has none."""
    with open_fits(path) as hdus:
        header = hdus[0].header
        return np.array([header.get(f"VARERR{k}", 0.0) for k in range(header["NAXIS3"])], dtype=float)


def _place_of(card):
    """x and y of a place, from ``(x, y)``."""
    return tuple(float(value) for value in card.strip("() ").split(","))
