"""A field without a source list: candidates, completeness, the frozen list, and what cannot be asked for."""

import csv

import numpy as np
import pytest
from astropy.table import Table
from clusterphot.base.units import mag_ab
from image_field import FILTERS
from running import copy_run

pytestmark = pytest.mark.slow
MORE = """
fields: {mine: {sources: detect}}
completeness: {n_injections: 50, n_per_run: 50, n_of_mass: 100, sizes_pc: [0, 100]}
"""
"""Beside the ten lines of the field."""


@pytest.fixture(scope="module")
def searched(imaged, snakemake, tmp_path_factory):
    """Copy of the run on the field, searched without its list."""
    cwd = copy_run(imaged.cwd, tmp_path_factory.mktemp("searched") / "work")
    (cwd / "more.yaml").write_text(MORE)
    command = ("--configfile", "my.yaml", "more.yaml", "--", "candidates", "completeness", "luminosity")
    run = snakemake(*command, cwd=cwd, repo=imaged.repo, cores=2)
    assert run.status == 0, run.stdout + run.stderr
    return cwd


def test_luminosity_function_colours_and_map_are_there(searched):
    folder = searched / "results/mine/luminosity"
    tables = {
        name: Table.read(folder / f"{name}.ecsv", format="ascii.ecsv")
        for name in ("function", "counts", "colors", "radial", "comparison")
    }
    for table in tables.values():
        assert all(table[name].description for name in table.colnames)
    row = tables["function"][0]
    chosen = Table.read(searched / "results/mine/candidates.ecsv", format="ascii.ecsv")["selected"]
    assert row["n_sources"] == chosen.sum() == tables["counts"]["n_found"].sum()
    # a few dozen sources of a field of a few arcsec do not show a turnover to be proud of, but numbers
    assert row["n_to_limit"] > 0.5 * row["n_clean"] and row["area_searched"] > row["area_lost"]
    assert list(tables["comparison"]["map"]) == ["light"]
    for name in ("luminosity_function", "color_mixture", "cluster_map"):
        assert (searched / f"results/mine/figures/{name}.png").stat().st_size > 10000


def plan(snakemake, imaged, cwd, more, *targets):
    (cwd / "other.yaml").write_text(more)
    command = ("--configfile", "my.yaml", "more.yaml", "other.yaml", "--", *targets)
    return snakemake("--dry-run", *command, cwd=cwd, repo=imaged.repo)


def test_clusters_of_the_field_are_found(searched, drawn_field):
    table = Table.read(searched / "results/mine/candidates.ecsv", format="ascii.ecsv")
    assert table.colnames[:3] == ["id", "ra", "dec"]
    assert all(table[name].description for name in table.colnames)
    truth = drawn_field.truth
    bright = mag_ab(np.asarray(truth["flux_F200W"])) < 28.5
    chosen = table[table["selected"]]
    dx = (np.asarray(chosen["ra"])[:, None] - truth["ra"]) * np.cos(np.radians(-73.45)) * 3600
    dy = (np.asarray(chosen["dec"])[:, None] - truth["dec"]) * 3600
    found = (np.hypot(dx, dy) < 0.06).any(axis=0)
    # some ten clusters: one may be lost
    assert bright.sum() > 5 and found[bright].sum() >= bright.sum() - 1
    assert set(table["reason"][~table["selected"]]) <= set(table.meta["reasons"])
    assert table.meta["area_arcsec2"]["searched"] == pytest.approx(400, rel=0.1)
    assert {f"{kind}_{filt}" for kind in ("flux", "flux_err") for filt in FILTERS} < set(table.colnames)


def test_completeness_of_every_filter(searched):
    for filt in FILTERS:
        table = Table.read(searched / f"results/mine/completeness/{filt}.ecsv", format="ascii.ecsv")
        assert all(table[name].description for name in table.colnames)
        whole = table["noise_class"] == 0
        assert 40 <= table["n_injected"][whole].sum() <= 50
        assert 28.5 < table["mag_50"][whole][0] < 31.5
        assert table.meta["m50"] == table["mag_50"][whole][0] and {"m50_err", "m90", "m90_err"} <= set(
            table.meta
        )
        assert (searched / f"results/mine/figures/completeness_{filt}.png").is_file()


def test_completeness_by_mass_age_and_radius(searched):
    table = Table.read(searched / "results/mine/completeness/mass.ecsv", format="ascii.ecsv")
    assert all(table[name].description for name in table.colnames)
    assert set(table["selection"]) == {"found", "selected"} and set(table["half_light_radius_pc"]) == {
        0.0,
        100.0,
    }
    assert len(set(table["age_gyr"])) == 3
    of_kind = table[(table["selection"] == "found") & (table["half_light_radius_pc"] == 0.0)]
    limits = [of_kind["log_mass_50"][of_kind["age_gyr"] == age][0] for age in sorted(set(of_kind["age_gyr"]))]
    # older clusters are fainter: half a dex from 0.5 to 2 Gyr; some 17 of each kind tell a limit to 0.2 dex
    assert min(limits) > 4 and max(limits) < 8 and limits[2] > limits[0]
    assert 80 <= sum(table["n"][table["selection"] == "selected"]) <= 100


def test_the_frozen_list_is_a_source_list(searched, imaged, snakemake):
    path = searched / "results/mine/selected.csv"
    rows = list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))
    table = Table.read(searched / "results/mine/candidates.ecsv", format="ascii.ecsv")
    assert [row["id"] for row in rows] == list(table["id"][table["selected"]])
    (searched / "frozen.csv").write_bytes(path.read_bytes())
    run = plan(snakemake, imaged, searched, "fields: {mine: {sources: frozen.csv}}\n", "photometry")
    assert run.status == 0, run.stdout + run.stderr
    assert run.jobs["merge_photometry"] == 1 and "detect_sources" not in run.jobs


def test_more_injections_add_to_those_that_exist(searched, imaged, snakemake):
    run = plan(snakemake, imaged, searched, "completeness: {n_injections: 120}\n", "completeness")
    assert run.jobs["inject_clusters"] == 2
    assert run.jobs["measure_completeness"] == 2 and "detect_sources" not in run.jobs


@pytest.mark.parametrize(
    ("more", "rules"),
    [
        (
            "detection: {max_extent_sigma: 3.5}",
            {"merge_candidates", "plot_candidates", "plot_point_likeness", "make_candidate_page"},
        ),
        (
            "detection: {threshold_sigma: 6}",
            {
                "detect_sources",
                "merge_candidates",
                "plot_candidates",
                "plot_point_likeness",
                "make_candidate_page",
            },
        ),
    ],
)
def test_a_changed_key_reruns_what_depends_on_it(searched, imaged, snakemake, more, rules):
    run = plan(snakemake, imaged, searched, more + "\n", "candidates")
    assert set(run.jobs) - {"candidates"} == rules


@pytest.mark.parametrize("target", ["photometry", "stacks", "seds", "tables", "figures", "all"])
def test_nothing_else_can_be_asked_for(searched, imaged, snakemake, target):
    run = plan(snakemake, imaged, searched, "{}\n", target)
    assert run.status == 1
    said = run.stdout + run.stderr
    assert "ConfigError: fields.mine.sources: got detect, and a result that needs a source list" in said
    assert "results/mine/selected.csv" in said
    assert "Traceback" not in said
