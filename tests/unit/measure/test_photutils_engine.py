"""photutils' fits beside our own: the same model, box and priors lead to the same fluxes and positions."""

from dataclasses import replace

import numpy as np
import pytest
from clusterphot.base.flags import Flag
from clusterphot.base.products import write_psf
from clusterphot.base.psf_field import psf_over_field, read_psf_field, write_psf_grid
from clusterphot.measure.engines.photutils_engine import _model_of
from clusterphot.measure.fit import FitOptions
from clusterphot.psf.grid import OVERSAMPLING, oversampled
from gaussian_cutouts import PITCH_PX, SCALE_ARCSEC, SIZE_PX, Field, gaussian, make_psf, measure, targets

PAPER = FitOptions().with_preset("paper")
AGREE_SIGMA, AGREE_PX = 5e-3, 3e-3
"""Splines against Fourier shifts of the PSF, and searches that end a thousandth of a pixel from the optimum."""


def noisy(n, seed=3, **kwargs):
    """Sources of 100 sigma per pixel in white noise, the fields drawn anew for each seed; cutouts too."""
    field = Field(n, 100.0, seed=seed, **kwargs)
    noise = np.random.default_rng(seed).normal(size=(n, SIZE_PX, SIZE_PX))
    return field, noise


def both(cutouts, **kwargs):
    """Targets by our engine and by photutils."""
    return [targets(measure(cutouts, engine=engine, **kwargs)) for engine in ("psf", "photutils")]


def check_alike(ours, theirs, filt="F200W"):
    """Fluxes to thousandths of their errors, positions to as many pixels; flags and columns the same."""
    assert theirs.colnames == ours.colnames
    difference = (theirs[f"flux_{filt}"] - ours[f"flux_{filt}"]) / ours[f"flux_err_{filt}"]
    assert np.abs(difference).max() < AGREE_SIGMA
    for name in ("x", "y"):
        np.testing.assert_allclose(theirs[f"{name}_{filt}"], ours[f"{name}_{filt}"], atol=AGREE_PX)
    np.testing.assert_array_equal(theirs[f"flags_{filt}"], ours[f"flags_{filt}"])
    np.testing.assert_allclose(theirs[f"chi2_{filt}"], ours[f"chi2_{filt}"], rtol=1e-3)
    np.testing.assert_allclose(theirs[f"flux_err_{filt}"], ours[f"flux_err_{filt}"], rtol=1e-3)


@pytest.mark.parametrize("options", [FitOptions(), PAPER], ids=["default", "paper"])
@pytest.mark.parametrize("companion", [None, (4.0, 0.7)], ids=["alone", "pair"])
def test_free_positions(options, companion):
    """With the prior of the list and without; a companion is fitted as one group with the source."""
    field, noise = noisy(3, companion=companion)
    check_alike(*both(field.cutouts(noise=noise), options=options))


def test_tied_positions_of_a_group():
    field, noise = noisy(3, companion=(4.0, 0.7))
    reference = measure(field.cutouts(noise=noise))
    check_alike(*both(field.cutouts(noise=noise[::-1]), reference=reference))


def test_each_filter_has_its_own_psf():
    """photutils 3.0 keeps the PSF of the first group by the name of its class; a second filter would get it."""
    field, noise = noisy(2, companion=(4.0, 0.7))
    for filt in ("F200W", "F090W"):
        check_alike(*both(field.cutouts(filt, noise=noise), options=FitOptions(position="free")), filt)


def test_companion_outside_is_held():
    """One that the cutout does not show well stays at its listed position, and its light is accounted for."""
    field, noise = noisy(2, companion=(19.5, 3.0))
    check_alike(*both(field.cutouts(noise=noise)))


def test_bad_pixels_and_a_source_without_any_good_one():
    field, noise = noisy(3)
    cutouts = field.cutouts(noise=noise)
    cutouts.ivar[0, :, 23:] = 0.0
    cutouts.data[0, :, 23:] = np.nan
    cutouts.ivar[1] = 0.0
    ours, theirs = both(cutouts)
    assert theirs["flags_F200W"][1] & int(Flag.NO_DATA)
    assert np.isnan(theirs["flux_F200W"][1])
    check_alike(ours[[0, 2]], theirs[[0, 2]])


def test_bound_is_told():
    """A source that the list has three pixels off: neither engine leaves the box of 2 px."""
    field, noise = noisy(2)
    cutouts = field.cutouts(noise=noise)
    cutouts = replace(cutouts, x=cutouts.x + 3.5)
    ours, theirs = both(cutouts, options=replace(PAPER, max_shift_px=1.0))
    for table in (ours, theirs):
        assert np.all(table["flags_F200W"] & int(Flag.AT_BOUND))
    np.testing.assert_allclose(theirs["x_F200W"], ours["x_F200W"], atol=0.01)


@pytest.fixture
def wide_psf(tmp_path):
    """PSF that grows from 1.4 px at the left of the mosaic to 2 px at its right, and the files that hold it."""
    edges = np.array([(x, y) for y in (0.0, 40.0) for x in (0.0, 2.0 * PITCH_PX)])
    stamps = np.array([gaussian(61, 30, 30, 2.0 if x > 0 else 1.4) for x, _ in edges])
    psf = make_psf(ee_stamp=1.0)
    write_psf(tmp_path / "psf.fits", psf)
    samples = np.array([oversampled(stamp) for stamp in stamps])
    write_psf_grid(
        tmp_path / "psf_grid.fits",
        samples,
        edges,
        oversampling=OVERSAMPLING,
        pixel_scale_arcsec=SCALE_ARCSEC,
        filter_name="F200W",
    )
    return psf_over_field(psf, stamps, edges), (tmp_path / "psf.fits", tmp_path / "psf_grid.fits")


def test_psf_over_the_field_by_its_file(wide_psf):
    """The grid is read by photutils itself; each source has the PSF of its place on the mosaic."""
    _, files = wide_psf
    psf = read_psf_field(*files)
    assert psf.grid_path == str(files[1])
    field, noise = noisy(3, companion=(4.0, 0.7))
    widths = [1.4, 1.7, 2.0]
    cutouts = field.cutouts(noise=noise, widths=widths)
    ours, theirs = both(cutouts, psf=psf)
    check_alike(ours, theirs)
    pulls = (theirs["flux_F200W"] - 100.0) / theirs["flux_err_F200W"]
    assert np.abs(pulls).max() < 4.0


def test_psf_over_the_field_in_memory_is_that_of_the_file(wide_psf):
    """To the float32 of the file."""
    psf, files = wide_psf
    y, x = (grid.ravel().astype(float) for grid in np.mgrid[:41, :41])
    corner = np.array([1200.0, 0.0])
    images = [_model_of(one, corner).evaluate(x, y, 1.0, 20.3, 19.8) for one in (psf, read_psf_field(*files))]
    np.testing.assert_allclose(images[0], images[1], atol=1e-6 * images[0].max())
    assert images[0].sum() == pytest.approx(1.0, abs=1e-4)
