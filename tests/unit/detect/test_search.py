"""Finding point sources: filters, joint fluxes, noise, shapes, selection; truth known on paper or by construction."""

import base64
import io
import json
import re
from dataclasses import replace

import matplotlib.image
import numpy as np
import pytest
from astropy.table import Table
from clusterphot.base.psf_field import psf_over_field
from clusterphot.config.keys import keys_of
from clusterphot.detect import kernels, masks, noisemap, page, purity, selection, tiles
from clusterphot.detect.catalog import detect_box
from clusterphot.detect.field import name_candidates, relative_fluxes, without_duplicates
from gaussian_bands import OPTIONS, SCALE, SIGMA_PX, WHITE, gaussian, make_band, make_psf


def search(images, *, options=OPTIONS, psfs=None, **keys):
    bands = [make_band(image, name=name, psf=(psfs or {}).get(name)) for name, image in images.items()]
    shape = bands[0].mosaic.shape
    reference = list(images).index("F200W")
    cuts = selection.SelectionOptions()
    return detect_box(bands, reference, (0, shape[0], 0, shape[1]), options, cuts, **keys)


@pytest.fixture(scope="module")
def scene():
    """Two bands with noise of 1 nJy per pixel, a steep quadratic halo and 25 sources of known flux."""
    rng = np.random.default_rng(5)
    size, images = 320, {}
    axis = np.linspace(-1, 1, size)
    halo = 300.0 * (1.5 - axis**2 - 0.7 * axis[:, None] ** 2)
    grid = np.arange(40, size - 30, 60)
    x, y = (part.ravel() + rng.uniform(-0.5, 0.5, part.size) for part in np.meshgrid(grid, grid))
    flux = rng.uniform(150, 400, x.size)
    light = sum(f * gaussian(size, a, b) for f, a, b in zip(flux, x, y, strict=True))
    for name in ("F150W", "F200W"):
        images[name] = halo + light + rng.normal(size=(size, size))
    return images, x, y, flux


@pytest.fixture(scope="module")
def own():
    return kernels.make_kernels(make_psf(), WHITE)


class TestKernels:
    def test_flux_filter_is_blind_to_quadratics_and_keeps_the_flux(self, own):
        y, x = np.mgrid[0:81, 0:81].astype(float)
        for light in (np.ones_like(x), x, y, x * x, x * y, y * y):
            assert abs(kernels.flux_map(light, own)[40, 40]) < 1e-3 * np.abs(light).max()
        source = 7.0 * gaussian(81, 40, 40)
        assert kernels.flux_map(source, own)[40, 40] == pytest.approx(7.0, rel=2e-3)

    def test_a_filter_blind_to_constants_sees_curved_light(self):
        own = kernels.make_kernels(make_psf(), WHITE, sky_order=0)
        y, x = np.mgrid[-40:41, -40:41].astype(float)
        assert abs(kernels.flux_map(np.ones_like(x), own)[40, 40]) < 1e-3
        assert abs(kernels.flux_map(x * x + y * y, own)[40, 40]) > 1.0

    @pytest.mark.parametrize(("dx", "dy"), [(0.0, 0.0), (0.3, -0.4), (0.5, 0.12)])
    def test_shape_filters_measure_flux_shift_and_size(self, own, dx, dy):
        """A Gaussian wider by v per axis has size coefficient f v / 2 to first order in v (here 3 % of sigma^2)."""
        extra = 0.07
        image = 100.0 * gaussian(81, 40 + dx, 40 + dy, np.sqrt(SIGMA_PX**2 + extra))
        (row,) = kernels.shape_coefficients(image, own, np.array([40 + dx]), np.array([40 + dy]))
        assert row[kernels.FLUX] == pytest.approx(100, rel=0.01)
        assert 2 * row[kernels.SIZE] / row[kernels.FLUX] == pytest.approx(extra, rel=0.08)
        (moved,) = kernels.shape_coefficients(
            100 * gaussian(81, 40.1, 40), own, np.array([40.0]), np.array([40.0])
        )
        assert -moved[kernels.SHIFT_X] / moved[kernels.FLUX] == pytest.approx(0.1, abs=0.005)
        assert abs(moved[kernels.SHIFT_Y] / moved[kernels.FLUX]) < 1e-3

    def test_elongation_along_x_is_positive_plus(self, own):
        y, x = np.mgrid[0:81, 0:81] - 40.0
        image = np.exp(-0.5 * (x**2 / (SIGMA_PX**2 + 0.1) + y**2 / (SIGMA_PX**2 - 0.1)))
        (row,) = kernels.shape_coefficients(image, own, np.array([40.0]), np.array([40.0]))
        assert 2 * row[kernels.ELONGATION_PLUS] / row[kernels.FLUX] == pytest.approx(0.1, rel=0.1)

    def test_variance_of_the_flux_map_is_as_predicted(self, own):
        noise = np.random.default_rng(1).normal(size=(500, 500))
        seen = kernels.flux_map(noise, own)[50:-50, 50:-50]
        # the map is correlated over some 6 px: 160000 pixels are about 4000 independent ones
        assert seen.std() == pytest.approx(np.sqrt(own.flux_variance), rel=0.04)

    def test_too_near_the_border_is_nan(self, own):
        rows = kernels.shape_coefficients(
            np.zeros((60, 60)), own, np.array([2.0, np.nan, 30.0]), np.full(3, 30.0)
        )
        assert np.isnan(rows[:2]).all() and np.isfinite(rows[2]).all()


class TestFinder:
    def test_finds_all_with_unbiased_fluxes_on_a_steep_halo(self, scene):
        images, x, y, flux = scene
        table = search(images).table
        distance = np.hypot(table["x"][:, None] - x, table["y"][:, None] - y)
        nearest = distance.argmin(axis=0)
        assert (distance.min(axis=0) < 0.5).all()
        # at 5 sigma noise gives next to nothing on 0.1 Mpx; borders are not searched
        assert np.sum(table["missing"] < 0.2) <= len(x) + 1
        pull = (table["flux_F200W"][nearest] - flux) / table["flux_err_F200W"][nearest]
        assert abs(pull.mean()) < 4 / np.sqrt(len(x))
        assert 0.6 < pull.std() < 1.5

    def test_joint_fluxes_of_a_close_pair(self):
        size, gap = 160, 6.0
        light = 300 * gaussian(size, 80, 80) + 200 * gaussian(size, 80 + gap, 80)
        rng = np.random.default_rng(2)
        table = search(
            {name: light + 0.5 * rng.normal(size=light.shape) for name in ("F150W", "F200W")}
        ).table
        assert len(table) == 2
        table.sort("x")
        assert list(table["x"]) == pytest.approx([80, 86], abs=0.2)
        assert list(table["flux_F200W"]) == pytest.approx([300, 200], abs=4 * max(table["flux_err_F200W"]))

    def test_sources_are_subtracted_with_the_psf_of_their_place(self):
        """Bright ones at both ends of a field in which the PSF is 30 % wider on the right; what is found is a point."""
        size, widths, places = 200, (1.4, 1.8), ((40, 90), (160, 110))
        stamps = np.array([gaussian(49, 24, 24, width) for width in widths] * 2)
        corners = np.array([(x, y) for y in (0.0, size) for x in (40.0, 160.0)])
        light = sum(3000 * gaussian(size, *place, width) for place, width in zip(places, widths, strict=True))
        noise = np.random.default_rng(4).normal(size=(2, *light.shape))
        images = {name: light + noise[k] for k, name in enumerate(OPTIONS.combined)}
        psfs = {name: psf_over_field(make_psf(name), stamps, corners) for name in images}
        table = search(images, psfs=psfs).table
        assert len(table) == 2
        table.sort("x")
        assert list(table["flux_F200W"]) == pytest.approx([3000, 3000], abs=4 * max(table["flux_err_F200W"]))
        added = 2.0 * (SCALE * 1000) ** 2  # per pixel squared of variance
        assert np.abs(table["size_F200W"]).max() < 0.03 * added
        one = search(images).table
        assert np.abs(one["size_F200W"]).max() > 0.3 * added

    def test_sources_do_not_raise_their_own_noise(self, scene):
        images, *_ = scene
        table = search(images).table
        expected = np.sqrt(kernels.make_kernels(make_psf(), WHITE).flux_variance)
        # the larger of two windows runs some 10 % high; the sources would add 100 nJy were they not subtracted
        assert 0.95 < np.median(table["noise_F200W"]) / expected < 1.2

    def test_bad_pixels_are_filled_and_a_band_offset_is_applied(self):
        size, rng = 200, np.random.default_rng(3)
        light = 500 * gaussian(size, 90, 100)
        moved = 500 * gaussian(size, 90.4, 99.7)
        good = rng.uniform(size=(size, size)) > 0.002
        good[100, 91] = False
        spoilt = np.where(good, light, np.nan) + rng.normal(size=light.shape)
        bands = [
            make_band(moved + rng.normal(size=light.shape), name="F150W", offset=(0.4, -0.3)),
            make_band(spoilt, ivar=good.astype(float)),
        ]
        table = detect_box(bands, 1, (0, size, 0, size), OPTIONS, selection.SelectionOptions()).table
        assert len(table) == 1
        assert table["flux_F150W"][0] == pytest.approx(500, rel=0.04)
        # one of the brightest pixels is interpolated
        assert table["flux_F200W"][0] == pytest.approx(500, rel=0.12)

    def test_a_mirrored_band_counts_like_any_other(self):
        """East to the right in one band: all sources, at their places, with their fluxes and shapes."""
        size, rng = 220, np.random.default_rng(9)
        grid = np.arange(45.0, size - 40, 45.0)
        x, y = (part.ravel() + rng.uniform(-0.5, 0.5, part.size) for part in np.meshgrid(grid, grid))
        light = sum(60.0 * gaussian(size, a, b) for a, b in zip(x, y, strict=True))
        bands = [make_band(light + rng.normal(size=light.shape), name=name) for name in ("F150W", "F200W")]
        turned = bands[0].mosaic.wcs.deepcopy()
        turned.wcs.cdelt = turned.wcs.cdelt * [-1, 1]
        turned.wcs.crpix = [size + 1 - turned.wcs.crpix[0], turned.wcs.crpix[1]]
        mosaic = replace(bands[0].mosaic, sci=bands[0].mosaic.sci[:, ::-1], wcs=turned)
        cuts, box = selection.SelectionOptions(), (0, size, 0, size)
        plain = detect_box(bands, 1, box, OPTIONS, cuts).table
        table = detect_box([replace(bands[0], mosaic=mosaic), bands[1]], 1, box, OPTIONS, cuts).table
        rows = []
        for found in (plain, table):
            distance = np.hypot(found["x"][:, None] - x, found["y"][:, None] - y)
            assert distance.min(axis=0).max() < 0.5 and len(found) == len(plain)
            rows.append(distance.argmin(axis=0))
        # the same pixels, read in another order: positions settle a few hundredths of a pixel apart
        of = [
            {name: np.asarray(part[f"{name}_F150W"][own]) for name in ("flux", *selection.MOMENTS)}
            for part, own in zip((plain, table), rows, strict=True)
        ]
        np.testing.assert_allclose(of[1]["flux"], of[0]["flux"], atol=3.0)
        for name in selection.MOMENTS:
            assert np.corrcoef(of[0][name], of[1][name])[0, 1] > 0.9, name

    def test_boxes_join_without_seams(self, scene):
        images, *_ = scene
        bands = [make_band(image, name=name) for name, image in images.items()]
        cuts = selection.SelectionOptions()
        whole = detect_box(bands, 1, (0, 320, 0, 320), OPTIONS, cuts).table
        parts = [detect_box(bands, 1, (0, 320, a, a + 160), OPTIONS, cuts).table for a in (0, 160)]
        joined = np.sort(np.concatenate([part["x"] for part in parts]))
        assert joined == pytest.approx(np.sort(whole["x"]), abs=0.02)

    def test_nothing_in_noise_and_in_its_negative(self):
        rng = np.random.default_rng(8)
        images = {name: rng.normal(size=(256, 256)) for name in ("F150W", "F200W")}
        result = search(images, negative=True)
        assert len(result.table) <= 1 and len(result.negative) <= 1

    @pytest.mark.parametrize("method", ["ring_median", "mesh"])
    def test_other_backgrounds_find_isolated_sources_too(self, scene, method):
        images, x, *_ = scene
        bands = [make_band(image, name=name, background=method) for name, image in images.items()]
        table = detect_box(bands, 1, (0, 320, 0, 320), OPTIONS, selection.SelectionOptions()).table
        assert len(table) >= len(x) - 1


class TestMasks:
    def test_noise_map_of_white_noise_and_of_a_louder_half(self):
        rng = np.random.default_rng(4)
        image = rng.normal(size=(400, 400)).astype(np.float32)
        image[:, 200:] *= 3
        floor = np.ones_like(image)
        sigma = noisemap.noise_map(image, np.zeros(image.shape, bool), SCALE, (7, 3), floor=floor)
        assert np.median(sigma[:, 20:150]) == pytest.approx(1.0, rel=0.15)
        assert np.median(sigma[:, 250:380]) == pytest.approx(3.0, rel=0.15)

    def test_hole_of_a_saturated_star_is_masked_and_single_pixels_are_not(self):
        bad = np.zeros((60, 60), bool)
        bad[30:33, 30:33] = True
        bad[10, 10] = True
        mask = masks.hole_mask(bad, 5)
        assert mask[31, 36] and not mask[31, 45] and not mask[10, 10]

    def test_bright_cores_are_lost(self):
        size = 200
        image = np.full((size, size), 1.0)
        image[80:120, 80:120] = 20.0  # nJy per pixel of 0.02": 50000 nJy/arcsec2
        rng = np.random.default_rng(1)
        result = search({name: image + 0.1 * rng.normal(size=image.shape) for name in ("F150W", "F200W")})
        assert result.lost["glare"][95:105, 95:105].all()
        assert not result.lost["glare"][:60].any()
        assert np.isnan(result.noise[100, 100])


def candidate_table(n=40, *, size=0.0, seed=0):
    """Candidates scattered over 1000 px with the moments of stars, sizes in mas2 with errors of 10."""
    rng = np.random.default_rng(seed)
    table = Table({"x": rng.uniform(0, 1000, n), "y": rng.uniform(0, 1000, n)})
    for band in ("F150W", "F200W"):
        for moment in selection.MOMENTS:
            centre = size if moment == "size" else 0.0
            table[f"{moment}_{band}"] = centre + rng.normal(0, 10, n)
            table[f"{moment}_err_{band}"] = np.full(n, 10.0)
    return table


class TestSelection:
    def test_locus_follows_a_psf_that_varies(self):
        table = candidate_table(60)
        table["size_F200W"] += 0.2 * (table["x"] - 500)
        stars = Table({"x": table["x"], "y": table["y"], "role": ["core"] * 60, "saturated": [False] * 60})
        locus = selection.fit_point_locus(table, stars, ["F150W", "F200W"], (1000, 1000), SCALE)
        left, _ = locus.expected("F200W", "size", 100.0, 500.0)
        right, scatter = locus.expected("F200W", "size", 900.0, 500.0)
        assert float(right - left) == pytest.approx(160, abs=20)
        assert scatter < 10
        again = selection.PointLocus.from_meta(locus.to_meta())
        assert again.expected("F200W", "size", 900.0, 500.0)[0] == right
        assert abs(locus.beyond_typical("F200W", 500.0, 500.0)) < 15

    def test_without_stars_the_psf_is_the_reference(self):
        stars = Table(
            {"x": np.zeros(0), "y": np.zeros(0), "role": np.zeros(0, "U4"), "saturated": np.zeros(0, bool)}
        )
        locus = selection.fit_point_locus(candidate_table(5), stars, ["F200W"], (1000, 1000), SCALE)
        assert locus.expected("F200W", "size", 1.0, 2.0)[0] == 0

    def test_point_likeness_is_a_probability_of_stars(self):
        table = candidate_table(4000)
        locus = selection.PointLocus({}, {}, (500.0, 500.0), 500.0, 0)
        values = selection.point_likeness(table, locus, ["F150W", "F200W"])
        assert np.median(values["size_err"]) == pytest.approx(10 / np.sqrt(2))
        # uniform for stars: a tenth lies below 0.1
        assert np.mean(values["point_likeness"] < 0.1) == pytest.approx(0.1, abs=0.02)
        assert np.mean(values["elongation_sigma"] > 3.5) < 0.01

    def selectable(self):
        """One clean candidate of 28 mag in two bands."""
        row = {
            "size": 0.0,
            "size_err": 50.0,
            "elongation_sigma": 1.0,
            "missing": 0.0,
            "near_hole": False,
            "near_star": False,
        }
        row |= {"surface_brightness": 100.0, "stands_out": True}
        for band in ("F150W", "F200W"):
            row |= {f"flux_{band}": 22.9, f"flux_err_{band}": 1.0}
        return row

    @pytest.mark.parametrize(
        ("change", "reason"),
        [
            ({}, ""),
            ({"missing": 0.5}, "edge"),
            ({"near_hole": True, "size": 999.0}, "saturated"),
            ({"surface_brightness": 2e4}, "glare"),
            ({"stands_out": False}, "star_ring"),
            ({"flux_err_F200W": 10.0}, "faint"),
            ({"flux_F150W": 1.0}, "one_band"),
            ({"flux_F200W": 363.0}, "bright"),
            ({"near_star": True, "size": 999.0}, "star_wing"),
            ({"size": 200.0}, "extended"),
            ({"size": np.nan}, "extended"),
            ({"size": -400.0}, "sharp"),
            ({"elongation_sigma": 5.0}, "elongated"),
            ({"flux_F150W": 100.0}, "colour"),
        ],
    )
    def test_reasons(self, change, reason):
        table = Table(rows=[self.selectable() | change])
        options = selection.SelectionOptions(colour_box={"F150W-F200W": [-1.0, 1.0]})
        got = selection.select(table, ["F150W", "F200W"], "F200W", {"F150W": 1.0, "F200W": 1.0}, options)
        assert got[0] == reason
        assert reason in selection.REASONS

    def test_two_bands_is_stricter_than_their_sum(self):
        row = self.selectable()
        for band in ("F090W", "F277W"):
            row |= {f"flux_{band}": 3.0, f"flux_err_{band}": 1.0}
        row["flux_F150W"] = 2.9
        bands = ["F090W", "F150W", "F200W", "F277W"]
        spectrum = dict.fromkeys(bands, 1.0)
        table = Table(rows=[row])
        for rule, reason in (("combined", ""), ("two_bands", "one_band")):
            options = selection.SelectionOptions(band_rule=rule)
            assert selection.select(table, bands, "F200W", spectrum, options)[0] == reason

    def test_every_cut_is_a_key_of_the_configuration(self):
        assert set(keys_of(selection.SelectionOptions)) == {
            "min_snr_reference", "band_rule", "min_snr_others", "min_snr_band", "mag_min", "mag_max",
            "max_extent_sigma", "min_extent_mas2", "max_sharp_sigma", "max_elongation_sigma",
            "max_surface_brightness", "max_missing", "colour_box",
        }  # fmt: skip


class TestField:
    def test_boxes_cover_every_pixel_once_whatever_the_number_of_jobs(self):
        cover = np.zeros((700, 500), int)
        for tile in range(3):
            for y0, y1, x0, x1 in tiles.boxes_of(cover.shape, 256, tile, 3):
                cover[y0:y1, x0:x1] += 1
        assert (cover == 1).all()
        assert sorted(tiles.boxes_of(cover.shape, 256)) == sorted(
            box for tile in range(3) for box in tiles.boxes_of(cover.shape, 256, tile, 3)
        )
        with pytest.raises(ValueError, match="multiple of 16"):
            tiles.boxes_of((100, 100), 100)

    def test_maps_come_back(self, tmp_path):
        rng, shape = np.random.default_rng(0), (100, 150)
        entries = []
        for box in tiles.boxes_of(shape, 64):
            part = (box[1] - box[0], box[3] - box[2])
            lost = {name: np.zeros(part, bool) for name in tiles.LOST}
            lost["glare"][:16, :16] = box[:1] == (0,)
            noise = np.where(lost["glare"], np.nan, rng.uniform(1, 2, part)).astype(np.float32)
            entries.append((box, tiles.coarse(box, noise, np.full(part, 5.0), lost)))
        tiles.write_box_maps(tmp_path / "a.fits", shape, entries)
        maps = tiles.join_box_maps([tmp_path / "a.fits"])
        tiles.write_maps(tmp_path / "b.fits", maps, make_band(np.zeros(shape)).mosaic.wcs)
        again = tiles.read_maps(tmp_path / "b.fits")
        assert again.noise.shape == (7, 10)
        assert np.isnan(again.noise[0, 0]) and again.searched[0, 0] == 0 and again.lost["glare"][0, 0] == 1
        assert 1 < again.noise[3, 3] < 2 and again.light[3, 3] == 5
        assert again.at("light", np.array([149.4]), np.array([99.4])) == 5

    def test_names_follow_positions(self):
        table = Table({"ra": [110.8122589, 110.8122589, 0.0], "dec": [-73.4602748, -73.4602748, 0.25]})
        assert list(name_candidates(table)) == [
            "J072314.942-732736.98",
            "J072314.942-732736.98b",
            "J000000.000+001500.00",
        ]

    def test_duplicates_of_neighbouring_boxes_go(self):
        table = Table(
            {
                "x": [10.0, 11.0, 50.0],
                "y": [5.0, 5.0, 5.0],
                "snr": [6.0, 9.0, 7.0],
                "ra": [3.0, 2.0, 1.0],
                "dec": [0.0] * 3,
            }
        )
        kept = without_duplicates(table, SCALE)
        assert list(kept["snr"]) == [7.0, 9.0]

    def test_spectrum_is_interpolated_for_filters_not_named(self):
        flux = relative_fluxes(["F150W", "F182M", "F200W"], "F200W", {"F150W": 1.8, "F200W": 2.0})
        assert flux["F200W"] == 1
        assert flux["F150W"] == pytest.approx(0.9)
        assert 0.9 < flux["F182M"] < 1


class TestPurity:
    def maps(self, contrast=20.0):
        """20 x 20 cells, the log of the light rising to the right by a factor."""
        light = np.tile(100.0 * contrast ** np.linspace(0, 1, 20), (20, 1)).astype(np.float32)
        one = np.ones_like(light)
        return tiles.CoarseMaps(one, light, one, dict.fromkeys(tiles.LOST, 0 * one))

    def sources(self, rng, even, lit):
        """Sources of so many contaminants and clusters per cell, and which are clusters."""
        parts = []
        for mean in (even, lit):
            number = rng.poisson(mean).ravel()
            parts.append(
                np.stack([np.repeat(axis.ravel(), number) for axis in np.indices(mean.shape)], axis=1)
            )
        number = [len(part) for part in parts]
        y, x = (np.concatenate(parts) * tiles.CELL_PX + 7).T.astype(float)
        return Table({"x": x, "y": y, "selected": np.ones(len(x), bool)}), np.repeat([False, True], number)

    def cell(self, image, table):
        """Values of cells at sources."""
        return image[(table["y"] // tiles.CELL_PX).astype(int), (table["x"] // tiles.CELL_PX).astype(int)]

    def estimate(self, table, maps, control=None, **options):
        """Purity of sources of 28.1 mag at 0.1 arcsec2 per cell."""
        if control is None:
            control = purity.control_cells(maps, "auto", None)
        mag = np.full(len(table), 28.1)
        return purity.estimate_purity(table, mag, np.array([28.0]), maps, 0.1, control, **options)

    def test_expected_stars_are_those_of_the_counts(self, repo):
        """The same model binned by another function, over bins that share their edges; and twice the area."""
        from clusterphot.base.literature import read_literature
        from clusterphot.foreground.star_counts import model_counts, tabulate_counts

        sequence = read_literature(repo / "resources/literature/dwarf_sequence.ecsv")
        one, two = (purity.expected_stars(110.83, -73.45, area, sequence, "F200W") for area in (3600, 7200))
        np.testing.assert_allclose(two, 2 * one)
        model = model_counts(284.99, -23.70, sequence, "F200W")  # SMACS J0723 in Galactic coordinates
        table = tabulate_counts(model, 1.0, mag_min=26.5, mag_max=30.25, bin_mag=0.25)
        assert one[1:-1].sum() == pytest.approx(table["n_stars"].sum(), rel=0.01)
        cut = purity.expected_stars(110.83, -73.45, 3600, sequence, "F200W", mag_min=26.5, mag_max=30.0)
        np.testing.assert_allclose(cut[[0, -1]], 0.0)
        np.testing.assert_allclose(cut[1:-2], one[1:-2])
        assert 0 < cut[-2] < one[-2]

    def test_half_of_the_sources_follow_the_light(self):
        """Sources of one magnitude: evenly spread, and as the light to the power 1.5."""
        rng, maps = np.random.default_rng(0), self.maps(contrast=100.0)
        light = maps.light[0].astype(float)
        even, lit = np.full((20, 20), 5.0), np.tile(5 * light**1.5 / (light**1.5).mean(), (20, 1))
        table, is_cluster = self.sources(rng, even, lit)
        result = self.estimate(table, maps)
        meta, p = result.meta, result.probability
        # each source is a cluster by its place
        expected = self.cell(lit / (even + lit), table)
        assert np.abs(p - expected).max() < 0.1
        assert abs(meta["p_cluster_sum"] - is_cluster.sum()) < 3 * meta["p_cluster_sum_err"]
        assert meta["p_cluster_sum"] == pytest.approx(p.sum(), abs=0.01)
        assert sum(meta["p_cluster_sums"]) == pytest.approx(p.sum(), abs=0.1)
        assert abs(meta["light_exponent"] - 1.5) < 3 * meta["light_exponent_err"]
        assert result.area == pytest.approx(40) and result.control_area == pytest.approx(10)
        assert result.negative.sum() == 1

    def test_error_of_the_number_is_the_scatter(self):
        """Pulls of 60 fields of 200 sources: mean within 0.5, scatter 0.7 to 1.3 (the prior makes it smaller)."""
        maps, pulls = self.maps(contrast=100.0), []
        light = maps.light[0].astype(float)
        even, lit = np.full((20, 20), 0.2), np.tile(light / light.mean(), (20, 1)) * 0.3
        for seed in range(60):
            table, is_cluster = self.sources(np.random.default_rng(seed), even, lit)
            meta = self.estimate(table, maps).meta
            pulls.append((meta["p_cluster_sum"] - is_cluster.sum()) / meta["p_cluster_sum_err"])
        assert abs(np.mean(pulls)) < 0.5
        assert 0.7 < np.std(pulls) < 1.3

    def test_a_clean_region_tells_where_the_light_is_the_same(self):
        rng, maps = np.random.default_rng(1), self.maps(contrast=1.0)
        even, lit = np.full((20, 20), 5.0), np.full((20, 20), 15.0)
        control = np.zeros((20, 20), dtype=bool)
        control[:, :8], lit[:, :8] = True, 0.0
        table, is_cluster = self.sources(rng, even, lit)
        result = self.estimate(table, maps, control, clean=True)
        inside = self.cell(control, table)
        np.testing.assert_array_equal(result.probability[inside], 0.0)
        assert result.probability[~inside].mean() == pytest.approx(0.75, abs=0.03)
        assert abs(result.meta["p_cluster_sum"] - is_cluster.sum()) < 3 * result.meta["p_cluster_sum_err"]
        assert result.control.sum() == inside.sum()

    def test_says_why_nothing_is_known(self, caplog):
        maps, even = self.maps(contrast=1.0), np.full((20, 20), 1.0)
        table, _ = self.sources(np.random.default_rng(2), even, even)
        result = self.estimate(table, maps)
        assert np.isnan(result.probability).all() and result.meta["p_cluster_sum"] is None
        assert (
            "expected a factor of 2" in result.meta["not_known"] and result.meta["not_known"] in caplog.text
        )
        few = self.estimate(table[:19], self.maps(contrast=100.0))
        assert few.meta["not_known"] == "19 selected sources, expected 20"
        assert np.isnan(few.probability).all() and few.area == pytest.approx(40)
        everywhere = self.estimate(table, maps, np.ones((20, 20), dtype=bool), clean=True)
        assert "all that was searched" in everywhere.meta["not_known"]

    def test_no_source_of_the_darkest_quarter_is_given_up(self):
        rng, maps = np.random.default_rng(3), self.maps(contrast=30.0)
        light = maps.light[0].astype(float)
        table, _ = self.sources(rng, np.full((20, 20), 0.5), np.tile(light / light.mean(), (20, 1)))
        table["selected"][::5] = False
        result = self.estimate(table, maps)
        np.testing.assert_array_equal(np.isfinite(result.probability), table["selected"])
        p = result.probability[np.asarray(table["selected"])]
        assert (p > 0).all() and (p < 1).all()

    def test_a_circle_can_be_the_control_region(self):
        control = purity.control_cells(self.maps(), (1.0, 2.0, 0.9), lambda ra, dec: (10.0, 10.0, 0.32))
        assert control.sum() == 21  # cells within 2.8 of the middle one


class TestPage:
    TEMPLATE = '<title>Candidates</title><script id="data">{{DATA}}</script>'

    def page(self):
        rng, size = np.random.default_rng(0), 120
        image = rng.normal(size=(size, size)) + 500 * gaussian(size, 60, 60) + 800 * gaussian(size, 75, 70)
        band = make_band(image)
        ra, dec = band.mosaic.wcs.all_pix2world([60.0, 75.0], [60.0, 70.0], 0)
        table = Table(
            {"id": ["first", "</script>&"], "ra": ra, "dec": dec, "mag": [28.0, 27.0], "snr": [20.0, 30.0]}
        )
        table["flux_F200W"], table["flux_err_F200W"] = [500.0, 800.0], [6.0, 6.0]
        for name in ("size", "size_err", "elongation_sigma", "surface_brightness", "point_likeness"):
            table[name] = [0.5, 0.6]
        table["selected"], table["reason"], table["p_cluster"] = (
            [True, False],
            ["", "extended"],
            [0.9, np.nan],
        )
        return page.candidate_page(self.TEMPLATE, table, [band.mosaic], "F200W", field="a<b")

    def test_holds_the_candidates_selected_ones_first(self):
        text = self.page()
        assert text.startswith("<title>a&lt;b: candidates</title>")
        assert text.count("</script>") == 1
        data = json.loads(re.search(r'<script id="data">(.*)</script>', text, re.S)[1])
        first, second = data["candidates"]
        assert [first["id"], second["id"]] == ["first", "</script>&"]
        assert first["p"] == 0.9 and second["p"] is None
        # the neighbour lies 15 px west of it and 10 px north: to the right and up, of a stamp of 60 px
        assert first["neighbours"] == [[pytest.approx(0.75, abs=0.01), pytest.approx(0.333, abs=0.01)]]
        assert first["flux"] == ["500.0 ± 6.0 nJy"]

    def test_cut_outs_are_png_with_north_up(self):
        data = json.loads(re.search(r'<script id="data">(.*)</script>', self.page(), re.S)[1])
        image = matplotlib.image.imread(
            io.BytesIO(base64.b64decode(data["candidates"][0]["png"])), format="png"
        )
        assert image.shape == (61, 61)
        row, column = np.unravel_index(image.argmax(), image.shape)
        assert (row, column) == (20, 45)
