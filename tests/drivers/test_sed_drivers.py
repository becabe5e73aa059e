"""Each driver from a table of photometry to masses once, on three sources and eight models."""

import importlib
import json
import types
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from clusterphot.base.columns import describe_column
from clusterphot.base.errors import DataError
from clusterphot.base.flags import Flag
from clusterphot.base.tables import read_table, write_table
from clusterphot.sed.posterior import posterior_columns
from clusterphot.sed.posterior_model import field_model
from clusterphot.sed.shared_modes import zero_point_modes
from clusterphot.ssp.grid import read_grid, read_projected_grid
from defaults import DEFAULTS

REPO = Path(__file__).resolve().parents[2]
COSMOLOGY = {"h0": 70.0, "omega_m": 0.3}
FILTERS = ["F090W", "F150W", "F200W", "F444W"]
IDS = ["SC 1", "é/2", "#3"]
AGES = [0.5, 1.5, 5.0, 10.0]
TRUE_MASS = 4e6
FIT_PARAMS = {
    "redshift": 0.39,
    "cosmology": COSMOLOGY,
    "flux_floor_fraction": 0.02,
    "min_relative_error": 1e-3,
    "dominated_weight_fraction": 0.9,
    "v_filter": "auto",
    "mass_convention": "vband",
    "posterior": {
        **DEFAULTS["sed"]["posterior"],
        "metallicity_zsun": {"min": 0.2, "max": 1.0},
    },
    "r_v": 3.1,
    "code": "0" * 12,
}


def run(driver, smk):
    """Call the ``main`` of a driver, as Snakemake would."""
    importlib.import_module(driver).main(smk)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Folder of all files of this run."""
    return tmp_path_factory.mktemp("run")


@pytest.fixture(scope="module")
def grid(folder, job, embedded_grid):
    """Output of build_ssp_grid."""
    path = str(folder / "grid.h5")
    library = str(REPO / "resources" / "ssp" / "bc03_miles_kroupa.h5")
    params = {"reader": "embedded", "options": {}, "ages_gyr": [], "metallicity_zsun": [], "code": "0"}
    sections = {"input": {"library": [library]}, "output": {"grid": path}, "wildcards": {"grid": "bc03"}}
    run("build_ssp_grid", job(params=params, **sections))
    return path


@pytest.fixture(scope="module")
def projected(folder, job, grid):
    """Output of project_ssp_grid."""
    path = str(folder / "projected.h5")
    smk = job(
        input={"grid": grid},
        output={"projected": path},
        params={
            "redshift": 0.39,
            "filters": FILTERS,
            "ages_gyr": AGES,
            "metallicity_zsun": [0.2, 1.0],
            "cosmology": COSMOLOGY,
            "code": "0",
        },
        wildcards={"grid": "bc03", "projection": "0123456789"},
    )
    run("project_ssp_grid", smk)
    return path


@pytest.fixture(scope="module")
def native(folder, job, grid):
    """Output of project_native_grid."""
    path = str(folder / "native.h5")
    smk = job(
        input={"grid": grid},
        output={"projected": path},
        params={
            "redshift": 0.39,
            "filters": FILTERS,
            "age_gyr": {"min": 0.5, "max": 11.0},
            "metallicity_zsun": {"min": 0.2, "max": 1.0},
            "cosmology": COSMOLOGY,
            "code": "0",
        },
        wildcards={"grid": "bc03", "projection": "0123456789"},
    )
    run("project_native_grid", smk)
    return path


@pytest.fixture(scope="module")
def extinction(folder, job, grid):
    """Output of compute_extinction."""
    path = str(folder / "extinction.ecsv")
    params = {
        "ebv": 0.18,
        "redshift": 0.39,
        "filters": FILTERS,
        "center_deg": None,
        "sfd_map_dir": None,
        "r_v": 3.1,
        "age_gyr": 1.5,
        "metallicity_zsun": 0.2,
        "code": "0",
    }
    smk = job(input={"grid": grid}, output={"extinction": path}, params=params, wildcards={"field": "f"})
    run("compute_extinction", smk)
    return path


@pytest.fixture(scope="module")
def user_tables(folder, projected, extinction):
    """Clusters of 1.5 Gyr and 0.2 Zsun, reddened, the third without data; and a stack."""
    models = read_projected_grid(projected)
    intrinsic = TRUE_MASS * models.flux_njy[AGES.index(1.5), 0]
    a_mag = np.asarray(read_table(extinction)["extinction_mag"])
    observed = intrinsic * 10 ** (-0.4 * a_mag)
    header = (
        ["id", "ra", "dec"]
        + [f"{kind}{filt}" for filt in FILTERS for kind in ("flux_", "flux_err_")]
        + ["note"]
    )
    lines = [",".join(header)]
    for number, name in enumerate(IDS):
        flux = observed * (number + 1) if number < 2 else np.full(4, np.nan)
        pairs = [f"{float(value)!r},{float(value) * 0.03!r}" for value in flux]
        lines.append(",".join([f'"{name}"', "110.8", "-73.4", *pairs, f"n{number}"]))
    sources, stack = folder / "sources.csv", folder / "stack.csv"
    sources.write_text("\n".join(lines) + "\n", encoding="utf-8")
    pairs = [f"{float(value)!r},{float(value) * 0.02!r}" for value in observed]
    stack.write_text(",".join(header[3:-1]) + "\n" + ",".join(pairs) + "\n")
    return str(sources), str(stack)


CHUNKS = {"c000": ["#3"], "c001": ["é/2", "SC 1"]}


@pytest.fixture(scope="module")
def imported(folder, job, user_tables):
    """Outputs of import_photometry for two chunks."""
    paths = {}
    for chunk, ids in CHUNKS.items():
        paths[chunk] = str(folder / f"photometry_{chunk}.ecsv")
        smk = job(
            input={"table": user_tables[0]},
            output={"photometry": paths[chunk]},
            params={"ids": ids, "filters": FILTERS, "content": "0", "code": "0"},
            wildcards={"field": "f", "chunk": chunk},
        )
        run("import_photometry", smk)
    return paths


@pytest.fixture(scope="module")
def dereddened(folder, job, imported, extinction):
    """Outputs of deredden_photometry for two chunks."""
    paths = {}
    for chunk, path in imported.items():
        paths[chunk] = str(folder / f"dereddened_{chunk}.ecsv")
        smk = job(
            input={"photometry": path, "extinction": extinction},
            output={"photometry": paths[chunk]},
            params={"is_dereddened": False, "code": "0"},
            wildcards={"field": "f", "chunk": chunk},
        )
        run("deredden_photometry", smk)
    return paths


@pytest.fixture(scope="module")
def stack_photometry(folder, job, user_tables, extinction):
    """Outputs of import_stack_photometry and deredden_stack."""
    measured, corrected = str(folder / "stack_fluxes.ecsv"), str(folder / "stack_photometry.ecsv")
    smk = job(
        input={"table": user_tables[1]},
        output={"photometry": measured},
        params={"filters": FILTERS, "code": "0"},
        wildcards={"field": "f"},
    )
    run("import_stack_photometry", smk)
    smk = job(
        input={"photometry": measured, "extinction": extinction},
        output={"photometry": corrected},
        params={"is_dereddened": False, "code": "0"},
        wildcards={"field": "f"},
    )
    run("deredden_stack", smk)
    return corrected


@pytest.fixture(scope="module")
def fitted(folder, job, dereddened, projected, native, extinction):
    """Outputs of fit_sed for two chunks."""
    paths = {}
    for chunk, path in dereddened.items():
        paths[chunk] = str(folder / f"sed_{chunk}.ecsv")
        smk = job(
            input={
                "photometry": path,
                "extinction": extinction,
                "grid": projected,
                "native_grid": native,
            },
            output={"clusters": paths[chunk]},
            params=FIT_PARAMS,
            wildcards={"field": "f", "grid": "bc03", "chunk": chunk},
        )
        run("fit_sed", smk)
    return paths


def merge(driver, folder, job, chunks, output, **more):
    """Output of a driver that merges chunks."""
    path = str(folder / f"{driver}.ecsv")
    smk = job(
        input={"chunks": list(chunks.values())},
        output={output: path} | more,
        params={"ids": IDS, "code": "0", "youngest_gyr": AGES[0]},
        wildcards={"field": "f", "grid": "bc03"},
    )
    run(driver, smk)
    return path


@pytest.fixture(scope="module")
def clusters(folder, job, fitted):
    """Output of merge_sed."""
    return merge("merge_sed", folder, job, fitted, "clusters")


@pytest.fixture(scope="module")
def photometry(folder, job, dereddened):
    """Output of merge_dereddened."""
    return merge("merge_dereddened", folder, job, dereddened, "photometry")


def check_columns(table):
    """Every column has the unit and the description of the dictionary, or is the user's."""
    for name in table.colnames:
        assert table[name].description, name
        if name not in table.meta.get("carried", []):
            assert str(table[name].unit or "").replace(" ", "") == describe_column(name)[0].replace(
                " ", ""
            ), name


def test_build_ssp_grid(grid, embedded_grid):
    """Spectra are float32 in the file: 6e-8 relative."""
    read = read_grid(grid)
    np.testing.assert_array_equal(read.age_gyr, embedded_grid.age_gyr)
    np.testing.assert_allclose(read.spectra, embedded_grid.spectra, rtol=1e-7)


def test_project_ssp_grid(projected):
    models = read_projected_grid(projected)
    assert models.flux_njy.shape == (4, 2, 4)
    assert models.filters == tuple(FILTERS)
    assert models.age_gyr.tolist() == AGES
    assert models.luminosity_distance_mpc == pytest.approx(2108.3, abs=0.05)


def test_compute_extinction(extinction):
    """Values of the curve at the pivots for E(B-V) = 0.18 (F99), to 3 % of A for the integration."""
    table = read_table(extinction)
    check_columns(table)
    assert list(table["filter"]) == FILTERS
    np.testing.assert_allclose(table["extinction_mag"], [0.251, 0.107, 0.070, 0.026], rtol=0.03, atol=5e-4)
    assert table.meta["ebv"] == 0.18


def test_compute_extinction_of_no_dust(folder, job, grid):
    path = str(folder / "none.ecsv")
    params = {"ebv": 0, "redshift": 0.39, "filters": FILTERS, "center_deg": None, "sfd_map_dir": None}
    params |= {"r_v": 3.1, "age_gyr": 1.5, "metallicity_zsun": 0.2, "code": "0"}
    smk = job(input={"grid": grid}, output={"extinction": path}, params=params, wildcards={"field": "f"})
    run("compute_extinction", smk)
    assert list(read_table(path)["extinction_mag"]) == [0, 0, 0, 0]


def test_import_photometry(imported, user_tables):
    """The rows of the chunk, in its order, with the checksum of the user's file and the user's columns."""
    table = read_table(imported["c001"])
    check_columns(table)
    assert list(table["id"]) == CHUNKS["c001"]
    assert list(table["note"]) == ["n1", "n0"]
    assert list(table["ra"]) == [110.8, 110.8]
    np.testing.assert_allclose(table["flux_F090W"][0], 2 * table["flux_F090W"][1], rtol=1e-14)
    (checksum,) = table.meta["checksums"].values()
    assert len(checksum) == 64
    assert table.meta["wildcards"] == {"field": "f", "chunk": "c001"}
    assert read_table(imported["c000"])["id"][0] == "#3"


@pytest.mark.parametrize(
    ("driver", "ids", "filters", "lost"),
    [
        ("import_photometry", ["gone"], FILTERS, "row of 'gone'"),
        ("import_photometry", ["#3"], [*FILTERS, "F480M"], "fluxes of 'F480M'"),
        ("import_stack_photometry", [], [*FILTERS, "F480M"], "fluxes of 'F480M'"),
    ],
)
def test_what_went_while_the_run_went_on(folder, job, user_tables, driver, ids, filters, lost):
    """A row or a column of the user's table, which the run was planned with."""
    smk = job(
        input={"table": user_tables[0 if ids else 1]},
        output={"photometry": str(folder / "gone.ecsv")},
        params={"ids": ids, "filters": filters, "content": "0", "code": "0"},
        wildcards={"field": "f", "chunk": "c000"},
    )
    with pytest.raises(DataError, match=f"got no {lost} any more, expected the table as it was") as caught:
        run(driver, smk)
    assert "give the same command again" in caught.value.hint


def test_deredden_photometry(dereddened, imported, extinction):
    measured, corrected = read_table(imported["c001"]), read_table(dereddened["c001"])
    check_columns(corrected)
    a_mag = read_table(extinction)["extinction_mag"][0]
    np.testing.assert_allclose(
        corrected["flux_F090W"], measured["flux_F090W"] * 10 ** (0.4 * a_mag), rtol=1e-14
    )
    assert list(corrected["note"]) == ["n1", "n0"]
    assert "A_F444W" in corrected.colnames


def test_stack_photometry(stack_photometry):
    """Both the measured and the corrected fluxes."""
    table = read_table(stack_photometry)
    check_columns(table)
    assert list(table["id"]) == ["stack"]
    ratio = table["flux0_F090W"][0] / table["flux_F090W"][0]
    assert ratio == pytest.approx(10 ** (0.4 * table["A_F090W"][0]), rel=1e-14)


def test_fit_sed_and_merge(clusters):
    """Sources in the order of the list; the truth recovered; the source without data kept and flagged."""
    table = read_table(clusters)
    check_columns(table)
    assert list(table["id"]) == IDS
    assert table.colnames[:3] == ["id", "ra", "dec"]
    assert list(table["ra"]) == [110.8] * 3 and list(table["dec"]) == [-73.4] * 3
    assert list(table["age_gyr"][:2]) == [1.5, 1.5]
    assert list(table["metallicity_zsun"][:2]) == [0.2, 0.2]
    np.testing.assert_allclose(table["chi2"][:2], 0, atol=1e-9)  # rounding of sum(w f^2), a few 1000
    assert table["log_mass"][1] - table["log_mass"][0] == pytest.approx(np.log10(2), abs=1e-12)
    assert np.isnan(table["log_mass"][2]) and table["flags"][2] != 0
    assert "NO_DATA" in table.meta["flag_bits"][64]


def test_fit_sed_recovers_the_mass_formed(clusters, projected):
    """From the normalisation of the SED: 4e6 Msun formed, of which the grid's fraction survives."""
    models = read_projected_grid(projected)
    expected = np.log10(TRUE_MASS * models.mass_remaining[AGES.index(1.5), 0])
    assert read_table(clusters)["log_mass_sed"][0] == pytest.approx(expected, abs=1e-10)


def test_fit_sed_with_four_color_files(folder, job, dereddened, projected, native, extinction):
    """M/L_V of 0.5 at all ages and metallicities, from two small files."""
    paths = []
    for name in ("m42", "m62"):
        path = folder / f"bc2003_lr_{name}_chab_ssp.4color"
        path.write_text("#log-age-yr M*/Lv M*\n5.0 0.5 0.6\n10.3 0.5 0.6\n")
        paths.append(str(path))
    output = str(folder / "four_color.ecsv")
    smk = job(
        input={
            "photometry": dereddened["c001"],
            "extinction": extinction,
            "grid": projected,
            "native_grid": native,
            "four_color": paths,
        },
        output={"clusters": output},
        params=FIT_PARAMS,
        wildcards={"field": "f", "grid": "bc03", "chunk": "c001"},
    )
    run("fit_sed", smk)
    table = read_table(output)
    assert list(table["ml_v"]) == [0.5, 0.5]
    assert table.meta["models"]["mass_to_light"] == "2 GALAXEV .4color files"


def test_fit_stack_sed(folder, job, stack_photometry, projected, native, extinction):
    output = {"stack": str(folder / "stack.ecsv"), "chi2_map": str(folder / "chi2_map.fits")}
    smk = job(
        input={
            "photometry": stack_photometry,
            "extinction": extinction,
            "grid": projected,
            "native_grid": native,
        },
        output=output,
        params=FIT_PARAMS,
        wildcards={"field": "f", "grid": "bc03"},
    )
    run("fit_stack_sed", smk)
    table = read_table(output["stack"])
    check_columns(table)
    assert (table["age_gyr"][0], table["metallicity_zsun"][0]) == (1.5, 0.2)
    assert table["age_gyr_p025"][0] < 1.5 < table["age_gyr_p975"][0]
    assert table.meta["posterior_model"]["age_gyr"][:2] == [0.5, pytest.approx(9.27, abs=0.01)]
    with fits.open(output["chi2_map"]) as hdus:
        assert np.unravel_index(np.argmin(hdus[0].data), hdus[0].data.shape) == (1, 0)
        assert list(Table(hdus["AGE"].data)["age_gyr"]) == AGES


def test_posterior_columns(clusters):
    """Quantiles in order around the truth, whose mass is known; NaN without data."""
    table = read_table(clusters)
    for name, truth in (("age_gyr", 1.5), ("log_mass", table["log_mass_sed"][0])):
        low, middle, high = (table[f"{name}_{quantile}"][0] for quantile in ("p025", "p50", "p975"))
        assert low < middle < high and low < truth < high
    assert np.isnan(table["age_gyr_p50"][2]) and np.isnan(table["log_evidence"][2])


@pytest.mark.parametrize(("scale", "flag"), [(1.0, 0), (1e-5, Flag.MASS_PRIOR), (1e6, Flag.MASS_PRIOR)])
def test_masses_beyond_the_prior_are_flagged(folder, job, grid, native, extinction, scale, flag):
    """A cluster of 10 Msun has no posterior under a prior from 1e4 Msun on: NaN or its end, with a flag."""

    flux = scale * np.array([[22.0, 32.0, 33.0, 28.0]])
    model, _ = field_model(
        read_projected_grid(native), types.SimpleNamespace(**FIT_PARAMS), zero_point_modes(FILTERS, 0.02)
    )
    columns, flags = posterior_columns(flux, flux / 30, model, min_relative_error=1e-3)
    assert flags[0] == flag
    assert np.isfinite(columns["log_mass_p50"][0]) or flag


def test_an_odd_row_does_not_stop_the_others(native):
    """Fluxes of -1e10 nJy with an error of 1 make a chi-square too large to tell models apart: flagged, no more."""
    flux = np.array([[-1e10, 32.0, 33.0, 28.0], [22.0, 32.0, 33.0, 28.0]])
    params = types.SimpleNamespace(**FIT_PARAMS)
    model, _ = field_model(read_projected_grid(native), params, zero_point_modes(FILTERS, 0.02))
    columns, flags = posterior_columns(flux, np.ones((2, 4)), model, min_relative_error=1e-12)
    assert (int(flags[0]), int(flags[1])) == (int(Flag.MASS_PRIOR), 0)
    assert np.isfinite(columns["log_mass_p50"][1])


def test_a_replaced_error_is_told(tmp_path, job, clusters, caplog):
    """In one line of the log for all, which names the first."""
    table = read_table(clusters)
    table["flags"][1] |= int(Flag.ERROR_REPLACED)
    chunk = str(tmp_path / "replaced.ecsv")
    write_table(chunk, table, meta={})
    merge("merge_sed", tmp_path, job, {"c000": chunk}, "clusters")
    said = [record.getMessage() for record in caplog.records if "ERROR_REPLACED" in record.getMessage()]
    assert [text.partition(":")[0].rpartition(" ")[2] for text in said] == [IDS[1]]
    assert said[0].startswith("1 sources have an error")


def test_check_posteriors(folder, job, photometry, native, extinction):
    """Two sources that are exactly a model: no band is off its prediction by the others by more than the errors."""
    path = str(folder / "predictive.ecsv")
    smk = job(
        input={"photometry": photometry, "extinction": extinction, "native_grid": native},
        output={"table": path},
        params=FIT_PARAMS,
        wildcards={"field": "f", "grid": "bc03"},
    )
    run("check_posteriors", smk)
    table = read_table(path)
    check_columns(table)
    assert list(table["filter"]) == FILTERS and list(table["n"]) == [2] * 4
    assert np.all(np.abs(table["median_pull"]) < 1)
    assert table.meta["sample"]["n"] == 2


def test_fit_population(folder, job, plot, photometry, native, extinction):
    """Two clusters of one model, a third without fluxes: tables, budget and figures are there, and say how few."""
    where = {"field": "f", "grid": "bc03"}
    paths = {
        name: str(folder / f"population_{name}.ecsv")
        for name in ("parameters", "ages", "colors", "modes", "budget")
    }
    smk = job(
        input={
            "photometry": photometry,
            "extinction": extinction,
            "native_grid": native,
            "contamination": [],
        },
        output=paths,
        params={
            **FIT_PARAMS,
            **DEFAULTS["population"],
            "models": ["burst", "continuous"],
            "n_draws": 100,
            "mag_limit": None,
            "reference_filter": "F200W",
        },
        wildcards=where,
    )
    run("fit_population", smk)
    grids = {"grids": ["bc03"], "fiducial_grid": "bc03", "code": "0"}
    files = {name: [paths[name]] for name in ("parameters", "modes")}
    run("budget_population", job(input=files, output=paths, params=grids, wildcards=where))
    tables = {name: read_table(path) for name, path in paths.items()}
    for table in tables.values():
        check_columns(table)
    said = tables["parameters"].meta["population"]
    assert (said["n_sources"], said["n_left_out"]) == (2, 1)
    assert said["warnings"][0].startswith("2 sources are few")
    values = tables["parameters"]
    ordered = np.array([values[name] for name in ("p025", "p16", "p50", "p84", "p975")])
    assert np.isfinite(ordered).all() and (np.diff(ordered, axis=0) >= 0).all()
    mass = values[(values["model"] == "burst") & (values["parameter"] == "median_log_mass")][0]
    # between the surviving masses, half to two thirds of those formed, of the two
    assert 6.3 < mass["p50"] < 6.8
    assert tables["budget"]["age_share"].sum() == pytest.approx(1.0)
    output = {kind: str(folder / f"population.{kind}") for kind in ("png", "pdf")}
    inputs = {name: paths[name] for name in ("parameters", "ages", "colors")}
    plot("population", input=inputs, output=output, wildcards=where)
    plot(
        "population_budget",
        input={"budget": paths["budget"]},
        output=output,
        params=grids,
        wildcards={"field": "f"},
    )


def test_forecast_filters(folder, job, grid):
    """With a filter more the age is no less certain; the file names the set."""
    native = str(folder / "forecast.h5")
    run(
        "project_native_grid",
        job(
            input={"grid": grid},
            output={"projected": native},
            params={
                "redshift": 0.39,
                "filters": [*FILTERS, "F070W"],
                "age_gyr": {"min": 0.5, "max": 11.0},
                "metallicity_zsun": {"min": 0.2, "max": 1.0},
                "cosmology": COSMOLOGY,
                "code": "0",
            },
            wildcards={"grid": "bc03", "projection": "0123456789"},
        ),
    )
    output = {kind: str(folder / f"forecast.{kind}") for kind in ("png", "pdf")} | {
        "table": str(folder / "forecast.ecsv")
    }
    params = FIT_PARAMS | {
        "ebv": 0.18,
        "age_gyr": 1.5,
        "metallicity_zsun": 0.4,
        "log_mass": 7.0,
        "baseline": FILTERS,
        "depths_mag": dict.fromkeys([*FILTERS, "F070W"], 29.5),
        "n_extra": 1,
        "n_realisations": 0,
        "seed": 1,
        "dpi": 50,
    }
    run("forecast_filters", job(input={"native_grid": native}, output=output, params=params))
    table = read_table(output["table"])
    check_columns(table)
    widths = dict(zip(table["extra"], table["age_dex"], strict=True))
    assert set(widths) == {"", "F070W"} and widths["F070W"] < widths[""]


def test_merge_dereddened(photometry):
    table = read_table(photometry)
    check_columns(table)
    assert list(table["id"]) == IDS
    assert list(table["note"]) == ["n0", "n1", "n2"]


def test_merge_photometry(folder, job, imported):
    path = str(folder / "photometry.fits")
    merged = read_table(merge("merge_photometry", folder, job, imported, "photometry", fits=path))
    assert list(merged["id"]) == IDS
    with fits.open(path) as hdus:
        np.testing.assert_array_equal(hdus[1].data["flux_F444W"], merged["flux_F444W"])


def test_write_tables(folder, job, photometry, clusters, stack_photometry):
    for driver, inputs in (
        ("write_table1", {"photometry": photometry, "clusters": clusters}),
        ("write_table2", {"photometry": stack_photometry}),
    ):
        output = {ending: str(folder / f"{driver}.{ending}") for ending in ("ecsv", "csv", "tex", "mrt")}
        run(driver, job(input=inputs, output=output, params={"code": "0"}, wildcards={"field": "f"}))
        check_columns(read_table(output["ecsv"]))
        assert Path(output["mrt"]).read_text(encoding="ascii").startswith("Title: ")
        assert Path(output["tex"]).read_text(encoding="utf-8").startswith(r"\begin{tabular}")
    assert list(read_table(str(folder / "write_table1.ecsv"))["id"]) == IDS
    table2 = read_table(str(folder / "write_table2.ecsv"))
    assert table2["flux_F090W"][0] == read_table(stack_photometry)["flux0_F090W"][0]


def test_write_rescue(folder, job, photometry):
    path = str(folder / "rescue.ecsv")
    params = {"reference_filter": None, "is_dereddened": True, "code": "0"}
    smk = job(
        input={"photometry": photometry}, output={"ecsv": path}, params=params, wildcards={"field": "f"}
    )
    run("write_rescue", smk)
    table = read_table(path)
    check_columns(table)
    assert list(table["id"]) == IDS
    assert table.meta["milky_way_dust"] == "corrected" and table.meta["reference_filter"] in FILTERS


@pytest.fixture(scope="module")
def fitted_stack(folder, job, stack_photometry, projected, native, extinction):
    """Outputs of fit_stack_sed."""
    output = {"stack": str(folder / "again.ecsv"), "chi2_map": str(folder / "again.fits")}
    names = {"photometry": stack_photometry, "extinction": extinction}
    smk = job(
        input={**names, "grid": projected, "native_grid": native},
        output=output,
        params=FIT_PARAMS,
        wildcards={"field": "f", "grid": "bc03"},
    )
    run("fit_stack_sed", smk)
    return output


@pytest.fixture(scope="module")
def formation(folder, job, clusters, fitted_stack):
    """Output of compute_formation."""
    path = str(folder / "formation.ecsv")
    smk = job(
        input={"clusters": clusters, "stack": fitted_stack["stack"]},
        output={"formation": path},
        params={"redshift": 0.39, "cosmology": COSMOLOGY, "code": "0"},
        wildcards={"field": "f", "grid": "bc03"},
    )
    run("compute_formation", smk)
    return path


def test_formation(folder, job, clusters, formation, plot):
    """1.5 Gyr before z = 0.39, 4.2 Gyr ago, is 5.7 Gyr ago; a source without fit has no formation."""
    table = read_table(formation)
    check_columns(table)
    assert list(table["id"]) == ["stack", *IDS]
    assert table["lookback_gyr"][1] == pytest.approx(5.7, abs=0.05)
    assert np.isnan(table["z_form"][3]) and table.meta["clusters"]["n"] == 2
    output = {ending: str(folder / f"formation.{ending}") for ending in ("png", "pdf")}
    plot(
        "formation",
        input={"formation": formation, "clusters": clusters},
        output=output,
        params={"redshift": 0.39, "cosmology": COSMOLOGY},
        wildcards={"field": "f", "grid": "bc03"},
    )
    assert Path(output["png"]).read_bytes().startswith(b"\x89PNG")


def test_reproduction(
    folder, job, photometry, clusters, extinction, stack_photometry, fitted_stack, formation, projected
):
    """Products that the field lacks are said to be missing; the page holds what was computed."""
    resources = REPO / "resources" / "faisst2022"
    products = {"photometry": photometry, "clusters": clusters, "extinction": extinction, "grid": projected}
    products |= {
        "stack_photometry": stack_photometry,
        "formation": formation,
        **fitted_stack,
        "four_color": [],
    }
    settings = ("mag_min", "mag_max", "cutout_size_arcsec", "max_shift_px", "annulus_inner_px")
    params = {
        "products": list(products),
        "role": "other",
        "redshift": 0.39,
        "cosmology": COSMOLOGY,
        "reference_filter": "F200W",
        "v_filter": "auto",
        "mass_convention": "vband",
        "r_v": 3.1,
        "code": "0",
        **dict.fromkeys((*settings, "annulus_outer_px")),
    }
    path = str(folder / "reproduction.ecsv")
    files = {"numbers": str(resources / "published_values.yaml")}
    files |= {name: str(resources / f"{name}.csv") for name in ("table1", "table2")}
    smk = job(
        input={**products, **files},
        output={"reproduction": path},
        params=params,
        wildcards={"field": "f"},
    )
    run("compute_reproduction", smk)
    table = read_table(path)
    check_columns(table)
    found = dict(zip(table["number"], table["our_value"], strict=True))
    assert found["age of the stack, best fit"] == 1.5 and found["star clusters"] == 3
    missing = dict(zip(table["number"], table["remark"], strict=True))["stars in the PSF"]
    assert missing == "The field is given by its fluxes, without images."
    output = {ending: str(folder / f"page.{ending}") for ending in ("ecsv", "md", "html")}
    run("write_reproduction", job(input={"fields": [path]}, output=output, params={"fields": ["f"]}))
    assert list(read_table(output["ecsv"])["field"]) == ["f"] * len(table)
    assert "age of the stack, best fit" in Path(output["md"]).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "path", sorted((REPO / "workflow" / "scripts").glob("*.py")), ids=lambda path: path.stem
)
def test_nothing_runs_on_import(path):
    """A driver is a docstring, imports, functions and constants; only `if __name__` holds a call."""
    import ast

    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert ast.get_docstring(tree)
    for node in tree.body[1:-1]:
        known = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.Assign, ast.Expr)
        assert isinstance(node, known), f"line {node.lineno}"
        if isinstance(node, ast.Expr):
            assert isinstance(node.value, ast.Constant), (
                f"line {node.lineno}: only documentation of constants"
            )
    assert isinstance(tree.body[-1], ast.If)


# ------------------------------------------------------------------------- rest frame and all libraries


@pytest.fixture(scope="module")
def at_rest(folder, job, grid):
    """Output of project_native_grid in rest-frame filters."""
    path = str(folder / "rest.h5")
    smk = job(
        input={"grid": grid},
        output={"projected": path},
        params={
            "redshift": 0,
            "filters": ["bessell_B", "bessell_V"],
            "age_gyr": {"min": 0.5, "max": 11.0},
            "metallicity_zsun": {"min": 0.2, "max": 1.0},
            "cosmology": COSMOLOGY,
            "code": "0",
        },
        wildcards={"grid": "bc03", "projection": "0123456789"},
    )
    run("project_native_grid", smk)
    return path


def test_rest_frame(folder, job, dereddened, native, at_rest, extinction):
    """Twice the flux is 0.75 mag brighter; ids in their order; the V luminosity is the mass over M/L_V."""
    paths = {}
    for chunk, path in dereddened.items():
        paths[chunk] = str(folder / f"rest_frame_{chunk}.ecsv")
        smk = job(
            input={
                "photometry": path,
                "extinction": extinction,
                "native_grid": native,
                "rest_grid": at_rest,
            },
            output={"rest_frame": paths[chunk]},
            params=FIT_PARAMS,
            wildcards={"field": "f", "grid": "bc03", "chunk": chunk},
        )
        run("measure_rest_frame", smk)
    table = read_table(merge("merge_rest_frame", folder, job, paths, "rest_frame"))
    check_columns(table)
    assert list(table["id"]) == IDS
    first, second = (table["abs_mag_ab_bessell_B_p50"][row] for row in range(2))
    assert first - second == pytest.approx(2.5 * np.log10(2), abs=0.01)
    assert table["log_lum_v_p16"][0] < table["log_lum_v_p50"][0] < table["log_lum_v_p84"][0]
    assert np.isnan(table["k_correction_bessell_V_p50"][2])
    assert read_table(paths["c000"]).meta["k_correction_from"]["bessell_V"] == "F090W"


def test_stack_rest_frame(folder, job, stack_photometry, projected, native, at_rest, extinction):
    """4e6 Msun formed, 1.5 Gyr and 0.2 Zsun: the V luminosity to the errors of fluxes and zero points."""
    path = str(folder / "stack_rest_frame.ecsv")
    smk = job(
        input={
            "photometry": stack_photometry,
            "extinction": extinction,
            "native_grid": native,
            "rest_grid": at_rest,
        },
        output={"rest_frame": path},
        params=FIT_PARAMS,
        wildcards={"field": "f", "grid": "bc03"},
    )
    run("measure_stack_rest_frame", smk)
    table = read_table(path)
    check_columns(table)
    models = read_projected_grid(projected)
    truth = np.log10(TRUE_MASS * models.lum_v_lsun[AGES.index(1.5), 0])
    assert table["log_lum_v_p50"][0] == pytest.approx(truth, abs=0.05)
    assert table["log_lum_v_p16"][0] < truth < table["log_lum_v_p84"][0]


@pytest.fixture(scope="module")
def library_job(folder, job, stack_photometry, projected, native, extinction):
    """Function that makes the job of a rule on two libraries, the same file twice."""

    def make(**output):
        return job(
            input={
                "photometry": stack_photometry,
                "extinction": extinction,
                "projected": [projected] * 2,
                "native": [native] * 2,
            },
            output={name: str(folder / path) for name, path in output.items()},
            params=FIT_PARAMS
            | {
                "readers": {"bc03": "embedded", "again": "embedded"},
                "fiducial_grid": "bc03",
                "comparison_zero_point_errors": [0.0, 0.05],
                "robustness": DEFAULTS["sed"]["robustness"],
            },
            wildcards={"field": "f"},
        )

    return make


@pytest.fixture(scope="module")
def chi2_map(folder, job, stack_photometry, projected, native, extinction):
    """A chi-square map of fit_stack_sed."""
    output = {"stack": str(folder / "again.ecsv"), "chi2_map": str(folder / "again.fits")}
    smk = job(
        input={
            "photometry": stack_photometry,
            "extinction": extinction,
            "grid": projected,
            "native_grid": native,
        },
        output=output,
        params=FIT_PARAMS,
        wildcards={"field": "f", "grid": "again"},
    )
    run("fit_stack_sed", smk)
    return output["chi2_map"]


def test_compare_and_plot_libraries(folder, job, library_job, chi2_map, plot):
    smk = library_job(comparison="comparison.ecsv", densities="densities.ecsv")
    run("compare_libraries", smk)
    table, densities = read_table(smk.output.comparison), read_table(smk.output.densities)
    check_columns(table)
    check_columns(densities)
    assert list(table["ssp_grid"]) == ["bc03"] * 3 + ["again"] * 3
    assert list(table["zero_point_error"]) == [0.02, 0.0, 0.05] * 2
    assert table["age_gyr"].tolist() == [1.5] * 6
    np.testing.assert_allclose(table["delta_log_evidence"], 0)
    output = {kind: str(folder / f"libraries.{kind}") for kind in ("png", "pdf")}
    plot(
        "libraries",
        input={
            "comparison": smk.output.comparison,
            "densities": smk.output.densities,
            "chi2_maps": [chi2_map] * 2,
        },
        output=output,
        params={"grids": ["bc03", "again"], "redshift": 0.39, "cosmology": COSMOLOGY},
        wildcards={"field": "f"},
    )
    assert all(Path(path).stat().st_size > 5000 for path in output.values())


def test_measure_and_plot_sensitivity(folder, job, library_job, plot, grid):
    smk = library_job(sensitivity="sensitivity.ecsv", robustness="robustness.ecsv")
    smk.input["spectra"] = grid
    run("measure_sensitivity", smk)
    stands = read_table(smk.output.robustness)
    check_columns(stands)
    assert stands["varied"][0] == "baseline" and stands["stands"][0]
    assert set(stands["varied_in"][stands["varied"] == "without_filter"]) == set(FILTERS)
    table = read_table(smk.output.sensitivity)
    check_columns(table)
    assert table["varied"][0] == "baseline" and len(table) == 1 + 2 * 4 + 2 + 2 + 2 + 1
    assert table["age_change_dex"][-1] == 0  # the same library again
    output = {kind: str(folder / f"sensitivity.{kind}") for kind in ("png", "pdf")}
    plot(
        "sensitivity",
        input={"sensitivity": smk.output.sensitivity},
        output=output,
        params={"fiducial_grid": "bc03"},
        wildcards={"field": "f"},
    )
    assert all(Path(path).stat().st_size > 5000 for path in output.values())


@pytest.fixture(scope="module")
def cards(folder, job, dereddened, fitted, projected, native, extinction):
    """Outputs of collect_cards for two chunks of a field without images."""
    paths = {}
    for chunk, path in dereddened.items():
        paths[chunk] = str(folder / f"cards_{chunk}.json")
        given = {"photometry": path, "extinction": extinction, "clusters": fitted[chunk]}
        smk = job(
            input=given | {"grid": projected, "native_grid": native},
            output={"cards": paths[chunk]},
            params=FIT_PARAMS | {"sky": "quadratic", "preset": "default"},
            wildcards={"field": "f", "chunk": chunk},
        )
        run("collect_cards", smk)
    return paths


def test_collect_cards(cards, dereddened):
    """The best fit of noiseless fluxes is on the fluxes, the middle of the posterior near; no data, no card content."""
    made = json.loads(Path(cards["c001"]).read_text(encoding="utf-8"))
    table = read_table(dereddened["c001"])
    assert list(made["cards"]) == CHUNKS["c001"]
    assert made["filters"] == FILTERS
    for row, name in enumerate(CHUNKS["c001"]):
        card = made["cards"][name]
        flux = [table[f"flux_{filt}"][row] for filt in FILTERS]
        np.testing.assert_allclose(card["best"], flux, rtol=1e-3)  # four digits
        np.testing.assert_allclose(card["band"][2], flux, rtol=0.05)  # errors are 3 %
        assert card["stamps"] is None
    empty = json.loads(Path(cards["c000"]).read_text(encoding="utf-8"))["cards"]["#3"]
    assert empty["best"] == [None] * 4 and empty["band"] is None and empty["map"] is None


def test_write_field_report_and_first_page(
    folder, job, cards, photometry, clusters, projected, grid, extinction
):
    """The folder of a field of three sources with odd ids, and the page that leads to it."""
    report = folder / "results" / "report"
    smk = job(
        input={
            "dereddened": photometry,
            "extinction": extinction,
            "projected": projected,
            "grid": grid,
            "clusters": [clusters],
            "cards": list(cards.values()),
            "figures": [],
        },
        output={"folder": str(report / "f")},
        params={
            "filters": FILTERS,
            "reference_filter": None,
            "redshift": 0.39,
            "role": "published",
            "grids": ["bc03"],
            "joined": [],
            "config": {"figures": {"dpi": 100}},
            "codes": {},
            "figures_made": {},
        },
        wildcards={"field": "f"},
    )
    run("write_field_report", smk)
    made = {path.relative_to(report / "f").as_posix() for path in report.rglob("*") if path.is_file()}
    assert {"index.html", "clusters.html", "origins.html", "data/cards-000.js", "data/table.js"} <= made
    script = (report / "f" / "data" / "cards-000.js").read_text(encoding="utf-8")
    shown = json.loads(script.removeprefix('CLUSTERPHOT.give("cards-000",').removesuffix(");\n"))
    assert [card["map"] is None for card in shown] == [
        name == "#3" for name in IDS
    ]  # in the order of the list
    page = str(report / "index.html")
    params = {"config": {"psf": {"mag_min": 25}}, "benchmarks": str(folder / "none")}
    alone = "<html><body>\n<h1>A &amp; B</h1>\n<p>numbers</p>\n</body></html>"
    (folder / "reproduction.html").write_text(alone)
    given = {"fields": [str(report / "f")], "reproduction": str(folder / "reproduction.html")}
    made = {"page": page, "reproduction": str(report / "reproduction.html")}
    run("write_report", job(input=given, output=made, params=params))
    text = Path(page).read_text(encoding="utf-8")
    assert 'href="f/index.html"' in text and 'href="reproduction.html"' in text
    assert "published photometry, Faisst et al. (2022)" in text and "use 2 of 3; drop 1" in text
    numbers = (report / "reproduction.html").read_text()
    assert "<h1>A &amp; B</h1>" in numbers and "<p>numbers</p>" in numbers
    assert 'href="index.html#fields"' in numbers and 'href="f/origins.html#reproduction-ecsv"' in numbers
    assert "mag_min: 25" in text
    assert "No benchmark files" in text
