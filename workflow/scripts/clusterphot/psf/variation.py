"""How the PSF changes over the field, from what its stars leave after fits with one PSF, in all filters of a channel.

Images that low-order wavefronts make, from the optics of the telescope, times polynomials of the position (as PSFEx
does with images from the stars alone; Bertin 2011, ASPC 442, 435). The wavefront is one for all filters that see a
place with the same detector, so that their stars are fitted together. Coefficients are drawn to zero by a Gaussian; of
its widths, 0 included, each counts by how well it foretells every star from all others. Images are in units of a PSF of
unit flux, positions arcsec on the sky from the middle of the field.

Constants without a paper were chosen on simulated fields (seeds 101, 102, 201, 202, 205, 206, variation 15 %, and 203
and 204, 0 %).
"""

from dataclasses import dataclass

import numpy as np

from clusterphot.base.detectors import INTERPIXEL_COUPLING
from clusterphot.base.images import crop, fourier_shift, polynomial_terms
from clusterphot.psf.star_fits import SKY_ORDER

HALF_ARCSEC = 0.4
"""Half side of the images: light that low-order wavefronts move beyond is below 1e-3."""

N_MODES = 5
"""Images of a variation: further ones hold 1 % of the variance of simulated fields."""

STATE_FIELDS = ((901, 0.0), (902, 15.0), (903, 30.0), (904, 45.0))
"""Seeds of wavefronts and patterns, and angles (deg) of the detector, of simulated fields whose PSFs make the modes.
Those of the user's field are not known, and hardly matter: 0.1-0.25 % of the flux of point sources."""

STATE_VARIATION, STATE_PLACES = 0.2, 5
"""Variation of the FWHM at 0.7 um in them, as measured (Zhuang & Shen 2024), and places along a side."""

DEGREE_VARIANCE = {1: 0.5, 2: 1.0, 3: 0.3}
"""Prior variance of coefficients by degree of their polynomial, relative. Wavefronts that grow from zero near the
middle widen the PSF as their square; two modules whose PSFs grow worse outwards need the cube."""

COMMON = 1.5
"""Width of the prior of what all stars of a filter have in common against its mean PSF, in the unit of `WIDTHS`. It is
only allowed for: wings of the mean are of other stars, and skies of faint ones are not flat."""

WIDTHS = (0.0, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0, 1.5)
"""Widths of the coefficients' prior that are tried; 1 is `STATE_VARIATION`."""

SCATTERS = (0.0, 0.05, 0.1, 0.2, 0.35, 0.5, 0.7)
"""Scatters of single stars about the smooth variation that are tried, in the same unit: dither phases."""

PIXEL_SHARE = 0.01
"""Error of every pixel as a share of the PSF: dither phases too."""

NOISE_GROWTH = 1.6**2
"""Variance of fits in drizzled noise over that with independent pixels (Fruchter & Hook 2002, PASP 114, 144)."""

MIN_STARS = 8
"""Stars in all filters together: with fewer there is no telling, and nothing but the prior for an error."""

WIDEST = 2.0
"""Width that no star of the field can exceed: those that do are pairs, or have neighbours or damaged cores."""

MAX_STARS = 150
"""Stars of a channel, in all filters, that are fitted, the best measured first: two seconds, which grow as the cube."""

MAX_DISTANCE2, MAX_DROPPED = 30.0, 0.2
"""Squared distance of a star from what the others foretell, in its errors, from which it is left out (chi-square of
`N_MODES` degrees of freedom: 1e-5), and the largest share of stars that may be."""

MARGIN_PX = 8
"""Beyond the images, for what a shift of the PSF rings."""

SLOPE_STEP_PX = 0.05
"""Shift over which the slopes of the PSF are taken."""

NEGLIGIBLE_SHARE = 1e-4
"""Of the probability, below which a width and scatter are not counted."""

POWERS = [(degree - j, j) for degree in DEGREE_VARIANCE for j in range(degree + 1)]
"""Powers of x and y, by degree."""


@dataclass(frozen=True)
class Frame:
    """Middle of a field (deg) and half its larger side (arcsec)."""

    ra: float
    dec: float
    half_arcsec: float

    @classmethod
    def around(cls, frames):
        """One frame about several, the same whatever their order."""
        first = min(frames, key=lambda frame: (frame.ra, frame.dec, frame.half_arcsec))
        steps = np.array([first.place(frame.ra, frame.dec) for frame in frames])
        middle = 0.5 * (steps.min(axis=0) + steps.max(axis=0))
        sides = np.array([frame.half_arcsec for frame in frames])
        dec = first.dec + middle[1] / 3600.0
        ra = (first.ra + middle[0] / 3600.0 / np.cos(np.radians(first.dec))) % 360.0
        return cls(float(ra), float(dec), float(np.max(np.abs(steps - middle).max(axis=1) + sides)))

    def place(self, ra, dec):
        """Arcsec to the east and north of the middle."""
        east = (np.asarray(ra) - self.ra + 180.0) % 360.0 - 180.0
        return east * np.cos(np.radians(self.dec)) * 3600.0, (np.asarray(dec) - self.dec) * 3600.0

    def polynomials(self, ra, dec):
        """Products (n, p) of powers of the place on the sky, about -1 to 1 over the field."""
        s, t = (step / self.half_arcsec for step in self.place(ra, dec))
        return np.stack([s**i * t**j for i, j in POWERS], axis=-1)


@dataclass(frozen=True)
class Leftover:
    """What the stars of one filter leave after fits with its mean PSF.

    Attributes
    ----------
    ra, dec : (n,) float ndarray, deg
    images : (n, m, m) float ndarray, odd m
        Residuals in units of a star's total light, on the grid of the PSF; NaN where there is no pixel.
    variance : (n,) float ndarray
        Of noise, of each of their pixels.
    share : (n,) float ndarray
        Of the stars in the core of the mean PSF; sums to 1.
    pull : (n,) float ndarray
        Fractional change of the flux scale that mends what the flux of the star does which is too high, per fraction of
        it: by these fluxes, fitted with the mean PSF, wings are set against the core.
    frame : Frame
        Of the mosaic.
    """

    ra: np.ndarray
    dec: np.ndarray
    images: np.ndarray
    variance: np.ndarray
    share: np.ndarray
    pull: np.ndarray
    frame: Frame


@dataclass(frozen=True)
class Variation:
    """Smooth change of the PSF of one filter with position.

    Attributes
    ----------
    images : (k, m, m) float ndarray, odd m
        Of the modes.
    coefficients : (p, k) float ndarray
        Of polynomials of the position, times modes.
    covariance : (p k, p k) float ndarray
        Of the coefficients, row by row.
    offset : (p,) float ndarray
        Mean of the polynomials over the stars of which the mean PSF is made.
    pull : (p,) float ndarray
        Sum of the polynomials, less ``offset``, over the stars that set the flux scale, times their ``pull``.
    frame : `Frame`
    evidence : float
        Share of the widths above 0 in how well stars are foretold, 0 to 1.
    scatter : float
        Of single stars about it, in units of `STATE_VARIATION`.
    n_stars : int
        In all filters.
    """

    images: np.ndarray
    coefficients: np.ndarray
    covariance: np.ndarray
    offset: np.ndarray
    pull: np.ndarray
    frame: Frame
    evidence: float
    scatter: float
    n_stars: int

    def changes(self, ra, dec):
        """What is added at places (n,) to the mean PSF of unit flux, (n, m, m) float ndarray."""
        weights = (self.frame.polynomials(ra, dec) - self.offset) @ self.coefficients
        return np.tensordot(weights, self.images, axes=1)

    def scale(self, slopes):
        """Factor on fluxes fitted with the mean PSF, once those of the stars that set its wings are known better.

        ``slopes`` (k,) are the fractional changes by the modes of fluxes that are fitted with the mean.
        """
        return 1.0 + float(self.pull @ self.coefficients @ slopes)

    def effects(self, slopes, ra, dec, *, of_flux=True):
        """Rows (n, p k) that turn errors of the coefficients into fractional ones of fluxes, at places (n,).

        With ``of_flux`` False of something else that modes change by ``slopes``, which knows nothing of flux scales.
        """
        places = self.frame.polynomials(ra, dec) - self.offset - (self.pull if of_flux else 0.0)
        return np.einsum("np,k->npk", places, slopes).reshape(len(ra), -1)


def state_images(filter_name, pixel_scale_arcsec, *, native_pixel_arcsec=None, pixfrac=None):
    """What low-order wavefronts add to the PSF of a filter at the places of some simulated fields, from the optics.

    Parameters
    ----------
    filter_name : str
        Of NIRCam.
    pixel_scale_arcsec : float
        Of the mosaic.
    native_pixel_arcsec, pixfrac : float, optional
        Pixel of the detector and side of its drop over it.

    Returns
    -------
    states : (s, m, m) float32 ndarray
        On pixels of the mosaic; the same states in every filter of a channel.
    """
    from clusterphot.optics.detector import PIXFRAC
    from clusterphot.optics.drizzle import stamps_on_mosaic
    from clusterphot.optics.field import field_psf
    from clusterphot.optics.pupil import OpticsConfig

    half = int(round(HALF_ARCSEC / pixel_scale_arcsec))
    along = np.linspace(-1.0, 1.0, STATE_PLACES)
    u, v = (axis.ravel() for axis in np.meshgrid(along, along))
    states = []
    for seed, angle in STATE_FIELDS:
        psf = field_psf(
            filter_name,
            OpticsConfig(seed=seed),
            fwhm_variation=STATE_VARIATION,
            seed=seed,
            interpixel_coupling=INTERPIXEL_COUPLING,
            native_pixel_arcsec=native_pixel_arcsec,
            pixel_scale_arcsec=pixel_scale_arcsec,
            pixfrac=pixfrac or PIXFRAC,
        )
        stamps = stamps_on_mosaic(
            psf,
            psf.weights(u, v),
            pixel_scale_arcsec,
            2 * half + 1,
            oversampling=1,
            angle_deg=angle,
            pixfrac=pixfrac or PIXFRAC,
        )
        middle = stamps.shape[1] // 2
        inside = slice(middle - half, middle + half + 1)
        states.append((stamps - stamps.mean(axis=0))[:, inside, inside])
    return np.concatenate(states).astype(np.float32)


def fit_variations(leftovers, states, means, frame):
    """Smooth variation of the PSFs of all filters of a channel.

    Parameters
    ----------
    leftovers : dict of str to Leftover
        By filter.
    states : dict of str to (s, m, m) float ndarray
        From `state_images`.
    means : dict of str to (n, n) float ndarray
        The mean PSFs, as shares of a source's total light in each pixel.
    frame : Frame

    Returns
    -------
    variations : dict of str to Variation

    Notes
    -----
    Each star of each filter gives weights of the modes with an error. Over the field they are a Gaussian process:
    coefficients of polynomials with a prior, what stars of a filter have in common, the errors, and a scatter of single
    stars. Its left-out predictions are in closed form (Rasmussen & Williams 2006, sect. 5.4.2); widths and scatters
    count by their probability (pseudo Bayesian model averaging; Yao et al. 2018, Bayesian Anal. 13, 917).
    """
    images, sizes = _modes(states)
    rows = []
    for k, (name, left) in enumerate(leftovers.items()):
        places = frame.polynomials(left.ra, left.dec)
        for image, variance, place in zip(left.images, left.variance, places, strict=True):
            measured = _measure(image, variance, means[name], images[name])
            # What no variation can be is left out: pairs, neighbours, damaged cores.
            if measured is not None and _distance2(*measured, WIDEST * sizes) < MAX_DISTANCE2:
                rows.append((*measured, place, k))
    rows.sort(key=lambda row: float(np.sqrt(np.diag(row[1])) @ (1.0 / sizes)))
    rows = rows[:MAX_STARS]
    if len(rows) < MIN_STARS:
        fit = _unknown(sizes)
    else:
        fit = _fit_process(*(np.array(column) for column in zip(*rows, strict=True)), sizes)
    variations = {}
    for name, left in leftovers.items():
        places = frame.polynomials(left.ra, left.dec)
        offset = left.share @ places
        variations[name] = Variation(
            images=images[name],
            coefficients=fit.coefficients,
            covariance=fit.covariance,
            offset=offset,
            pull=left.pull @ (places - offset),
            frame=frame,
            evidence=fit.evidence,
            scatter=fit.scatter,
            n_stars=fit.n_stars,
        )
    return variations


def _modes(states):
    """Images (k, m, m) of each filter that the same weights belong to, and the scatter (k,) of these over states."""
    flat = {name: changes.reshape(len(changes), -1).astype(float) for name, changes in states.items()}
    values, vectors = np.linalg.eigh(sum(changes @ changes.T for changes in flat.values()))
    values, vectors = values[::-1][:N_MODES], vectors[:, ::-1][:, :N_MODES]
    # The largest element is positive, whatever the library has chosen.
    vectors = vectors * np.sign(vectors[np.argmax(np.abs(vectors), axis=0), np.arange(vectors.shape[1])])
    root = np.sqrt(values)
    images = {
        name: (vectors.T @ flat[name] / root[:, None]).reshape(-1, *changes.shape[1:])
        for name, changes in states.items()
    }
    return images, root / np.sqrt(len(vectors))


def _measure(residual, variance, mean, images):
    """Weights (k,) of the modes in what a star leaves and their covariance (k, k), flux, place and sky free.

    None where the star has no pixels, or none that tell them apart.
    """
    k, half = len(images), residual.shape[0] // 2
    wide = padded(mean, half + MARGIN_PX)
    present, good = crop(wide, half), np.isfinite(residual)
    slopes = [crop(fourier_shift(wide, *step), half) - present for step in SLOPE_STEP_PX * np.eye(2)]
    sky = polynomial_terms(half, SKY_ORDER)
    columns = np.concatenate([images, present[None], slopes, sky]).reshape(k + 3 + len(sky), -1)
    root = np.where(good, (variance + (PIXEL_SHARE * present) ** 2) ** -0.5, 0.0).ravel()
    scaled = columns * root
    norm = np.sqrt(np.square(scaled).sum(axis=1))
    if not np.all(norm > 0):
        return None
    try:
        inverse = np.linalg.inv(scaled @ scaled.T / np.outer(norm, norm)) / np.outer(norm, norm)
    except np.linalg.LinAlgError:
        return None
    solution = inverse @ (scaled @ (np.where(good, residual, 0.0).ravel() * root))
    return solution[:k], NOISE_GROWTH * inverse[:k, :k]


def padded(image, half_px):
    """The middle of a square image, or all of it with zeros around, (2 half_px + 1,) * 2."""
    own = len(image) // 2
    return crop(image, half_px) if own >= half_px else np.pad(image, half_px - own)


def _distance2(weights, error, scatter):
    """Squared distance of weights from zero, in their errors and a scatter."""
    return weights @ np.linalg.solve(error + np.diag(scatter**2), weights)


@dataclass(frozen=True)
class _Fit:
    """Coefficients (p, k), their covariance (p k, p k), and what `Variation` says of them."""

    coefficients: np.ndarray
    covariance: np.ndarray
    evidence: float
    scatter: float
    n_stars: int


def _prior(sizes):
    """Prior variance (p k,) of the coefficients, row by row, for a width of 1."""
    return np.kron([DEGREE_VARIANCE[i + j] for i, j in POWERS], sizes**2)


def _unknown(sizes):
    """Too few stars: no change, with the prior for an error."""
    variance = np.mean(np.square(WIDTHS)) * _prior(sizes)
    return _Fit(np.zeros((len(POWERS), len(sizes))), np.diag(variance), float("nan"), float("nan"), 0)


def _fit_process(weights, errors, polynomials, filters, sizes):
    """`_Fit` of the weights (n, k) of the stars; those far from what the others foretell are left out."""
    kept = np.ones(len(weights), dtype=bool)
    least = max(MIN_STARS, int(np.ceil((1.0 - MAX_DROPPED) * len(kept))))
    while True:
        process = _Process(weights[kept], errors[kept], polynomials[kept], filters[kept], sizes)
        distances = process.foretell(*process.best)[1]
        far = np.flatnonzero(distances > MAX_DISTANCE2)
        if not len(far) or kept.sum() <= least:
            return process.fit()
        # The farthest half of them: others may be far because of these.
        worst = far[np.argsort(-distances[far])][: min((len(far) + 1) // 2, kept.sum() - least)]
        kept[np.flatnonzero(kept)[worst]] = False


class _Process:
    """Weights of the stars as a Gaussian process over the field.

    Parameters
    ----------
    weights : (n, k) float ndarray
    errors : (n, k, k) float ndarray
        Covariances.
    polynomials : (n, p) float ndarray
    filters : (n,) int ndarray
    sizes : (k,) float ndarray
        Scatter of the weights for a width of 1.
    """

    def __init__(self, weights, errors, polynomials, filters, sizes):
        n, k = self._shape = weights.shape
        self._data, self._errors, self._sizes = weights.ravel(), errors, sizes
        self._design = np.einsum("np,jk->njpk", polynomials, np.eye(k)).reshape(n * k, -1)
        self._prior = _prior(sizes)
        self._signal = (self._design * self._prior) @ self._design.T
        same = filters[:, None] == filters
        self._common = np.einsum("nm,jk->njmk", same, np.diag((COMMON * sizes) ** 2)).reshape(n * k, n * k)
        self._tried = [(width, scatter) for width in WIDTHS for scatter in SCATTERS]
        # Half of what is believed before looking is that there is no change.
        believed = {width: 1.0 / (len(WIDTHS) - 1) for width in WIDTHS if width > 0} | {0.0: 1.0}
        self._scores = np.array(
            [self.foretell(width, scatter)[0] + np.log(believed[width]) for width, scatter in self._tried]
        )
        self.best = self._tried[int(np.argmax(self._scores))]

    def _noise(self, scatter):
        """Covariance (n k, n k) of errors, of the scatter of stars, and of what they have in common."""
        n, k = self._shape
        noise = np.zeros((n, k, n, k))
        noise[np.arange(n), :, np.arange(n), :] = self._errors + np.diag((scatter * self._sizes) ** 2)
        return noise.reshape(n * k, n * k) + self._common

    def foretell(self, width, scatter):
        """ln probability of all left-out stars, and the squared distance (n,) of each from what the others say."""
        n, k = self._shape
        inverse = np.linalg.inv(width**2 * self._signal + self._noise(scatter))
        blocks = inverse.reshape(n, k, n, k)[np.arange(n), :, np.arange(n), :]
        pull = (inverse @ self._data).reshape(n, k)
        distances = np.einsum("ni,nij,nj->n", pull, np.linalg.inv(blocks), pull)
        return 0.5 * float(np.linalg.slogdet(blocks)[1].sum() - distances.sum()), distances

    def fit(self):
        """Mean and covariance of the coefficients over all widths and scatters, each by its probability."""
        share = np.exp(self._scores - self._scores.max())
        share /= share.sum()
        counted = np.flatnonzero(share > NEGLIGIBLE_SHARE)
        means, covariances = [], []
        for index in counted:
            width, scatter = self._tried[index]
            prior = width**2 * self._prior
            gain = (prior[:, None] * self._design.T) @ np.linalg.inv(
                width**2 * self._signal + self._noise(scatter)
            )
            means.append(gain @ self._data)
            covariances.append(np.diag(prior) - gain @ (self._design * prior))
        weight = share[counted] / share[counted].sum()
        mean = weight @ np.array(means)
        spread = np.array(means) - mean
        covariance = np.tensordot(weight, covariances, axes=1) + (weight[:, None] * spread).T @ spread
        widths, scatters = np.array(self._tried).T
        return _Fit(
            mean.reshape(-1, self._shape[1]),
            covariance,
            float(share[widths > 0].sum()),
            float(share @ scatters),
            self._shape[0],
        )
