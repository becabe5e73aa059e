"""Variation of the PSF over the field: what stars of two filters tell, and what they do not."""

import numpy as np
import pytest
from clusterphot.base.images import crop, fourier_shift
from clusterphot.psf.scale_errors import flux_scale
from clusterphot.psf.variation import Frame, Leftover, fit_variations, state_images

HALF, WIDE, PIXEL = 10, 25, 0.04
SIGMA = {"F277W": 1.3, "F356W": 1.6}
FRAME = Frame(150.0, 2.0, 20.0)


def psf(filt, growth=0.0, stretch=0.0):
    """Gaussian whose width and ellipticity change, of unit sum."""
    axis = np.arange(-WIDE, WIDE + 1.0)
    sigma_x, sigma_y = (SIGMA[filt] * (1.0 + growth + sign * stretch) for sign in (1, -1))
    image = np.exp(-0.5 * ((axis[None] / sigma_x) ** 2 + (axis[:, None] / sigma_y) ** 2))
    return image / image.sum()


@pytest.fixture(scope="module")
def states():
    """Widths and shapes at 40 places, the same in both filters."""
    rng = np.random.default_rng(3)
    drawn = rng.normal(0.0, (0.08, 0.05), (40, 2))
    stamps = {filt: np.array([psf(filt, *values) for values in drawn]) for filt in SIGMA}
    return {filt: np.array([crop(s, HALF) for s in full - full.mean(0)]) for filt, full in stamps.items()}


def growth_at(east, north):
    return 0.15 * (east / 20.0) ** 2 - 0.05 * north / 20.0


def make_stars(rng, n, snr, changing, odd=0):
    """What n stars of a filter leave after fits with its mean PSF, at random places, with noise."""
    stars = {}
    for filt in SIGMA:
        east, north = rng.uniform(-20, 20, (2, n))
        noise = 1.0 / (snr * np.sqrt(1.0 / np.square(psf(filt)).sum()))
        images = []
        for k in range(n):
            true = psf(filt, growth_at(east[k], north[k]) if changing else 0.0)
            if k < odd:
                true = 0.8 * true + 0.2 * fourier_shift(true, 3.0, 0.0)
            image = crop(true - psf(filt), HALF)
            images.append(image + rng.normal(0.0, noise, image.shape))
        ra = FRAME.ra + east / 3600.0 / np.cos(np.radians(FRAME.dec))
        share = np.full(n, 1.0 / n)
        stars[filt] = Leftover(
            ra, FRAME.dec + north / 3600.0, np.array(images), np.full(n, noise**2), share, np.zeros(n), FRAME
        )
    return stars


def biases(variation, filt, changing):
    """Errors of fluxes over the field with the model, and with the mean PSF alone; mean of the model's own errors."""
    axis = np.linspace(-15.0, 15.0, 5)
    east, north = (values.ravel() for values in np.meshgrid(axis, axis))
    ra, dec = FRAME.ra + east / 3600.0 / np.cos(np.radians(FRAME.dec)), FRAME.dec + north / 3600.0
    with_model, alone = [], []
    for e, n, change in zip(east, north, variation.changes(ra, dec), strict=True):
        true = psf(filt, growth_at(e, n) if changing else 0.0)
        model = psf(filt)
        alone.append(flux_scale(true, model, PIXEL) - 1.0)
        crop(model, HALF)[...] += change
        with_model.append(flux_scale(true, model, PIXEL) - 1.0)
    return np.array(with_model), np.array(alone)


def fit(stars, states):
    return fit_variations(stars, states, {filt: psf(filt) for filt in SIGMA}, FRAME)


@pytest.mark.parametrize("odd", [0, 3])
def test_a_change_is_found_in_both_filters(states, odd):
    """Pairs among the stars do not matter: most are left out."""
    found = fit(make_stars(np.random.default_rng(1), 30, 150.0, changing=True, odd=odd), states)
    for filt, variation in found.items():
        assert variation.evidence > 0.99
        model, alone = biases(variation, filt, changing=True)
        assert np.std(model) < 0.3 * np.std(alone)
        assert 2 * (30 - odd) <= variation.n_stars <= 60 - odd


def test_no_change_is_none(states):
    found = fit(make_stars(np.random.default_rng(2), 30, 150.0, changing=False), states)
    for filt, variation in found.items():
        assert variation.evidence < 0.5
        assert np.abs(biases(variation, filt, changing=False)[0]).max() < 0.004


def test_faint_stars_say_little_and_few_ones_nothing(states):
    """Errors grow from many stars to few, where they are those of the prior."""
    rng = np.random.default_rng(4)
    slopes = np.array([1.0, 0.0, 0.0, 0.0, 0.0])
    errors = []
    for n, snr in ((40, 200.0), (40, 15.0), (3, 200.0)):
        variation = fit(make_stars(rng, n, snr, changing=True), states)["F356W"]
        row = variation.effects(slopes, [FRAME.ra + 10.0 / 3600.0], [FRAME.dec])[0]
        errors.append(np.sqrt(row @ variation.covariance @ row))
    assert errors[0] < 0.5 * errors[1] < 0.5 * errors[2]
    assert not variation.coefficients.any() and np.isnan(variation.evidence)


def test_order_of_stars_and_filters_does_not_matter(states):
    stars = make_stars(np.random.default_rng(5), 20, 100.0, changing=True)
    turned = {
        filt: Leftover(
            left.ra[::-1], left.dec[::-1], left.images[::-1], left.variance, left.share, left.pull, FRAME
        )
        for filt, left in list(stars.items())[::-1]
    }
    one, other = (fit(order, states)["F277W"].changes([150.001], [2.001]) for order in (stars, turned))
    assert np.allclose(one, other, atol=1e-7)


def test_states_come_from_the_optics():
    """As many in every filter, of the same places: the mean is none, and light is moved, not made."""
    short, medium = (state_images(name, 0.04) for name in ("F277W", "F444W"))
    assert short.shape == medium.shape == (100, 21, 21)
    assert np.abs(short.mean(axis=0)).max() < 1e-6
    assert np.abs(short.sum(axis=(1, 2))).max() < 4e-3
    # Wider in one is wider in the other: the peaks go together.
    assert np.corrcoef(short[:, 10, 10], medium[:, 10, 10])[0, 1] > 0.95
