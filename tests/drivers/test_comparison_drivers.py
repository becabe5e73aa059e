"""Drivers of comparisons, on the published clusters: from fluxes and positions to tables and figures."""

from pathlib import Path

import classify_sources
import count_stars
import fit_black_bodies
import measure_bcg
import measure_luminosities
import numpy as np
import prepare_comparison
import pytest
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS
from clusterphot.base.products import Mosaic
from clusterphot.base.tables import read_table, write_table
from clusterphot.figures.color_magnitude import rest_frame_colors
from clusterphot.run.configuration import load_yaml
from clusterphot.ssp.grid import write_projected_grid
from written_mosaic import write_mosaic

REPO = Path(__file__).resolve().parents[2]
SIX = ["F090W", "F150W", "F200W", "F277W", "F356W", "F444W"]
CONFIG = load_yaml(REPO / "config" / "config.yaml")
PUBLISHED = load_yaml(REPO / "config" / "shipped_fields.yaml")["fields"]["smacs0723_published"]
COSMOLOGY = {"h0": 70.0, "omega_m": 0.3}
SEQUENCE = str(REPO / "resources" / "literature" / "dwarf_sequence.ecsv")
WHERE = {"field": "f1", "grid": "bc03"}
COMMON = {"filters": SIX, "redshift": 0.39, "cosmology": COSMOLOGY, "dpi": 50, "v_filter": "auto"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory, projected_grid, job):
    """Inputs of all drivers: published fluxes, masses of a constant M/L, star counts, a catalogue."""
    path = tmp_path_factory.mktemp("run")
    table = Table.read(REPO / "resources" / "faisst2022" / "table1.csv")
    fluxes = table["id", "ra", "dec", *(f"flux_{k}{f}" for f in SIX for k in ("", "err_"))]
    write_table(path / "photometry.ecsv", fluxes, meta={})
    clusters = Table(
        {"id": table["id"], "log_mass": table["log_mass"], "log_mass_err": table["log_mass_err"]}
    )
    clusters["ml_v"], clusters["age_gyr"] = np.full(len(table), 0.45), np.full(len(table), 1.5)
    write_table(path / "clusters.ecsv", clusters, meta={})
    write_projected_grid(path / "projected.h5", projected_grid)
    a_mag = [0.25, 0.11, 0.07, 0.05, 0.03, 0.03]
    write_table(path / "extinction.ecsv", Table({"filter": SIX, "extinction_mag": a_mag}), meta={})
    (path / "galaxies.csv").write_text(
        "z,m,r,J,K\n"
        + "".join(f"0.39,{9 + 0.1 * k:.1f},2.0,{22.5 - 0.25 * k},{22 - 0.25 * k}\n" for k in range(20))
    )
    run(
        job,
        count_stars,
        path,
        {"extinction": "extinction.ecsv"},
        {"star_counts": "star_counts.ecsv"},
        sequence=SEQUENCE,
    )
    return path


def run(job, driver, folder, inputs, outputs, *, params=None, **more):
    """Call a driver with files of a folder and the shipped configuration."""
    driver.main(
        job(
            input={name: str(folder / file) for name, file in inputs.items()} | more,
            output={name: str(folder / file) for name, file in outputs.items()},
            params=shipped() | (params or {}),
            wildcards=WHERE,
        )
    )


def draw(plot, name, folder, inputs, **more):
    """Draw a figure from files of a folder with the shipped configuration."""
    output = {kind: str(folder / f"{name}.{kind}") for kind in ("png", "pdf")}
    files = {key: str(folder / file) for key, file in inputs.items()} | more
    plot(name, input=files, output=output, params=shipped(), wildcards=WHERE)
    assert (folder / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    assert (folder / f"{name}.pdf").read_bytes().startswith(b"%PDF")


def shipped():
    """Params of all these rules."""
    region = PUBLISHED["control_region"]
    given = COMMON | CONFIG["stars"] | CONFIG["contamination"] | CONFIG["comparison"]
    given |= {
        "center_deg": (110.8, -73.5),
        "reference_filter": None,
        "area_arcmin2": 9.68,
        "control_region": region,
    }
    given |= {"min_relative_error": 1e-3, "flux_floor_fraction": 0.0, "mass_convention": "vband", "r_v": 3.1}
    given |= {
        "black_body_k": [3000, 3400],
        "temperature_k": [3000, 3400],
        "bcg": None,
        "radius_kpc": 10.0,
        "confidence": 0.95,
    }
    return given


def test_star_counts_say_what_they_are_for(folder):
    table = read_table(folder / "star_counts.ecsv")
    assert table.meta["filter"] == "F200W" and table.meta["area_arcmin2"] == 9.68
    assert table.meta["galactic_deg"] == pytest.approx([285.0, -23.7], abs=0.2)
    assert table.meta["extinction_mag"] == 0.07


def test_a_users_star_counts_are_taken(folder, job, tmp_path):
    (tmp_path / "own.csv").write_text("mag,density\n15,1\n35,1\n")
    inputs, outputs = {"extinction": "extinction.ecsv"}, {"star_counts": "own.ecsv"}
    run(job, count_stars, folder, inputs, outputs, sequence=SEQUENCE, user=str(tmp_path / "own.csv"))
    table = read_table(folder / "own.ecsv")
    assert np.asarray(table["n_stars"]) == pytest.approx(np.full(len(table), 9.68 * 0.5))
    assert str(tmp_path / "own.csv") in table.meta["checksums"]


def test_the_parallel_module_is_another_population(folder, job, plot):
    """Most of its 13 sources, each judged by the other twelve; some 5 to 15 % of the others, as many as are expected
    of field objects (13 of 165)."""
    inputs = {"photometry": "photometry.ecsv", "grid": "projected.h5", "star_counts": "star_counts.ecsv"}
    run(job, classify_sources, folder, inputs, {"contamination": "contamination.ecsv"}, sequence=SEQUENCE)
    table = read_table(folder / "contamination.ecsv")
    assert list(table["id"]) == list(read_table(folder / "photometry.ecsv")["id"])
    control = np.asarray(table["is_control"])
    assert control.sum() == 13
    assert table.meta["n_control_not_clusters"] >= 9
    assert 0.03 < np.mean(table["p_cluster"][~control] < 0.5) < 0.15
    total = np.array([table[f"p_{name}"] for name in ("cluster", "galaxy", "star")]).sum(axis=0)
    assert total == pytest.approx(np.ones(178))
    inputs = {"photometry": "photometry.ecsv", "contamination": "contamination.ecsv"}
    draw(plot, "contamination", folder, inputs)


def test_a_source_that_is_hardly_seen_has_no_probability(folder, job):
    """At 2.9 sigma in F200W it would be the prior's; at 3.1 sigma it is given, and others are as they were."""
    table = read_table(folder / "photometry.ecsv")
    table["flux_F200W"][:2] = [2.9, 3.1]
    table["flux_err_F200W"][:2] = 1.0
    write_table(folder / "faint.ecsv", table, meta={})
    inputs = {"photometry": "faint.ecsv", "grid": "projected.h5", "star_counts": "star_counts.ecsv"}
    run(job, classify_sources, folder, inputs, {"contamination": "faint_classes.ecsv"}, sequence=SEQUENCE)
    classes = read_table(folder / "faint_classes.ecsv")
    for name in ("p_cluster", "p_galaxy", "p_star", "log_ratio_cluster"):
        assert np.flatnonzero(np.isnan(classes[name])).tolist() == [0]


def test_black_bodies_do_not_fit_the_published_stack(folder, job):
    """The best is near 3100 K, as cool as the stars that the paper draws, and is out by hundreds in chi-square."""
    table = Table.read(REPO / "resources" / "faisst2022" / "table2.csv")
    for name in table.colnames:
        table.rename_column(name, name.replace("flux_", "flux0_"))
    write_table(folder / "stack.ecsv", table, meta={})
    run(job, fit_black_bodies, folder, {"photometry": "stack.ecsv"}, {"black_bodies": "bodies.ecsv"})
    bodies = read_table(folder / "bodies.ecsv")
    best = bodies[bodies["is_best"]][0]
    assert 3000 < best["temperature_k"] < 3400
    assert best["chi2"] > 300


def test_catalogue_and_its_figures(folder, job, plot):
    columns = {"redshift": "z", "log_mass": "m", "radius_kpc": "r", "bands": {"1.25": "J", "2.15": "K"}}
    params = {"columns": columns}
    outputs = {"comparison": "comparison.ecsv"}
    run(job, prepare_comparison, folder, {"catalogue": "galaxies.csv"}, outputs, params=params)
    table = read_table(folder / "comparison.ecsv")
    assert len(table) == 20 and np.isfinite(table["mag_F150W"]).all() and np.isnan(table["mag_F444W"]).all()
    literature = {
        name: str(REPO / "resources" / "literature" / f"{name}.ecsv")
        for name in ("mass_size", "galaxy_sizes")
    }
    files = {"photometry": "photometry.ecsv", "clusters": "clusters.ecsv"}
    for galaxies in ([], str(folder / "comparison.ecsv")):
        of_field = {"photometry": "photometry.ecsv"}
        draw(plot, "comparison_colors", folder, of_field, comparison=galaxies, sequence=SEQUENCE)
        draw(plot, "mass_light", folder, files, comparison=galaxies)
        of_fits = {"clusters": "clusters.ecsv"}
        draw(plot, "mass_size", folder, of_fits, limits=[], comparison=galaxies, **literature)


def test_rest_frame_colors(folder, plot):
    """B - I of 1.5 mag; without I there is nothing to draw, and no mistake."""
    table = Table({"id": ["a", "b"]})
    for band, value in (("B", -11.5), ("I", -13.0)):
        for name, shift in (("p16", -0.2), ("p50", 0.0), ("p84", 0.2)):
            table[f"abs_mag_vega_bessell_{band}_{name}"] = np.full(2, value + shift)
    colors = rest_frame_colors(table)
    assert [values[0] for values in colors] == pytest.approx([1.5, -13.0, 0.0, 0.2])
    sequences = str(REPO / "resources" / "literature" / "bcg_cluster_colors.ecsv")
    for columns in (table.colnames, table.colnames[:4]):
        write_table(folder / "rest_frame.ecsv", table[columns], meta={})
        draw(plot, "color_magnitude", folder, {"rest_frame": "rest_frame.ecsv"}, sequences=sequences)


def test_ages_beside_lensed_clusters(folder, plot):
    lensed = str(REPO / "resources" / "literature" / "lensed_clusters.ecsv")
    draw(plot, "lensed_ages", folder, {"clusters": "clusters.ecsv"}, lensed=lensed)


def test_luminosities_with_the_brightest_cluster_galaxy(folder, job, plot):
    """A galaxy of constant brightness 1 nJy/pixel: pi a b / pixel area; and its V luminosity in the metadata."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype, wcs.wcs.crval, wcs.wcs.crpix = ["RA---TAN", "DEC--TAN"], [110.8, -73.5], [100.5, 100.5]
    wcs.wcs.cdelt = [-0.04 / 3600, 0.04 / 3600]
    rows, columns = np.indices((200, 200))
    image = np.exp(-np.hypot(columns - 99.5, rows - 99.5) / 400.0)
    paths = []
    for filt in SIX:
        paths.append(str(folder / f"{filt}.fits"))
        write_mosaic(paths[-1], Mosaic(image, np.ones_like(image), wcs, 0.04, filt, "f1"))
    assert fits.getheader(paths[0], "SCI")["FILTER"] == "F090W"
    inputs = {"extinction": "extinction.ecsv"}
    run(
        job,
        measure_bcg,
        folder,
        inputs,
        {"bcg": "bcg.ecsv"},
        params={"reference_filter": "F200W"},
        mosaics=paths,
    )
    bcg = read_table(folder / "bcg.ecsv")
    a = 10.0 / 5.290 / 0.04
    expected = 2 * np.pi * 400**2 * (1 - (1 + a / 400) * np.exp(-a / 400))
    assert np.asarray(bcg["flux_njy"]) == pytest.approx(
        expected * bcg.meta["axis_ratio"] * np.ones(6), rel=0.02
    )
    luminosity = 10**5.865 * bcg["flux_njy"][0] * 10 ** (0.4 * 0.25)
    assert bcg.meta["lum_v_lsun"] == pytest.approx(luminosity, rel=0.01)
    files = {"photometry": "photometry.ecsv", "clusters": "clusters.ecsv"}
    run(job, measure_luminosities, folder, files | {"bcg": "bcg.ecsv"}, {"luminosities": "luminosities.ecsv"})
    summary = {row["measure"]: row["value"] for row in read_table(folder / "luminosities.ecsv")}
    assert summary["clusters with a V luminosity"] == 178
    assert summary["M_V of the brightest cluster galaxy"] == pytest.approx(
        4.81 - 2.5 * np.log10(luminosity), abs=0.01
    )
    more = {"mass_to_light": str(REPO / "resources" / "literature" / "mass_to_light.ecsv")}
    draw(plot, "luminosities", folder, files | {"summary": "luminosities.ecsv"}, **more)
