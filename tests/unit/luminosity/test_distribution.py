"""Colours of one or two kinds, density and profile of counts, exponents of maps: all of known truth."""

import numpy as np
import pytest
from astropy.table import Table, vstack
from astropy.wcs import WCS
from clusterphot.base.errors import DataError
from clusterphot.base.products import write_fits
from clusterphot.base.units import flux_from_mag_ab
from clusterphot.detect import purity
from clusterphot.detect.tiles import CELL_PX, CoarseMaps
from clusterphot.luminosity import color_mixture as mixture
from clusterphot.luminosity import density
from clusterphot.luminosity.distribution import read_map
from scipy import special


def even(mag, noise, light, color):
    """Detection that does not look at colour."""
    return np.full((len(mag), len(color)), 0.5)


def colors(mean, width, error, n, seed, share=None, detection=even):
    """Sample of colours from one or two Gaussians, with errors and a detection that may look at colour."""
    rng = np.random.default_rng(seed)
    second = rng.uniform(size=n) > (1.0 if share is None else share)
    true = np.where(second, mean[-1], mean[0]) + np.where(second, width[-1], width[0]) * rng.standard_normal(
        n
    )
    flux_true = np.stack([flux_from_mag_ab(28.0 + true), np.full(n, flux_from_mag_ab(28.0))], axis=1)
    place = (np.full(n, 28.0), np.ones(n), np.zeros(n))
    seen = np.array([detection(*(v[:1] for v in place), np.array([c]))[0, 0] for c in true])
    keep = rng.uniform(size=n) < seen
    sigma = error / 1.0857 * flux_true / np.sqrt(2)
    flux = flux_true + sigma * rng.standard_normal((n, 2))
    arrays = [flux[keep], sigma[keep], [v[keep] for v in place]]
    return mixture.color_sample(*arrays, detection, np.ones(keep.sum()))[0]


class TestColors:
    def test_errors_are_taken_out_of_the_width(self):
        fit = mixture.fit_color_mixture(colors([0.3], [0.1], 0.15, 600, 0), 1)
        # half of 600 are found, of total width 0.18: 0.0104 for the mean, about 0.015 for the width
        assert fit.mean[0] == pytest.approx(0.3, abs=0.025)
        assert fit.width[0] == pytest.approx(0.1, abs=0.04)
        assert fit.mean_err[0] == pytest.approx(0.0104, rel=0.1) and 0.008 < fit.width_err[0] < 0.03
        assert fit.share == pytest.approx([1.0])

    def test_two_kinds_are_told_apart_and_measured(self):
        sample = colors([0.0, 0.5], [0.06, 0.06], 0.1, 300, 1, share=0.3)
        one, two = (mixture.fit_color_mixture(sample, k) for k in (1, 2))
        assert two.log_evidence - one.log_evidence > 10
        assert one.bic - two.bic > 20
        assert two.mean == pytest.approx([0.0, 0.5], abs=0.05)
        assert two.share == pytest.approx([0.3, 0.7], abs=0.09)
        assert two.share.sum() == pytest.approx(1.0)

    def test_one_kind_is_not_taken_for_two(self):
        gains = []
        for seed in range(8):
            sample = colors([0.2], [0.12], 0.1, 200, 10 + seed)
            gains.append(
                mixture.fit_color_mixture(sample, 2).log_evidence
                - mixture.fit_color_mixture(sample, 1).log_evidence
            )
        # the evidence may waver, but never strongly for two of one
        assert np.median(gains) < 0 and max(gains) < 3

    def test_share_is_that_of_clusters_not_of_those_found(self):
        """Blue ones are found in a quarter of the cases, red ones always."""

        def bluish(mag, noise, light, color):
            return np.tile(np.where(color < 0.25, 0.25, 1.0), (len(mag), 1))

        sample = colors([0.0, 0.5], [0.05, 0.05], 0.05, 900, 2, share=0.5, detection=bluish)
        fit = mixture.fit_color_mixture(sample, 2)
        assert np.mean(sample.color < 0.25) < 0.25
        assert fit.share[0] == pytest.approx(0.5, abs=0.08)

    def test_weights_of_zero_leave_sources_out(self):
        sample = colors([0.0, 0.5], [0.06, 0.06], 0.05, 300, 3, share=0.5)
        blue = mixture.ColorSample(
            sample.color, sample.error, sample.grid, sample.seen, (sample.color < 0.25).astype(float)
        )
        fit = mixture.fit_color_mixture(blue, 1)
        assert fit.mean[0] == pytest.approx(0.0, abs=0.03) and fit.width[0] < 0.1

    def test_detection_learns_the_colour_term(self):
        rng = np.random.default_rng(4)
        n = 20000
        mag, color = rng.uniform(27, 30, n), 0.3 * rng.standard_normal(n)
        noise, light = np.exp(0.2 * rng.standard_normal(n)), np.full(n, 100.0)
        p = special.expit(-4.0 * (mag - 28.5) + 3.0 * color)
        detection = mixture.fit_detection(mag, noise, light, color, rng.uniform(size=n) < p)
        grid = np.array([-0.3, 0.0, 0.3])
        value = detection(np.array([28.5]), np.ones(1), np.full(1, 100.0), grid)
        assert value[0] == pytest.approx(special.expit(3.0 * grid), abs=0.03)


def cells(seed=0, shape=(60, 80)):
    """Maps of a field with a halo of light in the middle, half of one side not searched."""
    rows, columns = np.indices(shape)
    light = 1000.0 / (1 + (np.hypot(rows - 30, columns - 40) / 6.0) ** 2)
    searched = np.ones(shape, np.float32)
    searched[:, :10] = 0.5
    maps = CoarseMaps(np.ones(shape, np.float32), light.astype(np.float32), searched, {})
    return maps, light


def place(intensity, n, seed):
    """Table of sources drawn from an intensity on the cells."""
    rng = np.random.default_rng(seed)
    cell = rng.choice(intensity.size, n, p=(intensity / intensity.sum()).ravel())
    row, column = np.divmod(cell, intensity.shape[1])
    table = Table({"x": (column + 0.5) * CELL_PX - 0.5, "y": (row + 0.5) * CELL_PX - 0.5})
    table["mag"], table["p_cluster"] = np.full(n, 28.0), np.ones(n)
    return table


def half(noise, light):
    """Half of all is found; in bright light a quarter."""
    return np.where(light > 300, 0.25, 0.5)


class TestDensity:
    def survey(self, beta, n, seed):
        maps, light = cells()
        table = place(light**beta * maps.searched * half(None, light), n, seed)
        return density.make_survey(maps, 0.5, table, 29.0, half), light

    @pytest.mark.parametrize("beta", [0.0, 0.6, 1.0])
    def test_exponent_is_found(self, beta):
        pulls = []
        for seed in range(12):
            survey, light = self.survey(beta, 200, seed)
            result = density.compare_with_map(survey, light)
            pulls.append((result.exponent - beta) / result.exponent_err)
            assert result.n == 200 and result.n_outside == 0
        # mean of 12 pulls: 0.29; scatter known to 20 %
        assert abs(np.mean(pulls)) < 1.0 and 0.45 < np.std(pulls) < 1.7

    def test_uniform_is_refused_and_linear_is_not(self):
        survey, light = self.survey(1.0, 200, 20)
        result = density.compare_with_map(survey, light)
        assert result.p_uniform < 1e-6 < 0.001 < result.p_linear
        assert result.exponent_p16 < result.exponent < result.exponent_p84

    def test_unit_of_the_map_drops_out_and_holes_are_left_out(self):
        survey, light = self.survey(0.6, 200, 21)
        one = density.compare_with_map(survey, light)
        other = density.compare_with_map(survey, 1e-12 * light)
        assert tuple(vars(other).values()) == pytest.approx(tuple(vars(one).values()), abs=1e-6)
        light[survey.row[0], survey.column[0]] = -1.0
        assert density.compare_with_map(survey, light).n_outside >= 1

    def test_flat_map_says_nothing(self):
        survey, light = self.survey(0.6, 50, 22)
        assert np.isnan(density.compare_with_map(survey, np.ones_like(light)).exponent)

    def test_density_and_profile_of_a_uniform_field_are_flat(self):
        survey, light = self.survey(0.0, 20000, 23)
        whole = 20000 / survey.area.sum() * 3600
        image = density.density_map(survey, 3.0)
        # about 300 sources under a kernel of 3 arcsec in the thinnest parts
        assert np.nanmedian(image) == pytest.approx(whole, rel=0.05)
        assert np.nanstd(image) / whole < 0.15
        edges = np.array([0.0, 2.0, 5.0, 10.0, 30.0])
        profile = density.radial_profile(survey, (30.0, 40.0), edges)
        assert profile["n"].sum() <= 20000
        assert np.all(np.abs(profile["density"] - whole) < 4 * profile["density_err"])
        assert profile["area"].sum() <= survey.area.sum() + 1e-9

    def test_faint_sources_and_weights(self):
        maps, light = cells()
        table = place(light, 100, 24)
        table["mag"][:40], table["p_cluster"] = 29.5, 0.5
        survey = density.make_survey(maps, 0.5, table, 29.0, half)
        profile = density.radial_profile(survey, (30.0, 40.0), np.array([0.0, 100.0]))
        assert profile["n"][0] == 60 and profile["n_clean"][0] == pytest.approx(30.0)

    def test_annuli_hold_equal_counts(self):
        survey, _ = self.survey(1.0, 400, 25)
        edges = density.radial_edges(survey, (30.0, 40.0), 5)
        counts = density.radial_profile(survey, (30.0, 40.0), edges)["n"]
        assert len(edges) == 6 and counts.sum() == 400 and np.ptp(counts) < 60

    def test_centre_is_the_peak_of_the_light(self):
        _, light = cells()
        assert density.brightest_cell(light) == (30.0, 40.0)


CASES = {"none": (0.0, 0, 250), "even": (0.0, 125, 125), "half": (0.5, 125, 125), "linear": (1.0, 125, 125)}
CASES |= {"steep": (1.5, 125, 125), "few": (1.0, 40, 210), "most": (1.0, 200, 50)}
"""Exponent of the light, clusters and evenly spread contaminants of a mock field."""


def mock_comparison(case, seed):
    """Comparison of a mock field whose `p_cluster` come from the light, as in a run."""
    beta, *numbers = CASES[case]
    maps, light = cells()
    seen = maps.searched * half(None, light)
    parts = [place(light**power * seen, numbers[k], (seed, k)) for k, power in enumerate((beta, 0.0))]
    rng = np.random.default_rng(seed)
    parts[0]["mag"] = 29.0 - np.abs(rng.normal(0, 1, numbers[0]))
    parts[1]["mag"] = 29.0 - rng.exponential(0.8, numbers[1])
    table = vstack(parts)
    table["selected"] = True
    control = purity.control_cells(maps, "auto", None)
    mag = np.asarray(table["mag"])
    result = purity.estimate_purity(table, mag, np.array([28.0]), maps, 0.25, control)
    table["p_cluster"] = result.probability
    return density.compare_with_map(density.make_survey(maps, 0.5, table, 30.0, half), light)


class TestMixture:
    """The exponent where `p_cluster` has been fitted to the same light."""

    def measure(self, case, n_mocks):
        """Mean and scatter of the exponents, pulls; shares inside the 68 % range and of p below 0.05 and 0.5."""
        beta = CASES[case][0]
        rows = [mock_comparison(case, seed) for seed in range(n_mocks)]
        value, error, low, high, p = (
            np.array([getattr(row, name) for row in rows])
            for name in ("exponent", "exponent_err", "exponent_p16", "exponent_p84", "p_uniform")
        )
        pull = (value - beta) / error
        inside = np.mean((low <= beta) & (beta <= high))
        shares = [np.mean(p < 0.05), np.mean(p < 0.5)]
        print(
            f"| {case} | {value.mean():.2f} | {value.std():.2f} | {np.median(error):.2f} | {pull.mean():.2f} "
            f"| {pull.std():.2f} | {inside:.2f} | {shares[0]:.2f} | {shares[1]:.2f} |"
        )
        return pull, inside, shares

    @pytest.mark.parametrize("case", ["none", "linear"])
    def test_light_is_not_used_twice(self, case):
        """Weights p_cluster gave a mean pull of 1.5 where there are no clusters, p below 0.05 in 0.3 of 100 mocks."""
        pull, inside, shares = self.measure(case, 20)
        assert abs(pull.mean()) < 0.8 and inside >= 0.4
        assert shares[0] <= 0.2 if case == "none" else shares[0] == 1.0

    @pytest.mark.slow
    @pytest.mark.parametrize("case", CASES)
    def test_ranges_hold_the_exponent(self, case):
        """Of 200 mocks: coverage known to 0.035; by `pytest -s -m slow tests/unit/luminosity/test_distribution.py`."""
        pull, inside, shares = self.measure(case, 200)
        # one cluster in six sources: shallow and many is as likely as steep and few, with a tail to the latter
        limit = 1.0 if case == "few" else 0.7
        assert abs(pull.mean()) < limit and pull.std() < 1.35 and inside > 0.55
        if CASES[case][0] == 0:
            assert shares[0] < 0.1 and shares[1] < 0.6

    def test_shares_know_magnitudes_and_no_places(self):
        mag = np.repeat([26.0, 28.0], 40) + np.tile(np.arange(40) * 1e-3, 2)
        p = np.tile([0.0, 1.0], 40) * np.repeat([0.4, 1.0], 40)
        share = density.share_by_magnitude(mag, p)
        np.testing.assert_allclose(share, np.repeat([0.2, 0.5], 40), atol=0.02)
        assert len(density.share_by_magnitude(mag[:0], p[:0])) == 0


class TestMaps:
    def wcs(self, scale, crpix):
        wcs = WCS(naxis=2)
        wcs.wcs.ctype, wcs.wcs.crval = ["RA---TAN", "DEC--TAN"], [110.0, -73.0]
        wcs.wcs.cdelt, wcs.wcs.crpix = [-scale / 3600, scale / 3600], crpix
        return wcs

    def write(self, path, image, wcs):
        from astropy.io import fits

        write_fits(path, [fits.PrimaryHDU(), fits.ImageHDU(image, wcs.to_header() if wcs else None)])
        return str(path)

    def test_map_of_other_pixels_is_read_where_the_cells_are(self, tmp_path):
        """A plane in right ascension, on pixels three times as large."""
        image = np.tile(np.arange(40.0), (40, 1))
        path = self.write(tmp_path / "map.fits", image, self.wcs(1.5, [20, 20]))
        values = read_map(path, self.wcs(0.5, [11, 11]), (21, 21))
        # cells 0 to 20 lie at -10/3 to +10/3 pixels of the map from its pixel 19
        assert values[10] == pytest.approx(19 + (np.arange(21) - 10) / 3, abs=1e-3)

    def test_mistakes_say_what_is_expected(self, tmp_path):
        path = self.write(tmp_path / "plain.fits", np.ones((5, 5)), None)
        with pytest.raises(DataError, match="celestial coordinates"):
            read_map(path, self.wcs(0.5, [11, 11]), (21, 21))
        far = self.wcs(0.5, [11, 11])
        far.wcs.crval = [112.0, -73.0]
        path = self.write(tmp_path / "far.fits", np.ones((5, 5)), far)
        with pytest.raises(DataError, match="beside the field"):
            read_map(path, self.wcs(0.5, [11, 11]), (21, 21))
        whole = (tmp_path / "far.fits").read_bytes()
        (tmp_path / "half.fits").write_bytes(whole[:-2880])
        with pytest.raises(DataError, match=r"half\.fits: got 5760 bytes, expected at least 5960"):
            read_map(str(tmp_path / "half.fits"), self.wcs(0.5, [11, 11]), (21, 21))
        (tmp_path / "other.fits").write_bytes(whole.replace(b"'IMAGE   '", b"'OTHER   '"))
        with pytest.raises(DataError, match=r"other\.fits: got none, expected a FITS image"):
            read_map(str(tmp_path / "other.fits"), self.wcs(0.5, [11, 11]), (21, 21))
        (tmp_path / "text.fits").write_text("no map")
        with pytest.raises(DataError, match="expected a FITS file"):
            read_map(str(tmp_path / "text.fits"), self.wcs(0.5, [11, 11]), (21, 21))
