"""Completeness: logistic fit, its test, limits and closure, on detections drawn from a known curve; injections."""

import numpy as np
import pytest
from astropy.table import Table
from clusterphot.base.psf_field import psf_over_field
from clusterphot.detect import selection, tiles
from clusterphot.detect.catalog import detect_box
from clusterphot.detect.completeness import injection, logistic, masses, summary
from clusterphot.detect.field import FieldBands
from clusterphot.detect.planes import load_planes
from clusterphot.ssp.grid import ProjectedGrid
from gaussian_bands import OPTIONS, SCALE, gaussian, make_band, make_psf

TRUTH = np.array([3.0, 29.5, np.log(0.2), 2.5, 0.3, 1.0, 2.0])
"""Ceiling 0.953, half of it at 29.5 mag, width 0.2 mag, 2.5 mag per decade of noise, 0.3 mag per unit of light;
the logit of the ceiling falls by 1 per decade of noise and by 2 per decade of neighbours over noise."""


def draw(n, seed, *, scatter=0.15, crowded=0.15):
    """Injections between 27 and 31 mag, noise and light log-normal, some beside others, detected by the true curve."""
    rng = np.random.default_rng(seed)
    mag, noise = rng.uniform(27, 31, n), np.exp(scatter * rng.standard_normal(n))
    light = 1000 * np.exp(0.7 * rng.standard_normal(n))
    neighbours = np.where(rng.uniform(size=n) < crowded, 10 ** rng.uniform(0, 3, n), 0.0)
    p = TRUE_FIT(mag, noise, light, neighbours)
    return mag, noise, light, neighbours, rng.uniform(size=n) < p


TRUE_FIT = logistic.Logistic(TRUTH, np.zeros((7, 7)), 0.0, np.log10(2.0))


class TestLogistic:
    def test_limit_of_a_known_curve(self):
        fit, top = TRUE_FIT, 1 / (1 + np.exp(-3))
        assert fit.limit(0.5, 1.0, 1000.0)[0] == pytest.approx(29.5 + 0.2 * np.log(top / 0.5 - 1))
        louder = 29.5 - 2.5 + 0.2 * np.log(1 / (1 + np.exp(-2)) / 0.5 - 1)
        assert fit.limit(0.5, 10.0, 1000.0)[0] == pytest.approx(louder)
        assert fit.limits(0.5, np.array([1.0, 10.0]), 1000.0)[1] == pytest.approx(louder)
        # one unit of light is from 1000 to 19000 nJy/arcsec2
        assert fit.limit(0.5, 1.0, 19000.0)[0] == pytest.approx(fit.limit(0.5, 1.0, 1000.0)[0] - 0.3)
        assert np.isnan(fit.limit(0.99, 1.0, 1000.0)[0])
        assert fit(fit.limit(0.9, 2.0, 0.0)[0], 2.0, 0.0) == pytest.approx(0.9)
        # the ceiling falls with noise: logit 3 at 1, 2 at 10 nJy
        assert fit(15.0, 10.0, 1000.0) == pytest.approx(1 / (1 + np.exp(-2)))

    def test_errors_are_those_of_repeated_fits_and_the_test_of_fit_passes(self):
        values, errors, p_values = [], [], []
        for seed in range(25):
            mag, noise, light, neighbours, detected = draw(600, seed)
            fit = logistic.fit_logistic(mag, noise, light, neighbours, detected)
            value, error = fit.limit(0.5, 1.0, 1000.0)
            values.append(value)
            errors.append(error)
            p_values.append(fit.p_value)
        true = 29.5 + 0.2 * np.log(1 / (1 + np.exp(-3)) / 0.5 - 1)
        # the mean of 25 fits has a fifth of their error; their scatter is known to 14 %
        assert np.mean(values) == pytest.approx(true, abs=3 * np.mean(errors) / 5)
        assert 0.6 < np.std(values) / np.mean(errors) < 1.5
        assert np.mean(errors) < 0.05
        # p-values of a curve of the right form: flat, so that of 25 a mean of 0.5 +- 0.06 and few below 0.1
        assert 0.3 < np.mean(p_values) < 0.7
        assert np.mean(np.array(p_values) < 0.1) < 0.3

    def test_places_beside_neighbours_are_told_from_others(self):
        """A field whose clusters keep to themselves is not counted by artificial ones beside galaxies."""
        mag, noise, light, neighbours, detected = draw(4000, 11, crowded=0.5)
        fit = logistic.fit_logistic(mag, noise, light, neighbours, detected)
        place = np.array([1.0, 1.0]), np.array([1000.0, 1000.0]), np.array([0.0, 99.0])
        lonely, beside = fit(np.array([27.0, 27.0]), *place)
        # logits 3 and 3 - 2 log10(100); a thousand bright ones tell each to 0.02
        assert lonely == pytest.approx(1 / (1 + np.exp(-3)), abs=0.02)
        assert beside == pytest.approx(1 / (1 + np.exp(1)), abs=0.06)
        assert fit.p_value > 0.01

    def test_losses_beside_neighbours_alone_fail_the_test_of_a_fit_that_does_not_know_them(self):
        mag, noise, light, neighbours, detected = draw(4000, 12, crowded=0.3)
        blind = logistic.fit_logistic(mag, noise, light, np.zeros(4000), detected)
        assert logistic.goodness_of_fit(blind, (mag, noise, light, neighbours), detected)[2] < 1e-3

    def test_a_curve_with_a_gap_fails_the_test_and_the_table_takes_over(self):
        mag, noise, light, neighbours, detected = draw(3000, 3)
        detected &= ~((mag > 27.8) & (mag < 28.4))
        result = summary.measure_completeness(mag, noise, light, neighbours, detected)
        assert result.fit.p_value < summary.MIN_P_VALUE and result.method == "table"
        assert result(28.1, 1.0, 1000.0) < 0.1 < 0.8 < result(27.3, 1.0, 1000.0)
        limit, error = result.limit(0.5, 0)
        assert limit == pytest.approx(29.5, abs=0.2) and 0 < error < 0.2

    @pytest.mark.parametrize("seen", [True, False])
    def test_magnitudes_on_one_side_of_the_limit_give_no_limit(self, seen):
        """All found, or none: a completeness near 1 or 0, no limit, and no crash."""
        rng = np.random.default_rng(3)
        mag, ones = rng.uniform(26.5, 28.5, 250), np.ones(250)
        result = summary.measure_completeness(mag, ones, 1000 * ones, 0 * ones, np.full(250, seen))
        assert np.isnan(result.limit(0.5, 0)).all()
        assert result(27.5, 1.0, 1000.0) == pytest.approx(float(seen), abs=0.05)


class TestSummary:
    def test_closure_on_sources_of_another_distribution(self):
        """Sources faint and in louder places are predicted by injections spread evenly."""
        mag, noise, light, neighbours, detected = draw(2000, 1)
        result = summary.measure_completeness(mag, noise, light, neighbours, detected)
        rng = np.random.default_rng(9)
        m, n = rng.normal(29.2, 0.5, 1500), np.exp(0.1 + 0.15 * rng.standard_normal(1500))
        glow = 3000 * np.exp(0.5 * rng.standard_normal(1500))
        truth = TRUE_FIT(m, n, glow)
        found = rng.uniform(size=1500) < truth
        p = result(m, n, glow)
        assert (found.sum() - p.sum()) ** 2 < 9 * (p * (1 - p)).sum()
        assert logistic.goodness_of_fit(result.fit, (m, n, glow, np.zeros(1500)), found)[2] > 0.001

    def test_table_holds_each_injection_once_per_class(self):
        mag, noise, light, neighbours, detected = draw(900, 2)
        flux = 3631e9 * 10 ** (-0.4 * mag)
        rng = np.random.default_rng(0)
        seen = np.where(detected, flux * 1.1 + 0.2 * rng.normal(size=900), np.nan)
        injections = Table(
            {
                "flux_in_F200W": flux,
                "flux_F200W": seen,
                "noise_F200W": noise,
                "selected": detected,
                "surface_brightness": light,
            }
        )
        result = summary.measure_completeness(mag, noise, light, neighbours, detected)
        table = summary.completeness_table(result, injections, "F200W")
        whole = table["noise_class"] == 0
        assert table["n_injected"][whole].sum() == 900 == table["n_injected"][~whole].sum()
        assert table["n_selected"][whole].sum() == detected.sum()
        bright = whole & (table["mag_high"] < 28.5)
        assert np.median(table["flux_bias"][bright]) == pytest.approx(0.1, abs=0.02)
        assert np.all(np.abs(table["flux_bias_eddington"][bright]) < 0.02)
        assert len(set(table["mag_50"][whole])) == 1

    def test_limits_follow_the_noise_on_the_map(self):
        mag, noise, light, neighbours, detected = draw(1500, 4)
        result = summary.measure_completeness(mag, noise, light, neighbours, detected)
        noise = result.noise[0] * np.array([[1.0, 10.0, np.nan]])
        limits = summary.limit_map(result, noise, np.full((1, 3), 500.0), 0.5)
        assert result.method == "logistic"
        expected = [result.fit.limit(0.5, value, 500.0)[0] for value in noise[0, :2]]
        assert limits[0, :2] == pytest.approx(expected, abs=1e-4)
        assert np.isnan(limits[0, 2])

    def test_nothing_is_complete_where_nothing_was_searched(self):
        mag, noise, light, neighbours, detected = draw(600, 5)
        assert summary.measure_completeness(mag, noise, light, neighbours, detected)(27.0, np.nan, 1.0) == 0


def projected():
    """Grid of two ages and one metallicity in two filters: old clusters have half the light, F150W 0.7 of F200W."""
    light = np.array([2e-6, 1e-6])
    return ProjectedGrid(
        age_gyr=np.array([1.0, 8.0]), metallicity_zsun=np.array([0.4]), filters=("F150W", "F200W"),
        flux_njy=np.stack([0.7 * light, light], axis=-1)[:, None], lum_v_lsun=np.ones((2, 1)),
        mass_remaining=np.array([[0.8], [0.5]]), redshift=0.4, luminosity_distance_mpc=2000.0, h0=70.0, omega_m=0.3,
    )  # fmt: skip


class TestMasses:
    def test_errors_of_limits_from_few_are_those_of_repeated_draws(self):
        """Forty clusters of a kind: the limit scatters by its error, to 11 % (100 draws)."""
        away = []
        for seed in range(100):
            mag, *_, seen = draw(40, seed, scatter=0.0, crowded=0.0)
            limit, error = masses.half_seen(mag, seen)
            away.append((limit - (29.5 + 0.2 * np.log(1 / (1 + np.exp(-3)) / 0.5 - 1))) / error)
        assert np.std(away) == pytest.approx(1.0, abs=0.3) and abs(np.mean(away)) < 0.5

    def test_half_of_the_clusters_are_seen_at_the_mass_of_the_known_curve(self):
        """Old ones at a mass 0.5 dex higher than young ones of their magnitude; extended ones are not selected."""
        mag, noise, light, neighbours, seen = draw(6000, 8, scatter=0.0, crowded=0.0)
        kind = np.arange(6000) % 4
        table = Table({"mag_in": mag, "noise_F200W": noise, "surface_brightness": 1000 * np.ones(6000)})
        table["neighbour_light"], table["found"] = neighbours, seen
        table["selected"] = seen & (kind % 2 == 0)
        table["age_gyr"], table["metallicity_zsun"] = np.where(kind < 2, 1.0, 8.0), 0.2
        table["half_light_radius_pc"] = np.where(kind % 2, 100.0, 0.0)
        table["log_mass"] = 18.0 - 0.4 * mag + np.where(kind < 2, 0.0, 0.5)
        result = masses.mass_table(table, "F200W")
        assert set(result["selection"]) == {"found", "selected"}
        limit = 29.5 + 0.2 * np.log(1 / (1 + np.exp(-3)) / 0.5 - 1)
        for age, more in ((1.0, 0.0), (8.0, 0.5)):
            for radius, selection_name in ((0.0, "found"), (100.0, "found"), (0.0, "selected")):
                rows = result[
                    (result["age_gyr"] == age)
                    & (result["half_light_radius_pc"] == radius)
                    & (result["selection"] == selection_name)
                ]
                assert rows["n"].sum() == 1500 and rows["n_seen"].sum() > 500
                error = rows["log_mass_50_err"][0]
                assert 0 < error < 0.02
                assert rows["log_mass_50"][0] == pytest.approx(18.0 + more - 0.4 * limit, abs=4 * error)
                share = rows["completeness"]
                assert share[-2] > 0.85 and share[1] < 0.1
        lost = result[(result["selection"] == "selected") & (result["half_light_radius_pc"] == 100.0)]
        assert np.isnan(lost["log_mass_50"]).all() and not lost["n_seen"].any()


@pytest.fixture(scope="module")
def quiet_field():
    """Two bands of noise of 0.2 nJy per pixel, their maps, and one source that was found."""
    rng, size = np.random.default_rng(6), 480
    bands = [
        make_band(0.2 * rng.normal(size=(size, size)), name=name, ivar=25.0) for name in ("F150W", "F200W")
    ]
    one = np.ones((30, 30), np.float32)
    searched = one.copy()
    searched[:, :5] = 0
    maps = tiles.CoarseMaps(one, one, searched, dict.fromkeys(tiles.LOST, 0 * one))
    return (
        FieldBands(bands, 1, ("F150W", "F200W")),
        maps,
        Table({"x": [240.0], "y": [240.0], "flux_F200W": [50.0]}),
    )


class TestInjection:
    OPTIONS = injection.InjectionOptions(n_per_run=30, mag_range=(27.0, 32.0), seed=3)

    def test_positions_keep_their_distance_and_stay_where_it_was_searched(self, quiet_field):
        field, maps, found = quiet_field
        rng = np.random.default_rng(0)
        table = injection.draw_clusters(rng, field, maps, found, (480, 480), self.OPTIONS)
        assert len(table) == 30
        x, y = np.asarray(table["x"]), np.asarray(table["y"])
        assert x.min() >= 79.5 and y.max() < 479.5
        assert np.hypot(x - 240, y - 240).min() * SCALE > self.OPTIONS.clearance_arcsec
        gaps = np.hypot(x[:, None] - x, y[:, None] - y)[np.triu_indices(30, 1)]
        assert gaps.min() * SCALE > injection.APART_ARCSEC
        assert np.allclose(table["flux_in_F200W"], 3631e9 * 10 ** (-0.4 * table["mag_in"]))

    def test_bright_ones_are_recovered_with_their_flux_and_faint_ones_lost(self, quiet_field):
        field, maps, found = quiet_field
        locus = selection.PointLocus({}, {}, (240.0, 240.0), 240.0, 0)
        args = (field, maps, found, locus, OPTIONS, selection.SelectionOptions(), self.OPTIONS)
        table = injection.run_injections("r000", *args)
        snr = np.asarray(table["flux_in_F200W"]) / np.asarray(table["noise_F200W"])
        inner = np.asarray(table["searched"]) & (snr > 12)
        assert inner.sum() > 5 and np.asarray(table["found"])[inner].all()
        assert np.asarray(table["selected"])[inner].mean() > 0.8
        pull = (table["flux_F200W"] - table["flux_in_F200W"])[inner] / table["flux_err_F200W"][inner]
        assert abs(np.mean(pull)) < 4 / np.sqrt(inner.sum())
        assert not np.asarray(table["selected"])[snr < 1].any()
        again = injection.run_injections("r000", *args)
        assert all(
            np.array_equal(table[name], again[name], equal_nan=table[name].dtype.kind == "f")
            for name in table.colnames
        )
        other = injection.run_injections("r001", *args)
        assert not np.array_equal(other["x"], table["x"])

    def test_injected_clusters_have_the_moments_of_the_stars(self, quiet_field):
        """Stars wider and oblong by known amounts: artificial clusters show the same, in both bands."""
        field, maps, found = quiet_field
        moments = {"size": 120.0, "plus": 90.0, "cross": -60.0}
        names = [(band, moment) for band in field.names for moment in moments]
        locus = selection.PointLocus(
            {name: [moments[name[1]]] for name in names},
            dict.fromkeys(names, 0.0),
            (240.0, 240.0),
            240.0,
            9,
            dict.fromkeys(field.names, 120.0),
        )
        options = injection.InjectionOptions(n_per_run=30, mag_range=(24.0, 24.5), seed=3)
        injected = injection.draw_clusters(np.random.default_rng(1), field, maps, found, (480, 480), options)
        artist = injection.Artist(field, locus, injected, np.random.default_rng(2))
        box, cuts = (0, 480, 0, 480), selection.SelectionOptions()
        table = detect_box(field.bands, 1, box, OPTIONS, cuts, extra=artist.painter(box)).table
        assert len(table) >= 30
        for band, moment in names:
            # second-order terms of a variance of a tenth of the PSF's are a tenth of it
            assert np.median(table[f"{moment}_{band}"]) == pytest.approx(moments[moment], rel=0.1)

    def test_injected_clusters_have_the_psf_of_their_place(self):
        """Drawn into planes that begin anywhere: widths of 1.4 px on the left, 1.7 on the right, and stars' moments."""
        size, rng = 480, np.random.default_rng(1)
        stamps = np.array([gaussian(49, 24, 24, width) for width in (1.4, 1.7)] * 2)
        psf = psf_over_field(make_psf(), stamps, [(x, y) for y in (0.0, size) for x in (100.0, 380.0)])
        field = FieldBands([make_band(np.zeros((size, size)), psf=psf)], 0, ("F200W",))
        injected = Table({"x": [100.0, 380.0], "y": [200.0, 210.0], "flux_in_F200W": [100.0, 100.0]})
        widening = {("F200W", "size"): 80.0, ("F200W", "plus"): 0.0, ("F200W", "cross"): 0.0}
        locus = selection.PointLocus(
            {name: [value] for name, value in widening.items()},
            dict.fromkeys(widening, 0.0), (240.0, 240.0), 240.0, 9, {"F200W": 80.0},
        )  # fmt: skip
        box = (60, 440, 50, 440)
        (plane,) = load_planes(field.bands, 0, box, 20)
        injection.Artist(field, locus, injected, rng).painter(box)([plane])
        added = 80.0 / (SCALE * 1000) ** 2  # px2 per axis
        for x, y, width in ((100, 200, 1.4), (380, 210, 1.7)):
            row, column = y - plane.origin[1], x - plane.origin[0]
            seen = plane.sci[row - 12 : row + 13, column - 12 : column + 13]
            expected = 100 * gaussian(25, 12, 12, np.sqrt(width**2 + added))
            np.testing.assert_allclose(seen, expected, atol=0.02 * expected.max())
            assert seen.max() == pytest.approx(expected.max(), rel=0.02)  # moments count to first order

    def test_extended_clusters_are_drawn_with_their_light_and_their_width(self):
        """Plummer profiles: half of the light within the radius, behind a PSF much narrower than that."""
        size, radius_px = 240, 8.0
        field = FieldBands([make_band(np.zeros((size, size)))], 0, ("F200W",))
        injected = Table({"x": [80.0, 160.0], "y": [120.0, 120.0], "flux_in_F200W": [100.0, 100.0]})
        names = [("F200W", moment) for moment in ("size", "plus", "cross")]
        locus = selection.PointLocus(
            {name: [0.0] for name in names},
            dict.fromkeys(names, 0.0),
            (120.0, 120.0),
            120.0,
            9,
            {"F200W": 0.0},
        )
        box = (0, size, 0, size)
        (plane,) = load_planes(field.bands, 0, box, 20)
        radii = np.array([0.0, radius_px * SCALE])
        injection.Artist(field, locus, injected, np.random.default_rng(1), radii).painter(box)([plane])
        y, x = np.indices(plane.sci.shape)
        light = []
        for place in (80, 160):
            away = np.hypot(x - (place - plane.origin[0]), y - (120 - plane.origin[1]))
            light.append([plane.sci[away < reach].sum() for reach in (radius_px, 3 * radius_px)])
        # of a Plummer profile 1/2 is within r_h and 9/10 within 3 r_h, less what the PSF of 1.5 px takes out
        assert light[0] == pytest.approx([100, 100], rel=0.02)
        assert light[1] == pytest.approx([50, 90], rel=0.06)

    def test_clusters_of_known_mass_have_fluxes_of_it(self, quiet_field):
        """By turns of twice two kinds; the second population has twice the light per mass and is seen through dust."""
        field, maps, found = quiet_field
        options = masses.PopulationOptions(
            ages_gyr=(1.1, 7.0), metallicities_zsun=(0.5,), sizes_pc=(0.0, 100.0)
        )
        kinds = masses.make_populations(projected(), {"F150W": 0.0, "F200W": 2.5}, options, 1e-4)
        assert list(kinds.kinds["age_gyr"]) == [1.0, 1.0, 8.0, 8.0]
        assert list(kinds.kinds["half_light_radius_pc"]) == [0.0, 100.0] * 2
        locus = selection.PointLocus({}, {}, (240.0, 240.0), 240.0, 0)
        args = (field, maps, found, locus, OPTIONS, selection.SelectionOptions(), self.OPTIONS)
        table = injection.run_injections("r000", *args, kinds)
        young = np.asarray(table["age_gyr"]) == 1.0
        mass, mag = 10 ** np.asarray(table["log_mass"]), np.asarray(table["mag_in"])
        flux = np.where(young, 2e-6 / 0.8, 1e-6 / 0.5) * 0.1  # per surviving Msun, behind 2.5 mag
        assert np.allclose(table["flux_in_F200W"], mass * flux)
        assert np.allclose(table["flux_in_F200W"], 3631e9 * 10 ** (-0.4 * mag))
        assert np.allclose(table["flux_in_F150W"], 10 * 0.7 * table["flux_in_F200W"])

    def test_patches_of_a_large_field_are_chosen_by_their_light_once(self):
        """A run of two patches, equal in weight; over many runs the clusters lie like the light, not its square."""
        weight = np.ones((320, 320))
        weight[:96, :96] = 24.0
        share = []
        for seed in range(60):
            kept = injection._few_patches(np.random.default_rng(seed), weight, (5120, 5120), 24)
            share.append(kept[:96, :96].sum() / kept.sum())
        # 9 patches of weight 24 and 91 of 1: 0.70; two patches a run, without replacement: 0.69 +- 0.04
        assert np.mean(share) == pytest.approx(0.69, abs=0.12)
        assert np.ptp(kept[kept > 0]) < 1e-12

    def test_a_large_field_is_searched_in_part(self):
        weight = np.ones((320, 320))
        kept = injection._few_patches(np.random.default_rng(1), weight, (5120, 5120), 60)
        # five patches of 32 x 32 cells
        assert np.count_nonzero(kept) == 5 * 32**2
