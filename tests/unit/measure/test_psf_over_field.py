"""Point sources of noise-free mosaics drizzled from exposures, with a PSF that changes strongly over the field."""

import numpy as np
import pytest
from astropy.table import Table
from clusterphot.base.products import Cutouts, Noise, write_psf
from clusterphot.base.psf_field import read_psf_field
from clusterphot.measure.cutouts import cutout_pixels
from clusterphot.measure.fit import FitOptions, fit_sources
from clusterphot.optics.pupil import pupil
from clusterphot.psf.user_file import load_user_grid, load_user_psf
from clusterphot.simulate import truth as scene
from clusterphot.simulate.drizzled import drizzle_filter, write_true_psfs
from clusterphot.simulate.truth import FieldConfig, draw_scene
from gaussian_cutouts import WHITE

FILTERS = ("F200W", "F277W")
WHOLE = {"gap_arcsec": 0.0, "n_partial": 0, "bad_pixel_share": 0.0, "cosmic_ray_share": 0.0}
CONFIG = FieldConfig(
    size_arcsec=14, filters=FILTERS, reference_filter="F200W", seed=7, noise="none", halo=1e-9, n_members=0,
    n_stars=80, n_bright_stars=0, galaxies_per_arcsec2=0, n_clusters=1, draw_clusters=True,
    exposures={"zero_point_scatter": 0.0, "layout": "i2d", "fwhm_variation": 0.3, **WHOLE},
)  # fmt: skip
FLUX_NJY, SIDE, STEP_ARCSEC = 1000.0, 6, 2.0


@pytest.fixture(scope="module")
def stars():
    """Truth of equal stars over the field, each 2 arcsec from the next."""
    truth = draw_scene(CONFIG, Table({"id": ["a"]} | {f"flux_{filt}": [1.0] for filt in FILTERS}))
    truth = truth[truth["kind"] == "star"][: SIDE**2]
    assert len(truth) == SIDE**2
    knots = (np.arange(SIDE) - (SIDE - 1) / 2) * STEP_ARCSEC
    moved = np.random.default_rng(5).uniform(-0.1, 0.1, size=(2, SIDE**2))
    truth["u"], truth["v"] = np.repeat(knots, SIDE) + moved[0], np.tile(knots, SIDE) + moved[1]
    for filt in FILTERS:
        scale, middle = scene.pixel_scale_arcsec(filt), (scene.size_px(CONFIG, filt) - 1) / 2
        for axis, offset, name in zip("uv", scene.wcs_offset_px(CONFIG, filt), "xy", strict=True):
            truth[f"{name}_{filt}"] = truth[axis] / scale + middle + offset
        truth[f"flux_{filt}"] = FLUX_NJY
    return truth


@pytest.mark.parametrize("filt", FILTERS)
def test_fluxes_with_the_grid_of_a_user(stars, filt, tmp_path):
    """With a grid of true PSFs within 0.5 % rms, phases of dithers included; that of the middle is over 3 % off."""
    image = drizzle_filter(stars, filt, telescope=pupil(CONFIG.optics()))
    given = str(tmp_path / "given.fits")
    write_true_psfs(given, image)
    one, notes = load_user_psf(given, image.pixel_scale_arcsec, filt)
    assert notes == []
    write_psf(tmp_path / "psf.fits", one)
    load_user_grid(given, one, image.sci.shape).write(str(tmp_path / "psf_grid.fits"), one)
    changing = read_psf_field(tmp_path / "psf.fits", tmp_path / "psf_grid.fits")
    bias = {
        name: fitted(image, stars, psf) / FLUX_NJY - 1 for name, psf in (("grid", changing), ("one", one))
    }
    rms = {name: np.sqrt(np.mean(values**2)) for name, values in bias.items()}
    assert rms["grid"] < 5e-3
    assert rms["one"] > 0.03
    assert np.abs(bias["one"]).max() > 0.06


def fitted(image, stars, psf):
    """Fluxes of the stars in cutouts of 0.8 arcsec."""
    filt, size = image.filter_name, cutout_pixels(0.8, image.pixel_scale_arcsec)
    x, y = (np.asarray(stars[f"{axis}_{filt}"]) for axis in "xy")
    x0, y0 = (np.rint(place).astype(int) - size // 2 for place in (x, y))
    data = np.array([image.sci[b : b + size, a : a + size] for a, b in zip(x0, y0, strict=True)], dtype=float)
    ids, ivar = [f"s{k}" for k in range(len(x))], np.ones_like(data)
    cutouts = Cutouts(ids, data, ivar, x0, y0, x, y, [[] for _ in ids], image.pixel_scale_arcsec, filt)
    table = fit_sources(cutouts, psf, Noise(WHITE, 1.0, filt), image.wcs, FitOptions())
    return np.asarray(table[f"flux_{filt}"])
