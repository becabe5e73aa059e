"""The Tractor itself, where it is installed: its pitfalls, and agreement with our own engine.

Sources are Gaussians integrated over pixels, as in `test_photometry`.
"""

from dataclasses import replace

import numpy as np
import pytest
from clusterphot.base.flags import Flag
from clusterphot.base.psf_field import psf_over_field
from clusterphot.measure.engines import install
from clusterphot.measure.fit import FitOptions
from clusterphot.measure.linear import SkyTerms
from gaussian_cutouts import PITCH_PX, SIGMA_PX, SIZE_PX, Field, gaussian, make_psf, measure, targets

PROBLEM = install.find_problem()
pytestmark = pytest.mark.skipif(
    PROBLEM is not None, reason=f"The Tractor cannot be used: {(PROBLEM or [None])[0]}"
)

PAPER = FitOptions().with_preset("paper")
SKIES = ["constant", "plane", "quadratic"]


def noisy(field, seed, filt="F200W", **kwargs):
    """Cutouts with unit white noise."""
    return field.cutouts(
        filt, noise=np.random.default_rng(seed).normal(size=(field.n, SIZE_PX, SIZE_PX)), **kwargs
    )


def column(table, name, filt="F200W"):
    """Values of the targets."""
    return np.asarray(targets(table)[f"{name}_{filt}"], dtype=float)


def assert_alike(ours, theirs, filt="F200W"):
    """Fluxes within 0.001 sigma, positions within 0.003 px, the same flags and columns."""
    assert ours.colnames == theirs.colnames
    err = column(ours, "flux_err", filt)
    difference = np.abs(column(theirs, "flux", filt) - column(ours, "flux", filt)) / err
    assert np.all(difference < 1e-3), difference
    for axis in "xy":
        np.testing.assert_allclose(column(theirs, axis, filt), column(ours, axis, filt), atol=3e-3)
    np.testing.assert_array_equal(column(theirs, "flags", filt), column(ours, "flags", filt))
    for name in ("flux_err", "flux_err_conditional", "flux_err_marginal"):
        np.testing.assert_allclose(column(theirs, name, filt), column(ours, name, filt), rtol=1e-3)
    np.testing.assert_allclose(column(theirs, "chi2", filt), column(ours, "chi2", filt), rtol=1e-4)
    np.testing.assert_allclose(column(theirs, "sky", filt), column(ours, "sky", filt), atol=1e-3)


# ---- agreement -----------------------------------------------------------------------------------------------


def test_the_paper_s_fit():
    """Constant sky, one source, free within 2 px, 20 sigma: two programs, one optimum."""
    field = Field(40, 120.0, seed=21)
    field.sky[:, 1:] = 0
    cutouts = noisy(field, 22)
    assert_alike(measure(cutouts, options=PAPER), measure(cutouts, options=PAPER, engine="tractor"))


def test_a_psf_that_changes_over_the_field():
    """Each source with the PSF of its place, by both programs."""
    widths = np.linspace(1.3, 1.9, 12)
    stamps = np.array([gaussian(61, 30, 30, width) for width in widths] * 2)
    x = SIZE_PX // 2 + PITCH_PX * np.arange(len(widths))
    psf = psf_over_field(make_psf(), stamps, [(place, y) for y in (0, SIZE_PX) for place in x])
    cutouts = noisy(Field(12, 120.0, companion=(9.0, 0.7), seed=21), 22, widths=widths)
    ours, theirs = (measure(cutouts, psf=psf, engine=engine) for engine in ("psf", "tractor"))
    assert_alike(ours, theirs)
    with_one = measure(cutouts, options=FitOptions(adaptive_window=False))
    assert np.abs(column(with_one, "flux") / column(ours, "flux") - 1).max() > 0.1


@pytest.mark.parametrize("position", ["tied", "free"])
@pytest.mark.parametrize("sky", SKIES)
def test_every_sky_and_position_with_neighbours(sky, position):
    """The default's joint fit, its prior on the positions, and both filters."""
    field = Field(12, 300.0, seed=23, companion=(8.0, 0.7))
    options = FitOptions(sky=sky, position=position)
    if sky == "constant":
        field.sky[:, 1:] = 0
    if sky == "plane":
        field.sky[:, 3:] = 0
    first, second = noisy(field, 24), noisy(field, 25, "F090W")
    reference = measure(first, options=options)
    assert_alike(reference, measure(first, options=options, engine="tractor"))
    tables = [
        measure(second, options=options, reference=reference, engine=name) for name in ("psf", "tractor")
    ]
    assert_alike(*tables, "F090W")


def test_tied_positions_stay():
    """To the last bit, however far from the source they are."""
    field = Field(6, 300.0, seed=26)
    reference = measure(noisy(field, 27))
    cutouts = noisy(field, 28, "F090W", offset=(1.5, 0.0))
    tables = [measure(cutouts, reference=reference, engine=name) for name in ("psf", "tractor")]
    for axis in "xy":
        np.testing.assert_array_equal(*(column(table, axis, "F090W") for table in tables))


def test_results_do_not_depend_on_company():
    """Bit for bit, alone and with others."""
    field = Field(5, 100.0, seed=29)
    cutouts = noisy(field, 30)
    together = measure(cutouts, options=PAPER, engine="tractor")
    one = replace(
        cutouts, ids=["s3"], neighbours=[[]],
        **{name: getattr(cutouts, name)[3:4] for name in ("data", "ivar", "x0", "y0", "x", "y")},
    )  # fmt: skip
    alone = measure(one, options=PAPER, engine="tractor")
    for name in ("flux", "x", "y", "sky", "flux_err_conditional", "chi2"):
        assert column(alone, name)[0] == column(together, name)[3]


# ---- known behaviour -----------------------------------------------------------------------------------------


def at_bound_field():
    """Sources of 100 sigma whose list is wrong by 3.5 px along x."""
    field = Field(6, 600.0, seed=31, list_error_px=0.0)
    field.sky[:, 1:] = 0
    field.listed = field.true - [3.5, 0.0]
    return field


def test_flux_and_sky_on_a_bound_are_those_of_the_linear_solution_there():
    """The optimiser alone stops where it touches; frozen there, flux and sky are exact and y is free."""
    field = at_bound_field()
    cutouts = noisy(field, 32)
    options = replace(PAPER, max_shift_px=1.0)
    table = measure(cutouts, options=options, engine="tractor")
    x, y = column(table, "x") - cutouts.x0, column(table, "y")
    shift = x - field.listed[:, 0]
    assert np.all((np.asarray(targets(table)["flags_F200W"]) & Flag.AT_BOUND) > 0)
    terms = SkyTerms("constant", SIZE_PX).images
    for k in range(field.n):
        image = gaussian(SIZE_PX, x[k], y[k], SIGMA_PX["F200W"]).ravel()
        columns = np.stack([image, terms[0]], axis=1)
        flux, sky = np.linalg.lstsq(columns, cutouts.data[k].ravel(), rcond=None)[0]
        err = column(table, "flux_err")[k]
        assert abs(column(table, "flux")[k] - flux) < 0.02 * err  # the PSF is tabulated: 1e-4 of 600 nJy
        assert column(table, "sky")[k] == pytest.approx(sky, abs=2e-3)
    assert np.all(shift > 0.9)
    ours = measure(cutouts, options=options)
    np.testing.assert_allclose(column(table, "y"), column(ours, "y"), atol=5e-3)
    assert np.all(column(table, "chi2") <= column(ours, "chi2") + 1e-3)


def test_the_optimiser_alone_does_stop_at_the_bound():
    """What is handled is still there: when this fails, The Tractor has mended it."""
    from clusterphot.measure.engines.bounded import ALPHAS, BoundedPosition
    from clusterphot.measure.engines.tractor_model import TractorScene
    from clusterphot.measure.rendering import PsfRenderer

    field = at_bound_field()
    cutouts = noisy(field, 32)
    scene = TractorScene(
        cutouts.data[0], cutouts.ivar[0], PsfRenderer(make_psf().data, SIZE_PX),
        np.ones((1, SIZE_PX, SIZE_PX)), positions=field.listed[:1], fluxes=[10.0], sky=[0.0],
    )  # fmt: skip
    BoundedPosition(scene.sources[0].pos, field.listed[0] - 1, field.listed[0] + 1)
    scene.tractor.optimize_loop(alphas=list(ALPHAS), shared_params=False)
    alone = scene.tractor.getLogProb()
    scene.fix_positions()
    scene.tractor.optimize_loop(alphas=list(ALPHAS), shared_params=False)
    assert scene.tractor.getLogProb() > alone + 1.0
    copied = scene.sources[0].copy()
    assert copied.pos.getLowerBounds() == [None, None]  # copies lose their bounds
    with pytest.raises(ValueError, match="too many values to unpack"):
        scene.tractor.optimize_loop(variance=True)


def test_bad_pixels_and_no_flux():
    """NaN with no weight, a cutout without a source, one that begins at exactly zero, one without pixels."""
    field = Field(4, [300.0, 0.0, 300.0, 300.0], seed=33)
    field.sky[:, 1:] = 0
    cutouts = noisy(field, 34)
    cutouts.data[0, 3:6, 4] = np.nan
    cutouts.ivar[0, 3:6, 4] = 0.0
    cutouts.data[2] = 0.0
    cutouts.ivar[3] = 0.0
    ours, theirs = (measure(cutouts, options=PAPER, engine=name) for name in ("psf", "tractor"))
    assert column(theirs, "flux")[0] == pytest.approx(column(ours, "flux")[0], abs=0.01)
    assert np.all(np.isfinite(column(theirs, "flux")[:3]))
    assert abs(column(theirs, "flux")[2]) < 0.05
    assert np.isnan(column(theirs, "flux")[3])
    assert np.asarray(targets(theirs)["flags_F200W"])[3] & Flag.NO_DATA


@pytest.mark.parametrize("phase", [(0.0, 0.0), (0.5, 0.0), (0.5, 0.5), (0.25, 0.4)])
def test_no_flux_is_lost_at_half_pixels(phase):
    """Without noise to 1e-4 at every phase, a PSF of 2.8 px; its own kernel is off by up to 0.8 %."""
    field = Field(1, 1000.0, list_error_px=0.0)
    field.sky[:] = 0
    field.true = field.listed = np.array([[20.0, 20.0]]) + phase
    table = targets(measure(field.cutouts("F090W", sigma=0.01), options=PAPER, engine="tractor"))
    assert table["flux_F090W"][0] == pytest.approx(1000.0, rel=1e-4)


def test_its_own_kernel_does_lose_flux():
    """By more than 0.2 % at half-pixel phases for the same PSF: what the shift of our own replaces."""
    from tractor.patch import ModelMask
    from tractor.psf import PixelizedPSF

    model = PixelizedPSF(make_psf("F090W").data)
    mask = ModelMask(0, 0, SIZE_PX, SIZE_PX)
    shifted = model.getPointSourcePatch(20.5, 20.5, modelMask=mask).patch
    truth = gaussian(SIZE_PX, 20.5, 20.5, SIGMA_PX["F090W"])
    assert abs((shifted * truth).sum() / (shifted * shifted).sum() - 1) > 2e-3


def test_more_than_one_step_to_a_far_source():
    """Steps of at most 1 px: a source 4 px from the list is reached inside a box of 5."""
    field = Field(5, 600.0, seed=35, list_error_px=0.0)
    field.sky[:, 1:] = 0
    field.listed = field.true + [3.0, -3.0]
    options = replace(PAPER, max_shift_px=5.0)
    table = measure(noisy(field, 36), options=options, engine="tractor")
    np.testing.assert_allclose(column(table, "x") - PITCH_PX * np.arange(5), field.true[:, 0], atol=0.1)


def test_conditional_error_is_its_own():
    """One over the root of the sum of weight times PSF squared, and the marginal one beside it."""
    table = targets(measure(noisy(Field(3, 500.0), 37), options=PAPER, engine="tractor"))
    expected = np.sqrt(4 * np.pi) * np.hypot(SIGMA_PX["F200W"], np.sqrt(1 / 12))
    np.testing.assert_allclose(table["flux_err_conditional_F200W"], expected, rtol=5e-3)
    np.testing.assert_array_equal(table["flux_err_F200W"], table["flux_err_conditional_F200W"])
    assert np.all(table["flux_err_marginal_F200W"] > table["flux_err_conditional_F200W"])


def test_a_position_is_drawn_once(monkeypatch):
    """The Tractor asks for the image of a held source again and again; only the first time costs."""
    from clusterphot.measure.engines import tractor_model

    drawn = []
    real = tractor_model.PixelPsf._render
    monkeypatch.setattr(
        tractor_model.PixelPsf, "_render", lambda self, *args: drawn.append(args) or real(self, *args)
    )
    field = Field(3, 300.0, seed=38)
    reference = measure(noisy(field, 39), options=PAPER)
    options = replace(PAPER, position="tied")
    measure(noisy(field, 40, "F090W"), options=options, reference=reference, engine="tractor")
    assert len(drawn) == len(set(drawn)) == 3
