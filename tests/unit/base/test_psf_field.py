"""A PSF that changes over the field: Gaussians whose width rises from place to place."""

import numpy as np
import pytest
from clusterphot.base.products import Psf, write_psf
from clusterphot.base.psf_field import TOLERANCE, PsfField, psf_over_field, read_psf_field
from clusterphot.psf.grid import OVERSAMPLING, PsfGrid, constant_grid, oversampled
from photutils.psf import GriddedPSFModel
from scipy.special import erf

SCALE, LIGHT = 0.02, 0.96
X, Y = np.array([0.0, 200.0, 300.0]), np.array([50.0, 250.0])
PLACES = np.array([(x, y) for y in Y for x in X])
WIDTHS = np.array([1.2, 1.3, 1.5, 1.25, 1.35, 1.45])


def gaussian(sigma, half=20, samples=1):
    """Gaussian in pixels of the mosaic around each sample, of a source of `LIGHT` inside the stamp."""
    axis = np.arange(-half * samples, half * samples + 1) / samples
    profile = np.diff(erf(np.stack([axis - 0.5, axis + 0.5]) / sigma / np.sqrt(2)), axis=0)[0] / 2
    return LIGHT * np.outer(profile, profile)


STAMPS = np.array([gaussian(width) for width in WIDTHS])
MIDDLE = Psf(gaussian(1.35) / LIGHT, SCALE, "F200W", ee_stamp=LIGHT, sys_error=0.02, phase_error=0.01)


@pytest.fixture(scope="module")
def field():
    return psf_over_field(MIDDLE, STAMPS, PLACES)


def miss(found, expected):
    """Root sum of squares of a difference over that of what is expected."""
    return np.linalg.norm(found - expected) / np.linalg.norm(expected)


def test_psfs_of_the_places_and_between_them(field):
    """At the places as given; between them linear in x and y; beyond them those of the edge."""
    assert isinstance(field, PsfField) and 1 < len(field.terms) < len(STAMPS)
    for stamp, place in zip(STAMPS, PLACES, strict=True):
        psf = field.at(*place)
        assert miss(psf.data * psf.ee_stamp, stamp) < TOLERANCE
    psf = field.at(50.0, 100.0)
    low, high = 0.75 * STAMPS[0] + 0.25 * STAMPS[1], 0.75 * STAMPS[3] + 0.25 * STAMPS[4]
    assert miss(psf.data * psf.ee_stamp, 0.75 * low + 0.25 * high) < TOLERANCE
    assert psf.data.sum() == pytest.approx(1.0)
    assert psf.ee_stamp == pytest.approx(LIGHT, rel=1e-3)
    np.testing.assert_array_equal(
        field.weights([-40.0, 999.0], [-9.0, 999.0]), field.weights([0, 300], [50, 250])
    )


def test_the_rest_is_that_of_the_middle(field):
    """Errors and stamp of psf.fits; a `Psf` is its own field."""
    np.testing.assert_array_equal(field.data, MIDDLE.data)
    assert (field.at(0, 0).sys_error, field.at(0, 0).phase_error, field.at(0, 0).filter_name) == (
        0.02,
        0.01,
        "F200W",
    )
    assert MIDDLE.at(3.0, 4.0) is MIDDLE and MIDDLE.mean([1.0], [2.0]) is MIDDLE
    np.testing.assert_array_equal(MIDDLE.terms[0], MIDDLE.data * LIGHT)
    np.testing.assert_array_equal(MIDDLE.weights(np.zeros(3), np.zeros(3)), np.ones((3, 1)))


def test_mean_over_sources(field):
    """A quarter of the light at one place, the rest at another."""
    psf = field.mean(np.array([0.0, 300.0]), np.array([50.0, 250.0]), np.array([1.0, 3.0]))
    assert miss(psf.data * psf.ee_stamp, 0.25 * STAMPS[0] + 0.75 * STAMPS[5]) < TOLERANCE


def test_one_psf_everywhere_is_that_of_the_middle():
    """Bit for bit, so that a field without variation has the results that it always had."""
    assert psf_over_field(MIDDLE, STAMPS[[0] * 6], PLACES) is MIDDLE


def test_places_in_any_order(field):
    order = [3, 0, 5, 1, 4, 2]
    again = psf_over_field(MIDDLE, STAMPS[order], PLACES[order])
    np.testing.assert_allclose(again.at(120.0, 90.0).data, field.at(120.0, 90.0).data, atol=1e-12)
    with pytest.raises(ValueError, match="5 places of 3 x and 2 y, expected a grid"):
        psf_over_field(MIDDLE, STAMPS[:5], PLACES[:5])


def test_file_is_read_alike_by_photutils(tmp_path):
    """Off the places too: photutils interpolates linearly between the four PSFs around."""
    samples = np.array([gaussian(width, samples=OVERSAMPLING) for width in WIDTHS])
    PsfGrid(samples, PLACES).write(tmp_path / "psf_grid.fits", MIDDLE)
    write_psf(tmp_path / "psf.fits", MIDDLE)
    psf = read_psf_field(tmp_path / "psf.fits", tmp_path / "psf_grid.fits").at(130.0, 170.0)
    model = GriddedPSFModel.read(tmp_path / "psf_grid.fits")
    y, x = np.mgrid[-10.0:11.0, -10.0:11.0]
    seen = model.evaluate(x + 130.0, y + 170.0, 1.0, 130.0, 170.0)
    np.testing.assert_allclose((psf.data * psf.ee_stamp)[10:-10, 10:-10], seen, atol=TOLERANCE * seen.max())


def test_constant_grid(tmp_path):
    """One PSF at the corners: read back it is psf.fits itself, and its finer samples are those of the Gaussian."""
    write_psf(tmp_path / "psf.fits", MIDDLE)
    constant_grid(MIDDLE, (300, 400)).write(tmp_path / "psf_grid.fits", MIDDLE)
    psf = read_psf_field(tmp_path / "psf.fits", tmp_path / "psf_grid.fits")
    assert type(psf) is Psf
    np.testing.assert_array_equal(psf.data, MIDDLE.data)
    assert GriddedPSFModel.read(tmp_path / "psf_grid.fits").grid_xypos.max(axis=0).tolist() == [399, 299]
    np.testing.assert_allclose(oversampled(gaussian(1.4)), gaussian(1.4, samples=4), atol=1e-5 * LIGHT)
