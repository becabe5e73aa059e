"""Parts of the report: numbers as JSON, origins, run times, figures by name, populations, spectra, pages."""

import json
import math

import numpy as np
import pytest
from astropy.table import Table
from clusterphot.base.tables import provenance as make_meta
from clusterphot.base.tables import write_table
from clusterphot.report import (
    figure_entries,
    first_page,
    numbers,
    pages,
    provenance,
    source_table,
    timing,
)
from clusterphot.report.advice import Advice
from clusterphot.report.cards import merge_cards
from clusterphot.report.field_report import nearest
from clusterphot.report.populations import MAX_CELLS, map_axes, posterior_pictures
from clusterphot.report.spectra import bin_means
from clusterphot.run.codes import folder_digest

# ---- numbers


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (math.nan, None), (math.inf, None), (np.float64(1.23456789), 1.2346), (np.int64(7), 7), (3.0, 3),
        (-0.000123456, -0.00012346), ("x", "x"), (True, True), (None, None),
    ],
)  # fmt: skip
def test_short(value, expected):
    assert numbers.short(value) == expected


def test_dump_is_safe_in_a_script():
    text = numbers.dump({"id": "</script><b>\u2028ü"})
    assert "</" not in text
    assert "\u2028" not in text
    assert json.loads(text) == {"id": "</script><b>\u2028ü"}


# ---- figures


def test_figures_have_texts_and_origin():
    """Inputs below the folder of the field, params as they are; of files elsewhere nothing."""
    path = "results/f/figures/psf_F200W.png"
    files = ["results/f/F200W/psf.fits", "results/f/stars.ecsv", "resources/x.ecsv"]
    entry = figure_entries.describe_figure(path, {"input": files, "params": {"dpi": 200}})
    assert (entry.section, entry.rule, entry.title) == ("psf", "plot_psf", "PSF in F200W")
    assert entry.drawn_from == ("F200W/psf.fits", "stars.ecsv") and entry.parameters == {"dpi": 200}
    assert figure_entries.describe_figure("a/b/chi2_map_bc03.png").title == "Chi-square of the stack, bc03"
    assert "best bc03 population" in figure_entries.describe_figure("a/b/stack_sed_bc03.png").caption
    with pytest.raises(ValueError, match=r"something_new\.png is no figure"):
        figure_entries.describe_figure("a/b/something_new.png")


def test_figures_are_shown_in_their_order():
    found = figure_entries.sort_figures(["a/b/stack_sed_x.png", "a/b/stacks.png"])["stack"]
    assert [entry.name for entry in found] == ["stacks", "stack_sed_x"]
    found = figure_entries.sort_figures(
        ["a/b/sizes.png", "a/b/masses_y.png", "a/b/overview.png", "a/b/masses_x.png"]
    )
    assert list(found) == ["field", "populations", "sizes"]
    assert [entry.name for entry in found["populations"]] == ["masses_y", "masses_x"]


# ---- where the time went


def test_benchmarks_are_summed_by_rule(tmp_path):
    head = "s\th:m:s\tmax_rss\tmax_vms\tmax_uss\tmax_pss\tio_in\tio_out\tmean_load\tcpu_time\n"
    for name, line in {
        "fit/demo/F200W/c000.tsv": "8.0\t0:00:08\t120\t1\t1\t1\t1\t1\t1\t2.0\n",
        "fit/demo/F200W/c001.tsv": "4.0\t0:00:04\t150\t1\t1\t1\t1\t1\t1\t1.5\n",
        "single.tsv": "0.1\t0:00:00\t-\t-\t-\t-\t-\t-\t-\tNA\n",
        "broken/x.tsv": "",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(head + line if line else "")
    fit, single = timing.read_benchmarks(tmp_path)
    assert fit == timing.RuleTime("fit", 2, 12.0, 3.5, 8.0, 150.0)
    assert (single.rule, single.max_rss_mb) == ("single", 0.0)
    bars = first_page.time_bars([fit, single])
    assert bars[0]["width"] == first_page.BAR_WIDTH
    assert bars[0]["cpu_width"] == pytest.approx(first_page.BAR_WIDTH * 3.5 / 12, abs=0.1)
    assert bars[1]["memory"] == "–"
    assert first_page.time_bars([]) == []


def test_rules_without_a_bar_are_told_in_a_sentence():
    """Two rules beyond the limit, of 3 jobs, 20 s and 400 MB each."""
    times = [timing.RuleTime(f"r{k}", 3, 20.0, 10.0, 9.0, 400.0) for k in range(first_page.MAX_RULES + 2)]
    assert len(first_page.time_bars(times)) == first_page.MAX_RULES
    assert first_page.tell_rest(times) == "2 more rules, with 6 jobs of up to 400 MB, took 40 s."
    assert first_page.tell_rest(times[:-1]).startswith("1 more rule, with 3 jobs")
    assert first_page.tell_rest(times[:3]) == ""


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.84, "0.8 s"), (42.4, "42 s"), (200.0, "3 min 20 s"), (7500.0, "2 h 5 min")]
)
def test_durations_in_words(seconds, words):
    assert timing.spell_seconds(seconds) == words


# ---- origins


def test_origin_of_a_table(tmp_path):
    path = tmp_path / "results" / "f" / "photometry.ecsv"
    path.parent.mkdir(parents=True)
    meta = make_meta(
        "merge_photometry", {"field": "f"}, {"code": "abc", "h0": 70.0}, checksums={"a.csv": "12"}
    )
    meta["rows_from"] = {"rule": "join_filters", "parameters": {"code": "def", "x": [1, 2]}}
    write_table(str(path), Table({"id": ["1"], "flags": [0]}), meta=meta)
    source = provenance.describe_file(str(path), config={}, codes={})
    assert (source.rule, source.code, source.checksums) == ("merge_photometry", "abc", {"a.csv": "12"})
    assert "h0: 70.0" in source.parameters
    assert source.rows_from == {"rule": "join_filters", "code": "def", "parameters": "x: [1, 2]"}
    assert source.versions["astropy"]
    assert "flag_bits" not in source.other


def test_origin_of_an_image_comes_from_rule_and_configuration(tmp_path):
    from clusterphot.base.products import Psf, write_psf

    path = tmp_path / "psf.fits"
    write_psf(path, Psf(np.ones((3, 3)) / 9, 0.02, "F200W", n_stars=23))
    source = provenance.describe_file(str(path), config={"psf": {"mag_min": 25}}, codes={"build_psf": "123"})
    assert (source.rule, source.code) == ("build_psf", "123")
    assert "mag_min: 25" in source.parameters
    assert "NSTARS: 23" in source.other


def test_checksums_of_mosaics_are_read_from_their_headers(tmp_path):
    """Names that FITS cannot hold are spelled out; the checksum is that of sha256sum."""
    from astropy.io import fits
    from clusterphot.base.files import checksum_cards

    (tmp_path / "bild_ä.fits").write_bytes(b"abc")
    cards = checksum_cards({"SCI": str(tmp_path / "bild_ä.fits")})
    # of "abc" by FIPS 180-2, appendix B.1
    digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert cards["SCISHA"][0] == digest
    path = tmp_path / "results" / "f" / "F200W" / "mosaic.fits"
    path.parent.mkdir(parents=True)
    hdu = fits.PrimaryHDU(np.zeros((2, 2)))
    hdu.header.update(cards)
    hdu.writeto(path)
    source = provenance.describe_file(str(path), config={}, codes={})
    assert source.checksums == {"bild_\\xe4.fits": digest}
    assert "SHA" not in source.other
    assert source.title == "Mosaic, nJy per pixel, F200W"


def origin(path):
    """Origin of a file of which nothing but its path is known."""
    anchor = provenance.anchor_of(path)
    return provenance.Source(path, anchor, path, "", "", "", {}, {}, {}, "")


def test_origins_lead_to_what_a_file_is_made_from():
    names = (
        "photometry.ecsv", "photometry_dereddened.ecsv", "extinction.ecsv", "sed/bc03/clusters.ecsv",
        "F150W/fits/c000.ecsv", "F200W/fits/c000.ecsv", "F150W/psf.fits", "F200W/psf.fits", "F200W/mosaic.fits",
    )  # fmt: skip
    links = provenance.link_sources([origin(f"results/f/{name}") for name in names])
    found = {anchor: {other.anchor for other in others} for anchor, others in links.items()}
    assert found["photometry-ecsv"] == {"F150W-fits-c000-ecsv", "F200W-fits-c000-ecsv"}
    assert found["F200W-fits-c000-ecsv"] == {"F200W-psf-fits", "F200W-mosaic-fits"}
    assert found["sed-bc03-clusters-ecsv"] == {"photometry_dereddened-ecsv"}
    assert found["F200W-mosaic-fits"] == set()


def test_anchors_differ():
    paths = [
        f"results/f/{name}"
        for name in ("photometry.ecsv", "F200W/psf.fits", "F150W/psf.fits", "sed/a/stack.ecsv")
    ]
    anchors = [provenance.anchor_of(path) for path in paths]
    assert len(set(anchors)) == 4
    assert anchors[1] == "F200W-psf-fits"


# ---- table and cards


def test_columns_of_the_table():
    ids = ["b", "a"]
    photometry = Table({"id": ids, "ra": [10.123456789, 11.0], "dec": [-1.0, np.nan], "flags": [0, 8],
                        "flux_F200W": [100.0, np.nan], "flux_err_F200W": [5.0, np.nan],
                        "mine": ["x", "y"]})  # fmt: skip
    photometry.meta["carried"] = ["mine"]
    fits = Table({"id": ids, "age_gyr": [2.0, np.nan], "metallicity_zsun": [0.2, np.nan], "chi2": [3.0, np.nan],
                  "log_mass": [6.5, np.nan], "flags": [512, 64]})  # fmt: skip
    truth = Table({"id": ["a"], "true_flux_F200W": [90.0]})
    columns = source_table.make_columns(
        {"dereddened": photometry, "photometry": None, "clusters": {"g": fits, "h": fits}, "recovery": truth},
        filters=["F200W"], reference="F200W", grids=["g", "h"],
        advice=[Advice("yes"), Advice("no", "not measured")],
        origins={"dereddened": "d", "clusters": {"g": "cg", "h": "ch"}, "recovery": "r"},
    )  # fmt: skip
    by_name = {column.name: column for column in columns}
    assert by_name["ra"].values == [10.12345679, 11.0]
    assert by_name["dec"].values == [-1.0, None]
    assert by_name["flags"].values == [512, 8 | 64]
    assert by_name["use"].values == ["yes", "no"] and by_name["why"].values == ["", "not measured"]
    assert by_name["snr_F200W"].values == [20, None]
    assert by_name["mag_F200W"].values[0] == pytest.approx(26.4, abs=1e-4)  # 31.4 - 2.5 log10(100)
    assert by_name["age_gyr@h"].values == [2, None]
    assert by_name["true_flux_F200W"].values == [None, 90]
    assert by_name["mine"].values == ["x", "y"]
    assert by_name["age_gyr"].shown
    assert not by_name["age_gyr@h"].shown
    script = source_table.table_script(columns)
    assert [row[0] for row in script["rows"]] == ids
    assert "values" not in script["columns"][0]


def test_nearest_neighbours():
    """Separations known on paper: 1 arcsec in declination, and 1 arcsec on the sky in right ascension."""
    ra = 110.0 + np.array([0.0, 0.0, 1.0 / np.cos(np.radians(-73.0)), 50.0]) / 3600
    dec = -73.0 + np.array([0.0, 1.0, 0.0, 0.0]) / 3600
    found = nearest(Table({"ra": ra, "dec": dec}))
    assert {row for row, _ in found[0]} == {1, 2}
    assert [arcsec for _, arcsec in found[0]] == pytest.approx([1.0, 1.0], abs=1e-3)
    assert found[3] == []
    assert nearest(Table({"id": ["a"]})) == [[]]
    with_gap = nearest(Table({"ra": [110.0, np.nan, 110.0], "dec": [-73.0, -73.0, -73.0]}))
    assert with_gap == [[[2, 0.0]], [], [[0, 0.0]]]
    assert nearest(Table({"ra": [1.0], "dec": [2.0]})) == [[]]


def card_file(path, ids, **more):
    """A file of cards without content."""
    axes = {"age_edges": [1, 2], "metallicity_edges": [0.2, 0.4]}
    content = {"version": 1, "filters": ["F"], **axes, "cards": {name: {"best": [1]} for name in ids}} | more
    path.write_text(json.dumps(content))
    return str(path)


def test_cards_are_merged_in_the_order_of_the_list(tmp_path):
    paths = [card_file(tmp_path / "a.json", ["3", "1"]), card_file(tmp_path / "b.json", ["2"])]
    cards, shared = merge_cards(paths, ["1", "2", "3"])
    assert len(cards) == 3
    assert shared["filters"] == ["F"]
    with pytest.raises(ValueError, match="hold 3 cards, the source list 2"):
        merge_cards(paths, ["1", "2"])
    with pytest.raises(ValueError, match="different filters"):
        merge_cards([paths[0], card_file(tmp_path / "c.json", ["2"], filters=["G"])], ["1", "2", "3"])
    with pytest.raises(ValueError, match="version 0"):
        merge_cards([card_file(tmp_path / "d.json", ["2"], version=0)], ["2"])


def test_cards_of_other_redshifts_have_axes_of_their_own(tmp_path):
    """Ages end at that of the Universe; the field's own axes are those of its redshift, whichever chunk is first."""
    paths = [
        card_file(tmp_path / "a.json", ["1"], redshift=1.4, age_edges=[1, 1.5]),
        card_file(tmp_path / "b.json", ["2"], redshift=0.4),
    ]
    cards, shared = merge_cards(paths, ["1", "2"], 0.4)
    assert shared["age_edges"] == [1, 2]
    assert cards[0]["axes"] == {"age_edges": [1, 1.5], "metallicity_edges": [0.2, 0.4]}
    assert "axes" not in cards[1]
    with pytest.raises(ValueError, match="different filters or axes"):
        merge_cards(
            [paths[1], card_file(tmp_path / "c.json", ["1"], redshift=0.4, age_edges=[1, 3])], ["1", "2"], 0.4
        )


def test_cards_are_paged(tmp_path):
    assert pages.write_card_pages(tmp_path, [{"n": k} for k in range(450)]) == 3
    last = (tmp_path / "cards-002.js").read_text(encoding="utf-8")
    assert last.startswith('CLUSTERPHOT.give("cards-002",[{"n":400}')
    assert last.count('"n"') == 50


# ---- populations


@pytest.fixture(scope="module")
def model(embedded_grid):
    """Posterior model of four filters, coarse."""
    from clusterphot.base.cosmology import flat_lambda_cdm
    from clusterphot.sed.posterior_model import Nuisance, Priors, make_model
    from clusterphot.sed.shared_modes import zero_point_modes
    from clusterphot.ssp.grid import project_grid
    from clusterphot.ssp.refine import refine_grid

    grid = project_grid(embedded_grid, ("F090W", "F150W", "F277W", "F444W"), 0.39, flat_lambda_cdm(70.0, 0.3))
    fine = refine_grid(
        grid, age_range_gyr=(0.5, 9.0), metallicity_range_zsun=(0.02, 1.0), step_log_age_dex=0.03,
        step_log_metallicity_dex=0.1,
    )  # fmt: skip
    return make_model(fine, Priors(), Nuisance(zero_point_modes(fine.filters, 0.02)))


def test_posterior_pictures_hold_the_truth(model):
    """A bright source made from a node: the band is on its fluxes, the map peaks at its node."""
    _, n_age, n_z = model.shape
    node = 30 * n_z + 8
    flux = 1e7 * model.flux[:, node][None]
    band, maps = posterior_pictures(
        flux, 0.005 * flux, model, min_relative_error=1e-3, flux_floor_fraction=0.0
    )
    assert np.all(band[0, 0] <= band[0, 4])
    assert band[0, 2] == pytest.approx(flux[0], rel=0.02)  # the zero-point error
    ages, metallicities = map_axes(model)
    assert maps[0].shape == (len(ages) - 1, len(metallicities) - 1)
    assert max(maps[0].shape) <= MAX_CELLS
    i, j = np.unravel_index(maps[0].argmax(), maps[0].shape)
    assert abs(np.log10(np.sqrt(ages[i] * ages[i + 1]) / model.age_gyr[30])) < 0.15
    assert abs(np.log10(np.sqrt(metallicities[j] * metallicities[j + 1]) / model.metallicity_zsun[8])) < 0.2


def test_a_source_without_data_has_no_map(model):
    missing = np.full((1, 4), np.nan)
    band, maps = posterior_pictures(missing, missing, model, min_relative_error=1e-3, flux_floor_fraction=0.0)
    assert maps == [None]
    assert np.isnan(band).all()


def test_a_flat_posterior_is_flat_to_the_edges(model):
    """Without information the density per dex is the prior's: log-uniform, so the map is level, edges included."""
    flux = np.full((1, 4), 1.0)
    _, maps = posterior_pictures(flux, 1e6 * flux, model, min_relative_error=1e-3, flux_floor_fraction=0.0)
    assert maps[0].min() > 0.98


def test_bin_means_of_a_line():
    """The mean of a straight line over a bin is its value at the middle; outside the samples nothing is known."""
    wave = np.array([1.0, 2.0, 4.0, 7.0])
    means = bin_means(wave, 3.0 * wave + 1.0, np.array([0.5, 1.5, 3.0, 6.0, 8.0]))
    assert np.isnan(means[[0, 3]]).all()
    assert means[1:3] == pytest.approx([3 * 2.25 + 1, 3 * 4.5 + 1])


# ---- templates


def test_templates_escape_what_users_write(tmp_path):
    pages.write_page(
        pages.make_environment(), "clusters.html", tmp_path / "x.html", page="clusters", field="<b>&",
        up="../index.html", categories={}, role="other", proven=False,
    )  # fmt: skip
    text = (tmp_path / "x.html").read_text(encoding="utf-8")
    assert "<b>&" not in text
    assert "&lt;b&gt;&amp;" in text


def test_digest_of_templates_changes_with_them(tmp_path):
    (tmp_path / "a.css").write_text("x")
    before = folder_digest(tmp_path)
    (tmp_path / "a.css").write_text("y")
    assert folder_digest(tmp_path) != before
    assert folder_digest(tmp_path) == folder_digest(tmp_path)


def test_page_wide_figures_take_the_page_unless_there_are_many(tmp_path):
    """Widths and heights from the PNG headers: 40 and 20 pixels wide."""
    from clusterphot.base.png import encode_png

    (tmp_path / "in").mkdir()
    names = {"masses_a": 20, "colors_a": 40, "recovery_pulls": 40, **{f"psf_F{n}": 40 for n in range(4)}}
    for name, width in names.items():
        png = encode_png(np.zeros((10, width), dtype=np.uint8))
        (tmp_path / "in" / f"{name}.png").write_bytes(png)
    (tmp_path / "in" / "masses_a.pdf").write_text("pdf")
    entries = figure_entries.sort_figures([str(tmp_path / "in" / f"{name}.png") for name in names])
    shown = pages.copy_figures(entries, tmp_path / "figures")
    found = {figure["entry"].name: figure for group in shown.values() for figure in group}
    assert found["masses_a"]["size"] == (20, 10)
    assert found["masses_a"]["pdf"] == "figures/masses_a.pdf"
    assert found["colors_a"]["pdf"] is None
    assert {name for name, figure in found.items() if figure["wide"]} == {"colors_a", "recovery_pulls"}
    assert (tmp_path / "figures" / "psf_F0.png").is_file()
