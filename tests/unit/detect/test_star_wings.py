"""Wings of bright stars and light of neighbours: radii, fluxes and sums known on paper."""

import numpy as np
import pytest
from astropy.table import Table
from clusterphot.base.images import radius_grid
from clusterphot.base.products import Psf
from clusterphot.detect import crowding, kernels, selection, star_wings
from clusterphot.detect.catalog import detect_box, to_plane_axes, to_reference_axes
from clusterphot.detect.planes import load_planes
from gaussian_bands import OPTIONS, SCALE, WHITE, gaussian, make_band

HALF = 50


def power_law_psf(fall=2.5):
    """A narrow core with wings r^-fall on a stamp of 2 arcsec, of unit sum."""
    radius = np.maximum(radius_grid(HALF) * SCALE, 0.03)
    data = gaussian(2 * HALF + 1, HALF, HALF) + 1e-5 * radius**-fall
    return Psf(data / data.sum(), SCALE, "F200W", fwhm_arcsec=0.07)


class TestWings:
    def test_fall_of_a_power_law_is_measured(self):
        """A filter of one pixel sees the PSF itself."""
        psf = power_law_psf(2.5)
        level, fall = star_wings.wing_profile(psf.data, np.ones((1, 1)), 0.07, SCALE)
        assert fall == pytest.approx(2.5, abs=0.1)
        expected = psf.data[HALF, HALF + 30] / psf.data.max() * 0.6**2.5
        assert level == pytest.approx(expected, rel=0.15)

    @pytest.mark.parametrize("half", [12, 20, 26, 30, 40])
    def test_small_stamps_say_so_or_mask_as_the_light_falls(self, half, caplog):
        """Stamps of 0.5 to 1.6 arcsec of one PSF of a fall of 3, too small for a disc of 0.22 arcsec."""
        data = power_law_psf(3.0).data[HALF - half : HALF + half + 1, HALF - half : HALF + half + 1]
        flux = kernels.make_kernels(Psf(data / data.sum(), SCALE, "F200W", fwhm_arcsec=0.07), WHITE).flux
        level, fall = star_wings.wing_profile(data, flux, 0.07, SCALE)
        if half == 12:
            assert level == 0.0 and "too small" in caplog.text
            stars = star_wings.BrightStars(np.zeros(1), np.zeros(1), np.array([1e9]), level, fall)
            assert not stars.radius(1.0).any()
        else:
            expected = data[half, half + 18] / data.max() * 0.36**3
            assert level == pytest.approx(expected, rel=0.2) and fall == pytest.approx(3.0, abs=0.2)

    def test_radius_is_where_the_wings_reach_the_limit(self):
        stars = star_wings.BrightStars(np.zeros(3), np.zeros(3), np.array([1e4, 1e5, 10.0]), 1e-3, 2.0)
        # 1e4 x 1e-3 / r^2 = 2.5 at 2 arcsec; ten times the flux reaches farther by the root of ten
        assert stars.radius(2.5) == pytest.approx([2.0, 2.0 * np.sqrt(10), 0.0])

    def test_flux_of_a_saturated_star_is_that_of_its_wings(self):
        rng, psf = np.random.default_rng(2), power_law_psf()
        image = rng.normal(size=(200, 200)) + 3.0
        image[50 : 50 + 101, 40 : 40 + 101] += 2e6 * psf.data
        ivar = np.ones_like(image)
        ivar[95:106, 85:96] = 0.0
        image[95:106, 85:96] = 1e4
        mosaic = make_band(image, ivar=ivar).mosaic
        # wings outside 0.3" hold a per cent of the light: 2e4 nJy against noise of a hundred pixels or so
        assert star_wings.wing_flux(mosaic, psf.data, 90.0, 100.0) == pytest.approx(2e6, rel=0.02)
        assert star_wings.wing_flux(mosaic, psf.data, 900.0, 100.0) == 0.0

    def test_only_bright_stars_count_and_galaxies_do_not(self):
        psf, mosaic = power_law_psf(), make_band(np.zeros((200, 200))).mosaic
        table = Table(
            {
                "x": [10.0, 20.0, 30.0],
                "y": [10.0] * 3,
                "mag_auto": [20.0, 20.0, 24.0],
                "reason": ["", "galaxy", ""],
                "saturated": [False] * 3,
            }
        )
        found = star_wings.find_bright_stars(table, mosaic, psf, np.ones((1, 1)))
        assert list(found.x) == [10.0] and found.flux[0] == pytest.approx(36307.8, rel=1e-4)

    def test_without_bright_stars_nothing_is_asked_of_the_psf(self):
        psf, mosaic = power_law_psf(), make_band(np.zeros((200, 200))).mosaic
        names = ("x", "y", "mag_auto")
        table = Table({name: np.zeros(0) for name in names} | {"reason": np.zeros(0, "U8")})
        table["saturated"] = np.zeros(0, bool)
        stamp = Psf(psf.data[45:56, 45:56], SCALE, "F200W", fwhm_arcsec=0.07)
        found = star_wings.find_bright_stars(table, mosaic, stamp, np.ones((23, 23)))
        assert len(found.x) == 0

    def test_pieces_of_wings_are_not_selected_and_their_area_is_lost(self):
        """Blobs within two arcsec of a star are found, and rejected only if the star is known."""
        rng, size = np.random.default_rng(3), 400
        images = {name: 0.3 * rng.normal(size=(size, size)) for name in ("F150W", "F200W")}
        for image in images.values():
            image += 20.0 * gaussian(size, 120, 200) + 20.0 * gaussian(size, 330, 200)
        bands = [make_band(image, name=name, ivar=11.1) for name, image in images.items()]
        # 5 sigma of a flux are 8 nJy here: reached at 1.7" by this star, beyond the blob at 1.6", not that at 2.6"
        sigma = 0.3 * np.sqrt(bands[1].kernels.flux_variance)
        stars = star_wings.BrightStars(
            np.array([200.0]), np.array([200.0]), np.array([5 * sigma * 1.7**2 / 1e-3]), 1e-3, 2.0
        )
        box, cuts = (0, size, 0, size), selection.SelectionOptions()
        for known, near in ((None, False), (stars, True)):
            result = detect_box(bands, 1, box, OPTIONS, cuts, stars=known)
            assert len(result.table) == 2
            left = np.asarray(result.table["x"]) < 200
            assert list(np.asarray(result.table["near_star"])[left]) == [near]
            assert not np.asarray(result.table["near_star"])[~left].any()
        lost = result.lost["star"].sum() * SCALE**2
        assert lost == pytest.approx(np.pi * 1.7**2, rel=0.05)

    def test_mask_does_not_depend_on_the_box(self):
        bands = [make_band(np.zeros((512, 512)), ivar=4.0)]
        stars = star_wings.BrightStars(np.array([250.0]), np.array([260.0]), np.array([3e4]), 1e-3, 2.0)
        whole = stars.mask(load_planes(bands, 0, (0, 512, 0, 512), 0)[0], 5.0)
        assert whole.any()
        for y0, x0 in ((0, 0), (256, 0), (0, 256), (256, 256)):
            part = stars.mask(load_planes(bands, 0, (y0, y0 + 256, x0, x0 + 256), 0)[0], 5.0)
            # the last two rows and columns of the field have no full surroundings
            assert np.array_equal(part[:250, :250], whole[y0 : y0 + 250, x0 : x0 + 250])


class TestCrowding:
    def test_sum_of_neighbours_by_distance(self):
        table = Table({"x": [0.0, 7.5, 200.0], "y": [0.0, 0.0, 0.0]})
        light = crowding.neighbour_light(
            np.array([0.0, 7.5]), np.zeros(2), table, [10.0, 100.0, 1e6], pixel_scale_arcsec=0.02
        )
        # 7.5 px are one sigma of 0.15 arcsec; a source is no neighbour of itself
        assert light == pytest.approx([100 * np.exp(-0.5), 10 * np.exp(-0.5)])

    def test_negative_and_missing_fluxes_count_as_none(self):
        table = Table({"x": [5.0, 5.0], "y": [0.0, 5.0]})
        assert crowding.neighbour_light(np.zeros(1), np.zeros(1), table, [-5.0, np.nan], 0.02) == 0.0
        assert crowding.neighbour_light(np.zeros(1), np.zeros(1), table[:0], [], 0.02) == 0.0


class TestTurned:
    @pytest.mark.parametrize("mirror", [1, -1])
    @pytest.mark.parametrize("degrees", [0, 45, 130])
    def test_elongations_go_with_the_second_moments(self, degrees, mirror):
        """Q' = M Q M^T on paper, for pixels turned by an angle, mirrored too, and half as large."""
        angle = np.radians(degrees)
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        there = turn @ np.diag([1.0, mirror])
        moments = there @ np.array([[2.0, 0.4], [0.4, 0.6]]) @ there.T
        plus, cross = moments[0, 0] - moments[1, 1], 2 * moments[0, 1]
        assert to_reference_axes(plus, cross, 2.0 * there) == (pytest.approx(1.4), pytest.approx(0.8))
        assert to_plane_axes(1.4, 0.8, 2.0 * there) == (pytest.approx(plus), pytest.approx(cross))

    def test_a_plane_on_the_same_pixels_turns_nothing(self):
        plane = load_planes([make_band(np.zeros((64, 64)))], 0, (0, 64, 0, 64), 0)[0]
        assert to_reference_axes(0.3, -0.8, plane.matrix) == (0.3, -0.8)
