"""Pixelised point spread functions at sub-pixel positions, with their gradients.

The PSF is split into products of a column and a row vector (singular value decomposition); each vector is
tabulated by Fourier shifts at fixed phases and interpolated between them (cubic Lagrange). Images of a PSF that
changes over the field share these vectors: what changes is how they are paired. Lengths are pixels, values per unit
flux.
"""

from dataclasses import dataclass

import numpy as np
from scipy.fft import next_fast_len

N_PHASES = 16
"""Tabulated sub-pixel phases; the cubic between them is exact to 1e-5 of the peak for sampled PSFs."""

RINGING_PX = 8
"""Margin kept around a stamp for the ringing of a Fourier shift at its edge, pixels. Chosen; see tests/unit/measure."""

REACH_PX = 12
"""Sources may lie this far outside a cutout; the PSF is kept out to the cutout's side and this much more."""

NEAR_PX = 4
"""Sources this near to the middle of the cutout, most of them, have small tables of their own, which
take a fraction of the time."""

RANK_TOLERANCE = 1e-5
"""Singular values below this fraction of the largest are left out: as much of the peak as the interpolation errs by."""

SHARED_TOLERANCE = 3e-5
"""The same of vectors that the images of a changing PSF share. They are a quarter more than those of one image at the
same tolerance; so they are no more, and the last ones hold less than 3e-5 of the peak."""

N_NODES = 4
"""Phases that a cubic needs: one below a position's, two around it, one above."""


@dataclass(frozen=True)
class _Tables:
    """Tables [phase, pixel * vector] of the shifted vectors along y and x, from pixel ``low`` of the whole ones on."""

    low: int
    y: np.ndarray
    x: np.ndarray


class PsfRenderer:
    """Images of a PSF on small square cutouts, one position per image.

    Parameters
    ----------
    psf : (n, n) or (k, n, n) float ndarray, odd n
        Centred on the middle pixel. Rendered images carry its sum: a unit-sum PSF gives unit flux over an
        unbounded image at every sub-pixel phase. Of a PSF that changes over the field the terms, of which it is a
        weighted sum at every place: `clusterphot.base.products.Psf.terms`.
    size_px : int
        Side m of the cutouts.

    Raises
    ------
    ValueError
        If the PSF is not square with odd side, or is not finite.

    Notes
    -----
    A shifted image is sum_r u_r(i - y) v_r(j - x). Vectors are shifted by the Fourier shift theorem on a
    zero-padded axis, which is exact for a band-limited PSF, at `N_PHASES` phases per pixel; positions
    between phases are interpolated with the four-point Lagrange polynomial. Every image is a product of its
    own small matrices, so that an image never depends on those rendered with it.

    Where there are several terms, vectors u are those of all terms side by side, v those of all terms one below the
    other, and term j is sum_rs core_j[r, s] u_r v_s. A source has the core sum_j weight_j core_j.
    """

    def __init__(self, psf, size_px):
        psf = np.asarray(psf, dtype=float)
        if psf.ndim not in (2, 3) or psf.shape[-2] != psf.shape[-1] or psf.shape[-1] % 2 == 0:
            raise ValueError(f"psf has shape {psf.shape}, expected a square of odd side")
        if not np.all(np.isfinite(psf)):
            raise ValueError("psf holds values that are not finite")
        self.size_px = int(size_px)
        # as much of the PSF as can reach a cutout, as a sum of products of vectors
        side = psf.shape[-1]
        trim = max(side // 2 - self.size_px - REACH_PX, 0)
        terms = psf.reshape(-1, side, side)[:, trim : side - trim, trim : side - trim]
        if len(terms) == 1:
            columns, rows = _vectors(terms[0])
            self._cores = None
        else:
            columns, rows = _shared_vectors(terms)
            self._cores = columns.T @ terms @ rows
        self._ranks = {"y": columns.shape[1], "x": rows.shape[1]}
        self._vectors = np.concatenate([columns, rows], axis=1)
        self._first_row = terms.shape[-1] // 2 + RINGING_PX + self.size_px
        self._made = {}

    def cores(self, weights):
        """Cores (..., r, s) of sources from the weights (..., k) of the terms at their places; None for a single term.

        Those of some sources are given to what renders them; without any it renders the first term.
        """
        if self._cores is None:
            return None
        # source by source, see the class
        flat = np.asarray(weights)[..., None, :] @ self._cores.reshape(len(self._cores), -1)
        return flat.reshape(*np.shape(weights)[:-1], *self._cores.shape[1:])

    def _table(self, *, far, slope):
        """Tables of both axes for sources near the middle or for all, of images or of their slopes; made once."""
        key = far, slope
        if key not in self._made:
            m = self.size_px
            low, high = 0, self._vectors.shape[0] + 2 * RINGING_PX + 2 * m
            if not far:
                middle = self._first_row - m // 2
                low, high = max(middle - NEAR_PX, low), min(middle + NEAR_PX + m, high)
            self._made[key] = _Tables(low, *self._tabulate(low, high, slope=slope))
        return self._made[key]

    def _tabulate(self, low, high, *, slope):
        """Some rows of the tables: the vectors times the matrix that shifts them, one phase after the other."""
        n, r = self._vectors.shape[0], self._ranks["y"]
        first, last = np.clip([low - self.size_px, high - self.size_px], 0, n + 2 * RINGING_PX)
        begin = self.size_px + first - low
        inside = np.s_[begin : begin + last - first]
        reverse = np.ascontiguousarray(self._vectors[::-1])
        along_y, along_x = (
            np.zeros((N_PHASES + N_NODES - 1, high - low, self._ranks[axis])) for axis in "yx"
        )
        for k, kernel in enumerate(_shift_kernels(n, slope=slope)):
            matrix = np.lib.stride_tricks.sliding_window_view(kernel[first : last + n - 1], n)
            shifted = matrix.copy() @ reverse
            along_y[k, inside], along_x[k, inside] = shifted[:, :r], shifted[:, r:]
        return along_y.reshape(N_PHASES + N_NODES - 1, -1), along_x.reshape(N_PHASES + N_NODES - 1, -1)

    def _axis(self, position, axis, slopes):
        """Interpolated vectors [source, pixel, vector] of axis 'y' or 'x', one array for each of the slopes."""
        base = np.floor(position)
        phase = (position - base) * N_PHASES
        lower = np.minimum(phase.astype(np.int64), N_PHASES - 1)
        weights = lagrange_weights(phase - lower)
        m, rank = self.size_px, self._ranks[axis]
        last = self._vectors.shape[0] + 2 * RINGING_PX + m
        start = np.clip(self._first_row - base, 0, last).astype(np.int64)
        far = np.abs(base - m // 2) > NEAR_PX
        out = [np.empty((len(position), m * rank)) for _ in slopes]
        for some in (False, True):
            chosen = np.flatnonzero(far == some)
            if len(chosen) == 0:
                continue
            for slope, mixed in zip(slopes, out, strict=True):
                tables = self._table(far=some, slope=slope)
                table = getattr(tables, axis)
                places = zip(
                    chosen.tolist(),
                    lower[chosen].tolist(),
                    (start[chosen] - tables.low).tolist(),
                    strict=True,
                )
                for i, k, j in places:
                    np.matmul(weights[i], table[k : k + N_NODES, j * rank : (j + m) * rank], out=mixed[i])
        return [mixed.reshape(len(position), m, rank) for mixed in out]

    def render(self, x, y, cores=None):
        """Images of unit sources.

        Parameters
        ----------
        x, y : (n,) float ndarray
            Positions in the cutout, 0-based, pixel centre = integer; may lie outside.
        cores : (n, r, s) float ndarray, optional
            From `cores`.

        Returns
        -------
        images : (n, m, m) float ndarray
        """
        columns, rows = self.vectors(x, y, cores)
        return columns @ rows.transpose(0, 2, 1)

    def vectors(self, x, y, cores=None):
        """Columns and rows whose products, summed over the vectors, are the images of unit sources.

        Parameters
        ----------
        x : (n,) float ndarray
        y : (k,) float ndarray
        cores : (k, r, s) float ndarray, optional
            As in `render`.

        Returns
        -------
        columns : (k, m, r) float ndarray
        rows : (n, m, r) float ndarray
        """
        (columns,) = self._axis(np.asarray(y, dtype=float), "y", (False,))
        (rows,) = self._axis(np.asarray(x, dtype=float), "x", (False,))
        return self._paired(columns, cores), rows

    def _paired(self, columns, cores):
        """Columns for the rows as they are."""
        if self._cores is None:
            return columns
        return columns @ (self._cores[0] if cores is None else cores)

    def render_with_gradient(self, x, y, cores=None):
        """Images of unit sources and their derivatives by the position; arguments as in `render`.

        Returns
        -------
        images, by_x, by_y : (n, m, m) float ndarray
            The derivatives per pixel of shift of the source.
        """
        columns, columns_slope = self._axis(np.asarray(y, dtype=float), "y", (False, True))
        rows, rows_slope = self._axis(np.asarray(x, dtype=float), "x", (False, True))
        rows, rows_slope = rows.transpose(0, 2, 1), rows_slope.transpose(0, 2, 1)
        columns, columns_slope = self._paired(columns, cores), self._paired(columns_slope, cores)
        return columns @ rows, columns @ rows_slope, columns_slope @ rows


def _vectors(image):
    """Columns and rows (n, r) whose products sum up to an image."""
    columns, values, rows = np.linalg.svd(image)
    rank = max(int(np.sum(values > RANK_TOLERANCE * values[0])), 1)
    root = np.sqrt(values[:rank])
    return columns[:, :rank] * root, rows[:rank].T * root


def _shared_vectors(terms):
    """Orthonormal columns (n, r) and rows (n, s) that hold those of all terms (k, n, n)."""
    kept = []
    for along in (2, 1):
        # principal axes of all columns of all terms, or of all rows
        squares, vectors = np.linalg.eigh(np.tensordot(terms, terms, axes=((0, along), (0, along))))
        kept.append(vectors[:, squares > SHARED_TOLERANCE**2 * squares[-1]])
    return kept


def _shift_kernels(n, *, slope):
    """Kernels that shift vectors of n pixels by each phase, or that give the derivative of the shift.

    Fourier shifts on a zero-padded axis as weights of pixels at distances from -(n + `RINGING_PX` - 1) to as
    many on the other side.
    """
    # odd, so that no highest frequency is left without its partner, which a shift would make complex; of small
    # factors, for speed
    length = n + 8 * RINGING_PX
    while length % 2 == 0 or next_fast_len(length) != length:
        length += 1
    frequency = np.arange(length // 2 + 1) / length
    phases = (np.arange(N_PHASES + N_NODES - 1) - 1) / N_PHASES
    spectra = np.exp(-2j * np.pi * phases[:, None] * frequency)
    if slope:
        spectra = spectra * (-2j * np.pi * frequency)
    reach = n + RINGING_PX - 1
    return np.fft.irfft(spectra, n=length)[:, np.arange(-reach, reach + 1) % length]


def lagrange_weights(t):
    """Weights of the cubic Lagrange polynomial on the nodes -1, 0, 1, 2.

    Parameters
    ----------
    t : (n,) float ndarray in [0, 1]

    Returns
    -------
    weights : (n, 4) float ndarray, sums to 1
    """
    before, ahead, beyond = t + 1, t - 1, t - 2
    inner, outer = t * ahead, before * beyond
    weights = np.empty((len(t), N_NODES))
    weights[:, 0] = inner * beyond / -6
    weights[:, 1] = outer * ahead / 2
    weights[:, 2] = outer * t / -2
    weights[:, 3] = inner * before / 6
    return weights
