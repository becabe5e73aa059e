"""Magnifications from a number, a map or the list, and intrinsic values with the errors of both apart."""

import re

import demagnify
import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS
from clusterphot.base.errors import ConfigError, DataError
from clusterphot.base.flags import Flag
from clusterphot.base.tables import read_table, write_table
from clusterphot.lensing.magnification import Listed, check_entry, magnify, read_listed, sample_map

CENTER = (110.83, -73.45)
NOTHING = Listed({}, {})


def celestial(shape, scale_arcsec=1.0):
    """A TAN projection about `CENTER`, mirrored as the sky is."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype, wcs.wcs.crval = ["RA---TAN", "DEC--TAN"], CENTER
    wcs.wcs.crpix = [(shape[1] + 1) / 2, (shape[0] + 1) / 2]
    wcs.wcs.cdelt = [-scale_arcsec / 3600, scale_arcsec / 3600]
    return wcs


@pytest.fixture
def ramp(tmp_path):
    """Map whose value is -(2 + 0.1 x + 0.3 y) at pixel (x, y), a hole at (3, 4), and the place of pixels."""
    y, x = np.indices((20, 30))
    values = -(2 + 0.1 * x + 0.3 * y)
    values[4, 3] = np.nan
    wcs = celestial(values.shape)
    path = tmp_path / "mu.fits"
    fits.PrimaryHDU(values.astype(">f4"), wcs.to_header()).writeto(path)
    return str(path), lambda x, y: wcs.all_pix2world(np.asarray(x, float), np.asarray(y, float), 0)


def test_map_is_linear_between_pixels(ramp):
    """Exact for a ramp; NaN outside, beside a hole and without a position; the edge's half pixel is the edge."""
    path, sky = ramp
    x, y = np.array([10.0, 10.25, 29.4, 30.6, 2.5, 12.0]), np.array([5.0, 7.5, 19.4, 5.0, 4.0, 3.0])
    ra, dec = sky(x, y)
    ra[-1] = np.nan
    wanted = [-4.5, -5.275, -10.6, np.nan, np.nan, np.nan]
    np.testing.assert_allclose(sample_map(path, ra, dec), wanted, rtol=1e-5)


def test_magnification_and_error_of_each_kind(ramp):
    """The parity of a map is dropped; the list goes before the key; sources in the lens are not magnified."""
    path, sky = ramp
    ra, dec = sky([10.0, 40.0, 10.0, 10.0], [5.0, 5.0, 5.0, 5.0])
    listed = Listed({"c": 7.0, "d": np.nan}, {"c": 0.5})
    in_lens = [False, False, False, True]
    entry = {"map": path, "error_fraction": 0.1}
    value, error = magnify(entry, listed, list("abcd"), ra, dec, in_lens=in_lens)
    np.testing.assert_allclose(value, [4.5, np.nan, 7.0, 1.0], rtol=1e-5)
    np.testing.assert_allclose(error, [0.45, np.nan, 0.5, 0.0], rtol=1e-5)
    value, error = magnify({"map": path, "error": path}, NOTHING, ["a"], ra[:1], dec[:1])
    np.testing.assert_allclose([value[0], error[0]], 4.5, rtol=1e-5)
    value, error = magnify({"value": 5, "error": 0.8}, NOTHING, ["a", "b"])
    assert value.tolist() == [5, 5]
    assert error.tolist() == [0.8, 0.8]
    assert np.isnan(magnify({"value": 5}, NOTHING, ["a"])[1]).all()
    assert np.isnan(magnify(None, listed, ["d"])[0]).all()


@pytest.mark.parametrize(
    ("entry", "kind", "words"),
    [
        (
            {"error": 1},
            ConfigError,
            "got neither value nor map, expected either value (a number) or map (an image)",
        ),
        ({"value": 2, "map": "mu.fits"}, ConfigError, "got value and map"),
        ({"value": 2, "error": 1, "error_fraction": 0.1}, ConfigError, "got error and error_fraction"),
        ({"value": 2, "error": "e.fits"}, ConfigError, "expected a number, beside a magnification"),
        ({"map": "no.fits"}, DataError, "no such file"),
    ],
)
def test_mistakes_are_named(entry, kind, words):
    with pytest.raises(kind, match=re.escape(words)):
        check_entry(entry, "my.yaml, fields.arc.magnification", CENTER)


def test_a_map_needs_positions_and_sources(ramp):
    path, sky = ramp
    with pytest.raises(ConfigError, match="a map for sources without positions"):
        check_entry({"map": path}, "magnification", None)
    with pytest.raises(DataError, match="a map beside the field"):
        check_entry({"map": path}, "magnification", sky([400.0], [5.0]))
    check_entry({"map": path}, "magnification", sky([10.0], [5.0]))


@pytest.mark.parametrize("card", ["CTYPE1", "EXTNAME", "XTENSION"])
@pytest.mark.parametrize("packed", [False, True])
def test_a_map_with_a_damaged_card(tmp_path, card, packed):
    """Of a plain or a tile-compressed file: one message, or a card that nobody needs."""
    path, image = tmp_path / "mu.fits", fits.CompImageHDU if packed else fits.ImageHDU
    header = celestial((20, 30)).to_header()
    header["EXTNAME"] = "MU"
    fits.HDUList([fits.PrimaryHDU(), image(np.full((20, 30), 5.0, ">f4"), header)]).writeto(path)
    content = path.read_bytes()
    start = content.index(card.encode().ljust(8) + b"= ", 2880)
    path.write_bytes(content[: start + 10] + b"'never ends ".ljust(70) + content[start + 80 :])
    with pytest.raises(DataError, match=re.escape(str(path))):
        check_entry({"map": str(path)}, "magnification", CENTER)


def test_a_map_with_damaged_tiles(tmp_path):
    """Whatever words cfitsio and astropy have for it."""
    path = tmp_path / "mu.fits.fz"
    values = np.random.default_rng(3).uniform(2, 9, (20, 30)).astype(">f4")
    hdu = fits.CompImageHDU(values, celestial((20, 30)).to_header())
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(path)
    content, place = path.read_bytes(), tuple(np.array([angle]) for angle in CENTER)
    for kept in (b"TTYPE1  = ", b"TFORM1  = ", b"ZCMPTYPE= "):
        start = content.index(kept) + len(kept)
        path.write_bytes(content[:start] + b"inf".rjust(20) + content[start + 20 :])
        with pytest.raises(DataError, match=re.escape(str(path))):
            check_entry({"map": str(path)}, "magnification", place)
            sample_map(str(path), *place)


def test_columns_of_the_list(tmp_path):
    path = tmp_path / "s.csv"
    path.write_text("id,magnification,magnification_err\na,5,0.8\nb,,\n")
    listed = read_listed(str(path), "sources")
    assert listed.value["a"] == 5
    assert np.isnan(listed.value["b"])
    assert listed.error["a"] == 0.8
    path.write_text("id,magnification\na,-5\n")
    with pytest.raises(DataError, match="column magnification: got -5, expected a magnification above 0"):
        read_listed(str(path), "sources")
    path.write_text("id,magnification_err\na,5\n")
    with pytest.raises(DataError, match="magnification_err without magnification"):
        read_listed(str(path), "sources")


def lensed_field(tmp_path, mu, mu_err):
    """Fluxes, fits and sizes of clusters of known intrinsic values, as a lens shows them: drawn with both errors."""
    rng = np.random.default_rng(23)
    n = len(mu)
    true_mass, true_flux = rng.uniform(5.5, 7.0, n), rng.uniform(2.0, 20.0, n)
    seen = np.clip(
        mu + mu_err * rng.standard_normal(n), 0.5, None
    )  # what the lens did; mu is what is known of it
    mass = true_mass + np.log10(seen) + 0.08 * rng.standard_normal(n)
    flux = true_flux * seen + 0.5 * rng.standard_normal(n)
    ids = [f"c{k}" for k in range(n)]
    nothing = np.zeros(n, dtype=int)
    quantiles = {"p025": -0.16, "p16": -0.08, "p50": 0, "p84": 0.08, "p975": 0.16}
    clusters = {f"log_mass_{name}": mass + step for name, step in quantiles.items()}
    clusters |= {"log_mass": mass, "log_mass_err": np.full(n, 0.08), "lum_v_lsun": 10**mass, "flags": nothing}
    tables = {
        "photometry": Table(
            {"id": ids, "flags": nothing, "flux_F200W": flux, "flux_err_F200W": np.full(n, 0.5)}
        ),
        "clusters": Table({"id": ids, **clusters}),
        "sizes": Table(
            {
                "id": ["stack", *ids],
                "is_stack": [True, *[False] * n],
                "radius_pc": [1.0, *(10 * np.sqrt(seen))],
                "radius_limit_pc": [2.0, *(20 * np.sqrt(seen))],
            }
        ),
    }
    paths = {name: str(tmp_path / f"{name}.ecsv") for name in tables}
    for name, table in tables.items():
        write_table(paths[name], table, meta={})
    listed = Table({"id": ids, "magnification": mu, "magnification_err": np.full(n, mu_err)})
    paths["listed"] = str(tmp_path / "list.csv")
    listed.write(paths["listed"], format="ascii.csv")
    return paths, true_mass, true_flux


def test_a_field_behind_a_lens_is_recovered(job, tmp_path):
    """Intrinsic masses, fluxes and sizes within errors that cover: pulls of unit width with both parts together."""
    mu = np.random.default_rng(5).uniform(3, 12, 400)
    paths, true_mass, true_flux = lensed_field(tmp_path, mu, mu_err=0.5)
    output = {"intrinsic": str(tmp_path / "intrinsic.ecsv")}
    smk = job(
        input={**paths, "maps": []}, output=output, params={"magnification": None}, wildcards={"field": "arc"}
    )
    demagnify.main(smk)
    table = read_table(output["intrinsic"])
    error = np.hypot(0.08, table["intrinsic_log_mass_err_lensing"])
    pulls = (table["intrinsic_log_mass_p50"] - true_mass) / error
    assert abs(np.mean(pulls)) < 4 / np.sqrt(400)
    assert abs(np.std(pulls) - 1) < 0.12  # 3 sigma of 400 pulls
    error = np.hypot(table["intrinsic_flux_err_F200W"], table["intrinsic_flux_err_lensing_F200W"])
    pulls = (table["intrinsic_flux_F200W"] - true_flux) / error
    assert abs(np.mean(pulls)) < 4 / np.sqrt(400)
    assert abs(np.std(pulls) - 1) < 0.12
    assert np.median(table["intrinsic_radius_pc"]) == pytest.approx(10, rel=0.01)
    assert np.median(table["intrinsic_radius_limit_pc"]) == pytest.approx(20, rel=0.01)
    assert (table["flags"] == 0).all()
    assert "sqrt(magnification)" in table.meta["assumed"]


def test_outside_the_map_nan_and_flag(job, tmp_path, ramp):
    path, sky = ramp
    paths, *_ = lensed_field(tmp_path, np.full(2, 4.5), mu_err=0.0)
    photometry = read_table(paths["photometry"])
    photometry["ra"], photometry["dec"] = sky([10.0, 60.0], [5.0, 5.0])
    write_table(paths["photometry"], photometry, meta={})
    (tmp_path / "plain.csv").write_text("id\nc0\nc1\n")
    output = {"intrinsic": str(tmp_path / "intrinsic.ecsv")}
    given = {**paths, "listed": str(tmp_path / "plain.csv"), "maps": [path]}
    params = {"magnification": {"map": path, "error": 0.9}}
    demagnify.main(job(input=given, output=output, params=params, wildcards={"field": "arc"}))
    table = read_table(output["intrinsic"])
    assert table["magnification"][0] == pytest.approx(4.5, rel=1e-5)
    assert table["intrinsic_log_mass_err_lensing"][0] == pytest.approx(0.2 / np.log(10), rel=1e-5)
    assert table["flags"].tolist() == [0, int(Flag.LENSING_UNKNOWN)]
    values = [name for name in table.colnames if name.startswith(("intrinsic", "magnification"))]
    assert all(np.isnan(table[name][1]) for name in values)
