"""PSFs over a mosaic from their mean and its change: places, errors, width, small stamps."""

import numpy as np
import pytest
from astropy.table import Table
from astropy.wcs import WCS
from clusterphot.base.images import radius_grid
from clusterphot.base.products import Psf
from clusterphot.base.psf_field import PsfField, read_psf_field
from clusterphot.psf.build import PsfResult, write_psf_result
from clusterphot.psf.grid import _Width, exposed_box, varying_psf
from clusterphot.psf.variation import POWERS, Frame, Variation

PIXEL, SIZE = 0.04, 501
SIGMA = 1.5


def gaussian(half, sigma):
    image = np.exp(-0.5 * (radius_grid(half) / sigma) ** 2)
    return image / image.sum()


@pytest.fixture
def wcs():
    wcs = WCS(naxis=2)
    wcs.wcs.crpix, wcs.wcs.crval = [SIZE / 2, SIZE / 2], [0.0, 10.0]
    wcs.wcs.cdelt, wcs.wcs.ctype = [-PIXEL / 3600, PIXEL / 3600], ["RA---TAN", "DEC--TAN"]
    return wcs


def change(evidence, half=10, error=0.0):
    """Width that grows to the north, as one mode."""
    mode = (gaussian(half, 1.1 * SIGMA) - gaussian(half, SIGMA))[None]
    coefficients = np.zeros((len(POWERS), 1))
    coefficients[POWERS.index((0, 1))] = 1.0
    none = np.zeros(len(POWERS))
    frame = Frame(0.0, 10.0, SIZE * PIXEL / 2)
    return Variation(mode, coefficients, error**2 * np.eye(len(POWERS)), none, none, frame, evidence, 0.1, 40)


def mean_psf(half):
    return Psf(gaussian(half, SIGMA), PIXEL, "F356W", sys_error=0.01, fwhm_arcsec=2.3548 * SIGMA * PIXEL)


@pytest.mark.parametrize("half", [25, 7])
def test_the_change_is_at_its_place(wcs, tmp_path, half):
    """North is up: the PSF is broad there; also on a stamp smaller than the images of the modes."""
    psf, grid, effects = varying_psf(mean_psf(half), change(0.9), wcs, (0, SIZE - 1, 0, SIZE - 1))
    assert grid.samples.shape == (49, 8 * half + 1, 8 * half + 1)
    peaks = grid.samples[:, 4 * half, 4 * half].reshape(7, 7)
    assert np.all(np.diff(peaks, axis=0) < 0) and np.allclose(peaks, peaks[:, :1], rtol=1e-3)
    assert psf.data.shape == (2 * half + 1,) * 2 and psf.data.sum() == pytest.approx(1.0)
    assert psf.sys_error == pytest.approx(0.01) and effects.shape == (49, len(POWERS))


def test_one_psf_everywhere_has_the_errors_of_its_places(wcs, tmp_path):
    """Where a change is not probable it is in the errors, largest far from the middle, and read back so."""
    psf, grid, _ = varying_psf(mean_psf(25), change(0.3, error=0.3), wcs, (0, SIZE - 1, 0, SIZE - 1))
    assert np.ptp(grid.samples, axis=0).max() == 0.0
    files = [str(tmp_path / name) for name in ("psf.fits", "psf_grid.fits")]
    write_psf_result(files[0], PsfResult(psf, Table({"id": [1]}), Table({"ee": [1.0]})))
    grid.write(files[1], psf)
    read = read_psf_field(*files)
    assert isinstance(read, PsfField) and len(read.terms) == 1
    corner, middle = read.sys_errors(np.array([0.0, SIZE / 2]), np.array([0.0, SIZE / 2]))
    assert corner > 2 * middle
    assert middle == pytest.approx(psf.sys_error, rel=0.01)


def test_width_of_what_is_broader():
    """A Gaussian 5 % broader is measured so, and loses about as much light in a fit."""
    half = 25
    mean, broader = gaussian(half, SIGMA), gaussian(half, 1.05 * SIGMA)
    width = _Width.of(mean, 2.3548 * SIGMA, PIXEL)
    assert width.change(broader - mean) == pytest.approx(0.05, abs=0.003)
    assert width.change(0.3 * mean) == pytest.approx(0.0, abs=1e-9)
    assert 0.9 < width.flux_slope < 1.35


def test_blank_rims_do_not_count():
    ivar = np.zeros((40, 60))
    ivar[5:31, 20:51] = 1.0
    assert exposed_box(ivar) == (20, 50, 5, 30)
    assert exposed_box(np.zeros((4, 6))) == (0, 5, 0, 3)


def test_one_frame_for_mosaics_of_a_channel():
    """Also across RA 0, in any order."""
    frames = [Frame(359.999, 10.0, 20.0), Frame(0.001, 10.002, 30.0)]
    one, other = Frame.around(frames), Frame.around(frames[::-1])
    assert one == other
    for frame in frames:
        east, north = one.place(frame.ra, frame.dec)
        assert max(abs(east), abs(north)) + frame.half_arcsec <= one.half_arcsec + 1e-6
