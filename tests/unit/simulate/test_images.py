"""Simulated fields: truth, light, noise and files."""

import dataclasses
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import simulate_field
import simulate_pupil
import simulate_sources
from astropy.io import fits
from astropy.table import Table
from clusterphot.base.products import read_psf
from clusterphot.optics.bands import pivot_angstrom
from clusterphot.optics.psf import oversampled_psf
from clusterphot.simulate import images, light, rendering
from clusterphot.simulate import truth as scene
from clusterphot.simulate.truth import FieldConfig, draw_scene
from clusterphot.ssp.grid import read_embedded_grid, write_grid

REPO = Path(__file__).parents[3]
SMALL = FieldConfig(
    size_arcsec=12, filters=("F150W", "F277W"), reference_filter="F150W", seed=7,
    n_members=2, n_stars=6, n_bright_stars=1, n_clusters=12, draw_clusters=True,
)  # fmt: skip
EMPTY = dataclasses.replace(
    SMALL, n_members=0, n_stars=0, n_bright_stars=0, galaxies_per_arcsec2=0, halo=1e-12
)


@pytest.fixture(scope="module")
def table():
    """Four star clusters with positions: two inside a small field, one outside, one negative flux."""
    return Table(
        {
            "id": ["a", "b", "c", "d"],
            "ra": [110.82690, 110.82800, 110.90000, 110.82500],
            "dec": [-73.45400, -73.45500, -73.45000, -73.45520],
            "flux_F150W": [40.0, 20.0, 10.0, 5.0],
            "flux_F277W": [30.0, 15.0, 8.0, -1.0],
            "true_age_gyr": [1.0, 2.0, 3.0, 4.0],
        }
    )


@pytest.fixture(scope="module")
def truth(table):
    return draw_scene(SMALL, table)


def of_kind(truth, kind):
    return truth[truth["kind"] == kind]


# ---- truth -------------------------------------------------------------------------------------------------


def test_scene_is_reproducible_and_filters_are_independent(table, truth):
    again = draw_scene(SMALL, table)
    alone = draw_scene(dataclasses.replace(SMALL, filters=("F277W",)), table)
    other = draw_scene(dataclasses.replace(SMALL, seed=8), table)
    for name in truth.colnames:
        np.testing.assert_array_equal(truth[name], again[name])
    for name in ("flux_F277W", "x_F277W", "ra", "ra_listed", "sb_F277W"):
        np.testing.assert_array_equal(truth[name], alone[name])
    assert not np.array_equal(truth["ra"][:12], other["ra"][:12])


def test_number_of_objects(truth):
    counts = {kind: len(of_kind(truth, kind)) for kind in ("cluster", "bcg", "icl", "member")}
    assert counts == {"cluster": 12, "bcg": 1, "icl": 1, "member": 2}
    mag = 31.4 - 2.5 * np.log10(of_kind(truth, "star")["flux_F150W"])
    assert 6 <= len(mag) <= 10
    assert len(set(truth["id"])) == len(truth)


def test_given_rows_keep_positions_fluxes_and_truth(table):
    config = dataclasses.replace(SMALL, draw_clusters=False, n_clusters=0, ebv=0.18)
    truth = of_kind(draw_scene(config, table), "cluster")
    assert list(truth["id"]) == ["a", "b", "c", "d"]
    np.testing.assert_allclose(truth["flux0_F150W"], table["flux_F150W"])
    np.testing.assert_allclose(truth["flux0_F277W"], [30, 15, 8, 0])  # a negative flux is none
    np.testing.assert_array_equal(truth["true_age_gyr"], table["true_age_gyr"])
    inside = [0, 1, 3]
    np.testing.assert_allclose(truth["ra_listed"][inside], table["ra"][inside], atol=1e-7)
    np.testing.assert_allclose(truth["dec_listed"][inside], table["dec"][inside], atol=1e-7)
    assert np.all(np.abs(truth["dec"] - truth["dec_listed"])[inside] <= 0.51e-5)
    assert np.all(np.abs(truth["ra"] - truth["ra_listed"])[inside] <= 0.51e-5)
    assert abs(truth["u"][2]) < 6 and abs(truth["v"][2]) < 6  # the one outside was brought in


def test_part_of_a_table_takes_rows_inside_first(table):
    config = dataclasses.replace(SMALL, draw_clusters=False, n_clusters=3)
    assert list(of_kind(draw_scene(config, table), "cluster")["id"]) == ["a", "b", "d"]


def test_extinction_follows_fitzpatrick():
    """Published for this field at E(B-V) = 0.18: 0.25 mag in F090W and 0.07 in F200W (Faisst et al. 2022)."""
    assert light.milky_way_extinction("F090W", 0.18) == pytest.approx(0.251, abs=0.003)
    assert light.milky_way_extinction("F200W", 0.18) == pytest.approx(0.070, abs=0.002)
    assert light.milky_way_extinction("F444W", 0.0) == 0


def test_fluxes_are_reddened(truth):
    ratio = np.asarray(truth["flux_F150W"] / truth["flux0_F150W"])
    np.testing.assert_allclose(ratio, 10 ** (-0.4 * truth.meta["extinction_mag"]["F150W"]))


def test_missing_filter_is_interpolated(table):
    flux = light.cluster_fluxes(table, "F200W")
    wave = np.log([pivot_angstrom(name) for name in ("F150W", "F200W", "F277W")])
    share = (wave[1] - wave[0]) / (wave[2] - wave[0])
    assert flux[0] == pytest.approx(40 - 10 * share)
    with pytest.raises(ValueError, match="flux_<FILTER>"):
        light.cluster_fluxes(Table({"id": ["a"]}), "F200W")


def test_pixel_positions_follow_the_wcs_and_its_offset(truth):
    for filt in SMALL.filters:
        dx, dy = truth.meta["wcs_offset_px"][filt]
        x, y = scene.field_wcs(SMALL, filt).all_world2pix(
            np.asarray(truth["ra"]), np.asarray(truth["dec"]), 0
        )
        np.testing.assert_allclose(truth[f"x_{filt}"], x + dx, atol=1e-6)
        np.testing.assert_allclose(truth[f"y_{filt}"], y + dy, atol=1e-6)
    assert truth.meta["wcs_offset_px"]["F150W"] == [0, 0]
    assert 0.1 <= np.hypot(*truth.meta["wcs_offset_px"]["F277W"]) <= 0.4


def test_long_pixels_are_two_by_two_short_ones():
    short, long = scene.field_wcs(SMALL, "F150W"), scene.field_wcs(SMALL, "F277W")
    corner = short.wcs_pix2world([[-0.5, -0.5]], 0)
    np.testing.assert_allclose(long.wcs_world2pix(corner, 0), [[-0.5, -0.5]], atol=1e-6)
    assert scene.size_px(SMALL, "F150W") == 2 * scene.size_px(SMALL, "F277W") == 600


def test_clearance_of_star_clusters(truth):
    clusters = of_kind(truth, "cluster")
    rest = truth[np.isin(truth["kind"], ("star", "galaxy"))]
    separation = np.hypot(rest["u"][:, None] - clusters["u"], rest["v"][:, None] - clusters["v"])
    assert separation.min() >= 0.6
    assert clusters["sb_F150W"].max() < 1.3 * scene.MAX_SURFACE_BRIGHTNESS


def test_halo_scales_the_central_light(table, truth):
    bright = draw_scene(dataclasses.replace(SMALL, halo=1.5), table)
    for kind in ("bcg", "icl"):
        ratio = of_kind(bright, kind)["flux_F150W"][0] / of_kind(truth, kind)["flux_F150W"][0]
        assert ratio == pytest.approx(1.5)


def test_ssp_twins_find_their_model():
    """A cluster made of one model of the grid is given back, with its mass."""
    rng = np.random.default_rng(1)
    grid = {name: rng.uniform(1e-6, 2e-6, (3, 2)) for name in ("F090W", "F150W", "F277W")}
    clusters = Table({f"flux_{name}": [3e6 * values[2, 1], -1.0] for name, values in grid.items()})
    twins = light.ssp_twins(clusters, grid, [1.0, 2.0, 3.0], [0.2, 1.0])
    assert twins["true_age_gyr"][0] == 3.0
    assert twins["true_metallicity_zsun"][0] == 1.0
    assert twins["true_log_mass"][0] == pytest.approx(np.log10(3e6))
    np.testing.assert_allclose(twins["flux_F150W"][0], clusters["flux_F150W"][0])
    assert twins["flux_F150W"][1] == 0 and np.isnan(twins["true_log_mass"][1])


def test_unknown_noise_is_refused():
    with pytest.raises(ValueError, match="noise = 'pink'"):
        FieldConfig(noise="pink")


# ---- light -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("filt", ["F150W", "F277W"])
def test_point_source_is_the_shifted_psf(table, filt):
    """Gridding against a Fourier shift of the PSF: below 1e-6 of the peak, the precision of float32."""
    config = dataclasses.replace(EMPTY, n_clusters=1)
    one = of_kind(draw_scene(config, table), "cluster")
    one[f"x_{filt}"], one[f"y_{filt}"], one[f"flux_{filt}"] = 101.37, 98.81, 1.0
    psf = oversampled_psf(filt, config.optics())
    image = images.render(one, filt, psf, config)
    expected = psf.on_pixels(121, dx=0.37, dy=-0.19)
    np.testing.assert_allclose(image[39:160, 41:162], expected, atol=1e-6 * expected.max())


def test_extended_light_keeps_the_flux(table):
    """A member galaxy of half-light radius 0.3" in a 12" field: all but the far wings is there."""
    scene_table = draw_scene(dataclasses.replace(EMPTY, n_members=1), table)
    galaxy = of_kind(scene_table, "member")
    galaxy["r_e_arcsec"], galaxy["sersic_n"], galaxy["flux_F150W"] = 0.3, 1.0, 100.0
    inner = 2 * (600 + 100)

    def drawn():
        rows = rendering.galaxy_rows(galaxy, "F150W", [2 * (300.2 + 50)], [2 * (299.9 + 50)])
        return rendering.extended_light(rows, 0.01, inner)

    large = drawn()
    assert large.sum() == pytest.approx(100.0, rel=2e-3)
    galaxy["kind"] = "galaxy"
    direct = drawn()
    # the two ways of drawing agree, also in the core
    assert np.abs(large - direct).max() < 3e-3 * direct.max()


def test_blur_varies_over_the_field(table):
    config = dataclasses.replace(EMPTY, n_clusters=2, psf_blur_px=1.5, filters=("F150W",))
    pair = of_kind(draw_scene(config, table), "cluster")
    angle = scene.stream(config.seed, "blur").uniform(0, 2 * np.pi)
    pair["u"], pair["v"] = 5 * np.cos(angle) * np.array([-1, 1]), 5 * np.sin(angle) * np.array([-1, 1])
    pair["x_F150W"], pair["y_F150W"] = [150.0, 450.0], [300.0, 300.0]
    pair["flux_F150W"] = 1.0
    psf = oversampled_psf("F150W", config.optics())
    image = images.render(pair, "F150W", psf, config)
    assert image[300, 450] < 0.75 * image[300, 150]
    sharp = psf.on_pixels().max()
    assert image[300, 150] < sharp
    assert image[270:331, 120:181].sum() == pytest.approx(image[270:331, 420:481].sum(), rel=0.01)


# ---- noise -------------------------------------------------------------------------------------------------


def test_white_noise_is_what_the_weight_says(table):
    image = images.simulate_filter(draw_scene(dataclasses.replace(SMALL, noise="white"), table), "F150W")
    good = image.wht > 0
    pull = ((image.sci - image.model) * np.sqrt(image.wht))[good]
    # 360,000 pixels: the width is known to 0.12 %
    assert pull.std() == pytest.approx(1, abs=0.006)
    assert abs(pull.mean()) < 0.01


@pytest.mark.parametrize("filt", ["F150W", "F277W"])
def test_drizzled_noise_is_underestimated_by_independent_pixels(table, filt):
    """Single pixels scatter as stated, point-source fluxes 1.4-1.7 times as much as without correlation."""
    config = dataclasses.replace(
        EMPTY, noise="drizzle", n_clusters=1, filters=("F150W", "F277W"), size_arcsec=20
    )
    image = images.simulate_filter(draw_scene(config, table), filt)
    noise = np.where(image.wht > 0, image.sci - image.model, 0.0) * np.sqrt(np.median(image.wht))
    assert noise.std() == pytest.approx(1, abs=0.04)
    psf = image.psf.data
    spectrum = np.fft.rfft2(noise) * np.fft.rfft2(psf, noise.shape)
    fluxes = np.fft.irfft2(spectrum, noise.shape) / np.sqrt((psf**2).sum())
    assert 1.4 < fluxes.std() < 1.7
    blocks = len(noise) // 20
    cropped = noise[: 20 * blocks, : 20 * blocks]
    sums = cropped.reshape(blocks, 20, blocks, 20).sum((1, 3)) / 20
    kernel = images.noise_kernel(config, filt)
    assert sums.std() == pytest.approx((kernel**2).sum() ** -0.5, rel=0.12)  # 625 or 2,500 blocks, edges


def test_measured_correlation_is_put_in(table):
    """A rhombic autocorrelation, as no product of boxes is, comes out of the pixels again."""
    lag = np.arange(-3, 4)
    wanted = np.clip(1 - np.add.outer(np.abs(lag), np.abs(lag)) / 3, 0, None) ** 2
    config = dataclasses.replace(EMPTY, n_clusters=1, filters=("F150W",), bad_pixel_fraction=0)
    image = images.simulate_filter(draw_scene(config, table), "F150W", correlation=wanted)
    noise = (image.sci - image.model)[20:-20, 20:-20]
    for dy, dx in ((0, 1), (1, 0), (1, 1), (0, 2), (2, 1)):
        product = (noise[dy:, dx:] * noise[: len(noise) - dy, : len(noise) - dx]).mean() / noise.var()
        assert product == pytest.approx(wanted[3 + dy, 3 + dx], abs=0.02)


@pytest.mark.parametrize("shape", [(4, 4), (3, 5), (65, 65)])
def test_correlations_of_other_shapes_are_refused(shape):
    with pytest.raises(ValueError, match="odd sides up to 64, largest in the middle"):
        images.noise_kernel(FieldConfig(), "F150W", np.ones(shape))


def test_depth_is_that_of_smacs0723():
    psf = oversampled_psf("F200W")
    sigma = images.white_sigma(psf, FieldConfig()) / np.sqrt((psf.on_pixels() ** 2).sum())
    assert 31.4 - 2.5 * np.log10(5 * sigma) == pytest.approx(29.77, abs=0.02)


def test_photon_noise_and_gain(table):
    config = dataclasses.replace(SMALL, source_poisson=True, noise="drizzle")
    bright = draw_scene(config, table)
    bright["flux_F150W"][bright["kind"] == "icl"] *= 100
    image = images.simulate_filter(bright, "F150W")
    good = (image.wht > 0) & (image.model > 5)
    variance = 1 / image.wht[good] + image.model[good] / image.gain_e_per_njy
    pull = (image.sci - image.model)[good] / np.sqrt(variance)
    assert pull.std() == pytest.approx(1, abs=0.05)
    assert ((image.sci - image.model)[good] * np.sqrt(image.wht[good])).std() > 1.3


def test_bad_and_saturated_pixels(table):
    config = dataclasses.replace(SMALL, bad_pixel_fraction=1e-3, filters=("F150W",))
    truth = draw_scene(config, table)
    star = np.flatnonzero(truth["kind"] == "star")[0]
    truth["flux_F150W"][star] = 2e5
    image = images.simulate_filter(truth, "F150W")
    y, x = round(truth["y_F150W"][star]), round(truth["x_F150W"][star])
    assert np.all(image.wht[y - 1 : y + 2, x - 1 : x + 2] == 0)
    assert np.isnan(image.sci).sum() == 180
    assert np.all(image.wht[np.isnan(image.sci)] == 0)
    assert np.isfinite(image.wht).all() and np.isfinite(image.model).all()


def test_images_do_not_depend_on_order(table, truth):
    first = images.simulate_filter(truth, "F277W")
    images.simulate_filter(truth, "F150W")
    second = images.simulate_filter(
        draw_scene(dataclasses.replace(SMALL, filters=("F277W",)), table), "F277W"
    )
    np.testing.assert_array_equal(first.sci, second.sci)
    np.testing.assert_array_equal(first.wht, second.wht)
    with pytest.raises(ValueError, match="F444W"):
        images.simulate_filter(truth, "F444W")


# ---- drivers -----------------------------------------------------------------------------------------------


def test_drivers_write_a_field(tmp_path, table, truth):
    paths = {name: str(tmp_path / f"{name}.fits") for name in ("sci", "wht", "psf")}
    paths["sci"] += ".gz"
    scene.source_list(truth).write(tmp_path / "sources.csv")
    write_grid(tmp_path / "grid.h5", read_embedded_grid(REPO / "resources/ssp/bc03_miles_kroupa.h5"))
    params = {
        "simulation": {"seed": 3, "size_arcsec": 12.0, "noise": "none"},
        "filters": ["F150W", "F277W"],
        "reference_filter": "F150W",
        "redshift": 0.39,
        "ebv": 0.18,
        "center_deg": [SMALL.ra, SMALL.dec],
        "cosmology": {"h0": 70, "omega_m": 0.3},
        "ages_gyr": [1.0, 9.0],
        "metallicity_zsun": [0.2, 1.0],
    }
    step = SimpleNamespace(
        wildcards=SimpleNamespace(field="demo"),
        params=SimpleNamespace(**params),
        input=SimpleNamespace(
            sources=str(tmp_path / "sources.csv"),
            clusters=str(REPO / "resources/faisst2022/table1.csv"),
            grid=str(tmp_path / "grid.h5"),
        ),
        output=SimpleNamespace(truth=str(tmp_path / "truth.ecsv")),
    )
    simulate_sources.main(step)
    truth = Table.read(tmp_path / "truth.ecsv")
    clusters = of_kind(truth, "cluster")
    listed = Table.read(tmp_path / "sources.csv")
    assert set(clusters["id"]) == set(listed["id"])
    assert set(np.unique(clusters["true_age_gyr"])) <= {1.0, 9.0}
    drawn = SimpleNamespace(truth=str(tmp_path / "truth.ecsv"), pupil=str(tmp_path / "pupil.fits"))
    simulate_pupil.main(SimpleNamespace(input=drawn, output=drawn))
    simulate_field.main(
        SimpleNamespace(
            wildcards=SimpleNamespace(filter="F277W"),
            input=drawn,
            output=SimpleNamespace(**paths),
        )
    )
    image = images.simulate_filter(truth, "F277W")
    with fits.open(paths["sci"]) as hdus:
        assert hdus[0].header["BUNIT"] == "10.0*nanoJansky"
        assert hdus[0].header["PHOTFNU"] == pytest.approx(1e-8)
        np.testing.assert_allclose(hdus[0].data * 10, image.sci, rtol=1e-6)
    np.testing.assert_allclose(fits.getdata(paths["wht"]) / 100, image.wht, rtol=1e-6)
    np.testing.assert_allclose(read_psf(paths["psf"]).data, image.psf.data)
