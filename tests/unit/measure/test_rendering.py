"""PSF images at sub-pixel positions against Gaussians integrated over pixels, known on paper."""

import numpy as np
import pytest
from clusterphot.measure.rendering import PsfRenderer, lagrange_weights
from scipy.special import erf

SIGMA_PX = 1.5
SIZE_PX = 41


def gaussian(size_px, x, y, sigma_px=SIGMA_PX):
    """Unit Gaussian integrated over pixels, centred on (x, y)."""

    def axis(centre):
        edges = (np.arange(size_px + 1) - 0.5 - centre) / (np.sqrt(2) * sigma_px)
        return 0.5 * np.diff(erf(edges))

    return np.outer(axis(y), axis(x))


@pytest.fixture(scope="module")
def renderer():
    """Renderer of the Gaussian on a stamp wide enough to hold all of it."""
    return PsfRenderer(gaussian(51, 25, 25), SIZE_PX)


def test_images_match_the_exact_ones_at_all_phases(renderer):
    """Error below 1e-5 of the peak: Lagrange on 16 phases, and the Gaussian is band-limited to 1e-5."""
    rng = np.random.default_rng(1)
    x, y = 20 + rng.uniform(-2, 2, 40), 20 + rng.uniform(-2, 2, 40)
    exact = np.array([gaussian(SIZE_PX, a, b) for a, b in zip(x, y, strict=True)])
    assert np.abs(renderer.render(x, y) - exact).max() < 1e-5 * exact.max()


def test_sources_off_the_middle_are_drawn_as_well(renderer):
    """Near the middle small tables are used, farther off the whole ones: the same error on both sides."""
    x = np.array([15.9, 16.0, 16.1, 20.4, 24.9, 25.0, 25.1, 33.7])
    y = x[::-1].copy()
    exact = np.array([gaussian(SIZE_PX, a, b) for a, b in zip(x, y, strict=True)])
    images, by_x, _ = renderer.render_with_gradient(x, y)
    assert np.abs(images - exact).max() < 1e-5 * exact.max()
    shifted = np.array([gaussian(SIZE_PX, a + 1e-4, b) for a, b in zip(x, y, strict=True)])
    assert np.abs(by_x - (shifted - exact) / 1e-4).max() < 1e-3 * np.abs(by_x).max()


def test_images_are_products_of_their_vectors(renderer):
    """Each column vector with each row vector."""
    x, y = np.array([19.3, 20.6]), np.array([20.1, 18.7, 22.0])
    columns, rows = renderer.vectors(x, y)
    assert (len(columns), len(rows)) == (3, 2)
    image = renderer.render(x[1:], y[2:])[0]
    np.testing.assert_allclose(columns[2] @ rows[1].T, image, atol=1e-15)


def test_shift_conserves_flux(renderer):
    """The sum stays that of the PSF within 1e-4 at every phase."""
    x, y = (grid.ravel() for grid in np.meshgrid(20 + np.linspace(0, 1, 23), 20 + np.linspace(0, 1, 23)))
    np.testing.assert_allclose(renderer.render(x, y).sum(axis=(1, 2)), 1.0, atol=1e-5)


def test_gradients_are_those_of_the_images(renderer):
    """Central differences over 2e-3 px; relative error (2e-3)^2 / 6 plus that of the slope table."""
    x, y, h = np.array([19.3, 21.0]), np.array([20.8, 18.5]), 1e-3
    _, by_x, by_y = renderer.render_with_gradient(x, y)
    expected_x = (renderer.render(x + h, y) - renderer.render(x - h, y)) / (2 * h)
    expected_y = (renderer.render(x, y + h) - renderer.render(x, y - h)) / (2 * h)
    scale = np.abs(expected_x).max()
    assert np.abs(by_x - expected_x).max() < 2e-3 * scale
    assert np.abs(by_y - expected_y).max() < 2e-3 * scale


def test_source_outside_the_cutout_sends_its_wing_in(renderer):
    """A source 3 px beyond the edge, and one so far off that nothing arrives."""
    images = renderer.render(np.array([43.0, 500.0]), np.array([20.25, 20.0]))
    np.testing.assert_allclose(images[0], gaussian(SIZE_PX, 43.0, 20.25), atol=1e-6)
    assert np.all(images[1] == 0)


def test_large_stamp_is_not_needed_whole():
    """Pixels of the PSF farther than any cutout reaches change nothing."""
    wide = PsfRenderer(gaussian(201, 100, 100), SIZE_PX).render(np.array([20.3]), np.array([19.6]))
    np.testing.assert_allclose(wide[0], gaussian(SIZE_PX, 20.3, 19.6), atol=1e-6)


def test_an_image_does_not_depend_on_its_company(renderer):
    """Bit for bit: alone, among others, in another order."""
    rng = np.random.default_rng(2)
    x, y = 20 + rng.uniform(-2, 2, 37), 20 + rng.uniform(-2, 2, 37)
    together = renderer.render(x, y)
    assert np.array_equal(together[::-1], renderer.render(x[::-1], y[::-1]))
    assert np.array_equal(together[5], renderer.render(x[5:6], y[5:6])[0])


def test_lagrange_weights_reproduce_cubics():
    """Third-order polynomials are interpolated exactly."""
    t = np.linspace(0, 1, 11)
    nodes = np.array([-1.0, 0.0, 1.0, 2.0])
    np.testing.assert_allclose(lagrange_weights(t) @ nodes**3, t**3, atol=1e-14)


@pytest.mark.parametrize("shape", [(4, 4), (5, 7)])
def test_wrong_shape_is_refused(shape):
    """An even or oblong stamp has no middle pixel."""
    with pytest.raises(ValueError, match="expected a square of odd side"):
        PsfRenderer(np.ones(shape), 11)


def test_nan_is_refused():
    """A PSF with NaN would spread over every image."""
    psf = gaussian(11, 5, 5)
    psf[0, 0] = np.nan
    with pytest.raises(ValueError, match="not finite"):
        PsfRenderer(psf, 11)


# -- a PSF that changes over the field ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def changing():
    """Gaussians of three widths, and the two changes between them."""
    stamps = np.array([gaussian(51, 25, 25, sigma) for sigma in (1.3, 1.5, 1.8)])
    return stamps, PsfRenderer(np.array([stamps[1], stamps[0] - stamps[1], stamps[2] - stamps[1]]), SIZE_PX)


def test_each_image_has_its_own_psf(changing):
    """As if rendered by a renderer of its own: images and gradients, to 1e-4 of the peak."""
    stamps, renderer = changing
    weights = np.array([[1.0, 0.0, 0.0], [1.0, 1.0, 0.0], [1.0, 0.25, 0.5]])
    own = np.array([stamps[1], stamps[0], 0.25 * stamps[1] + 0.25 * stamps[0] + 0.5 * stamps[2]])
    x, y = np.array([19.3, 20.8, 27.1]), np.array([20.1, 14.7, 20.4])
    found = renderer.render_with_gradient(x, y, renderer.cores(weights))
    for k, stamp in enumerate(own):
        expected = PsfRenderer(stamp, SIZE_PX).render_with_gradient(x[k : k + 1], y[k : k + 1])
        for image, right in zip(found, expected, strict=True):
            assert np.abs(image[k] - right[0]).max() < 1e-4 * stamp.max()
    np.testing.assert_array_equal(renderer.render(x, y, renderer.cores(weights)), found[0])


def test_without_places_the_first_term_is_drawn(changing):
    _, renderer = changing
    x = np.array([20.3])
    cores = renderer.cores(np.array([[1.0, 0.0, 0.0]]))
    np.testing.assert_allclose(renderer.render(x, x), renderer.render(x, x, cores), atol=1e-15)


def test_a_single_term_is_drawn_as_the_psf_itself(renderer):
    """Bit for bit, and without cores."""
    one = PsfRenderer(gaussian(51, 25, 25)[None], SIZE_PX)
    x, y = np.array([19.3, 30.0]), np.array([20.6, 21.0])
    assert one.cores(np.ones((2, 1))) is None
    np.testing.assert_array_equal(one.render(x, y), renderer.render(x, y))
