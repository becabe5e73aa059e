"""One run from a table of photometry to figures, with ids that need care: files, columns, numbers."""

import csv
import hashlib
from importlib.metadata import version

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from running import copy_run

INTERVALS = {
    f"{q}_{end}_{n}sigma"
    for q in ("age_gyr", "metallicity_zsun")
    for end in ("lo", "hi")
    for n in range(1, 6)
}
IDS = ["with space", "a/b", "ümläut-星", "50%", 'x,y "q"', "007"]
FILTERS = ["F090W", "F150W", "F200W"]


def read(completed, name):
    """A table of the completed run."""
    return Table.read(completed.cwd / "results" / "small" / name, format="ascii.ecsv")


def filled(column):
    """Values of a column as an array, nan where missing."""
    return np.ma.filled(np.ma.asarray(column, dtype=float), np.nan)


def given(completed):
    """The user's table, as text."""
    with open(completed.cwd / "small.csv", newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def test_a_second_run_has_nothing_to_do(completed, snakemake):
    run = snakemake("--configfile", "small.yaml", cwd=completed.cwd, repo=completed.repo)
    assert run.status == 0
    assert "Nothing to be done" in run.stdout + run.stderr


def test_every_table_documents_itself(completed):
    tables = sorted((completed.cwd / "results").rglob("*.ecsv"))
    assert len(tables) >= 15
    for path in tables:
        table = Table.read(path, format="ascii.ecsv")
        for name in table.colnames:
            assert table[name].description, f"{path}: {name}"
        assert table.meta["versions"]["astropy"] == version("astropy")
        assert {"clusterphot", "python", "snakemake"} <= set(table.meta["versions"])
        assert table.meta["rule"] in completed.run.jobs
        if "small" in path.parts:
            assert table.meta["wildcards"]["field"] == "small"
        assert "code" in table.meta["parameters"]
        if any(name.startswith("flags") for name in table.colnames):
            assert table.meta["flag_bits"][32].startswith("FAILED")


def test_photometry_is_the_users(completed):
    table, rows = read(completed, "photometry.ecsv"), given(completed)
    assert list(table["id"]) == [row["id"] for row in rows] == IDS
    for filt in FILTERS:
        for name in (f"flux_{filt}", f"flux_err_{filt}"):
            assert table[name].unit == "nJy"
            np.testing.assert_array_equal(filled(table[name]), [float(row[name] or "nan") for row in rows])
    assert table["ra"].unit == table["dec"].unit == "deg"
    np.testing.assert_array_equal(table["ra"], [float(row["ra"]) for row in rows])
    assert [str(note) for note in np.ma.filled(table["note"], "")] == [row["note"] for row in rows]
    checksum = hashlib.sha256((completed.cwd / "small.csv").read_bytes()).hexdigest()
    assert table.meta["checksums"] == {"small.csv": checksum}


def test_fits_beside_the_photometry(completed):
    table, rows = fits.getdata(completed.cwd / "results" / "small" / "photometry.fits", 1), given(completed)
    binary = Table.read(completed.cwd / "results" / "small" / "photometry.fits")
    assert list(binary["id"]) == IDS
    assert list(np.ma.filled(binary["note"], "")) == [row["note"] for row in rows]
    assert binary["flux_F150W"].unit == "nJy"
    np.testing.assert_array_equal(table["flux_F150W"], read(completed, "photometry.ecsv")["flux_F150W"])


def test_dust_is_corrected_once(completed):
    measured, corrected = read(completed, "photometry.ecsv"), read(completed, "photometry_dereddened.ecsv")
    applied = [corrected[f"A_{filt}"][0] for filt in FILTERS]
    # E(B-V) = 0.1: A_V = 0.31 mag, less in the near infrared and falling with wavelength
    assert 0.31 > applied[0] > applied[1] > applied[2] > 0
    for filt, a_mag in zip(FILTERS, applied, strict=True):
        assert corrected[f"A_{filt}"].unit == "mag"
        for name in (f"flux_{filt}", f"flux_err_{filt}"):
            expected = filled(measured[name]) * 10 ** (0.4 * a_mag)
            np.testing.assert_allclose(filled(corrected[name]), expected, rtol=1e-12)
    stack = read(completed, "stack_photometry.ecsv")
    assert len(stack) == 1
    np.testing.assert_allclose(
        stack["flux0_F090W"] / stack["flux_F090W"], 10 ** (0.4 * applied[0]), rtol=1e-12
    )
    np.testing.assert_allclose(stack["flux0_err_F090W"] / stack["flux_err_F090W"], 10 ** (0.4 * applied[0]))


def test_clusters(completed):
    table = read(completed, "sed/bc03/clusters.ecsv")
    assert list(table["id"]) == IDS
    units = {
        "age_gyr": "Gyr",
        "metallicity_zsun": "None",
        "chi2": "None",
        "dof": "None",
        "ml_v": "solMass / solLum",
        "lum_v_lsun": "solLum",
        "log_mass": "dex(solMass)",
        "log_mass_err": "dex",
        "log_mass_formed": "dex(solMass)",
        "flags": "None",
    }
    for name, unit in units.items():
        assert str(table[name].unit) == unit, name
    assert set(table.colnames) >= INTERVALS
    assert table["flags"].dtype.kind == "i"
    # the first four are measured well; the fifth is negative and the sixth unmeasured in the filter of V
    assert list(table["flags"] == 0) == [True] * 4 + [False] * 2
    assert list(np.isnan(filled(table["log_mass"]))) == [False] * 4 + [True] * 2
    assert set(table["age_gyr"]) <= {1.0, 2.0, 3.0}
    assert set(table["metallicity_zsun"]) <= {0.2, 0.4}
    # surviving mass is M/L times L, and less than what was formed
    good = table[:4]
    np.testing.assert_allclose(good["log_mass"], np.log10(good["ml_v"] * good["lum_v_lsun"]), rtol=1e-12)
    assert np.all(good["log_mass"] < good["log_mass_formed"])
    fit = table.meta["rows_from"]
    assert fit["rule"] == "fit_sed"
    assert fit["parameters"]["redshift"] == 0.39
    assert fit["parameters"]["mass_convention"] == "vband"
    assert table.meta["models"]["imf"]


def test_stack_and_its_map(completed):
    table = read(completed, "sed/bc03/stack.ecsv")
    assert len(table) == 1
    assert {"age_gyr", "metallicity_zsun", "chi2", "dof", "mass_formed", "mass_remaining", "ml_v"} <= set(
        table.colnames
    )
    assert set(table.colnames) >= INTERVALS
    assert table["mass_formed"].unit == table["mass_remaining"].unit == "solMass"
    with fits.open(completed.cwd / "results" / "small" / "sed" / "bc03" / "chi2_map.fits") as hdus:
        chi2 = hdus[0].data
        ages = hdus["AGE"].data["age_gyr"]
        metallicities = hdus["METALLICITY"].data["metallicity_zsun"]
        assert chi2.shape == (3, 2)
        np.testing.assert_array_equal(ages, [1.0, 2.0, 3.0])
        np.testing.assert_array_equal(metallicities, [0.2, 0.4])
        age, metallicity = np.unravel_index(np.argmin(chi2), chi2.shape)
        assert table["chi2"][0] == chi2.min()
        assert table["age_gyr"][0] == ages[age]
        assert table["metallicity_zsun"][0] == metallicities[metallicity]


def test_tables_and_figures(completed):
    folder = completed.cwd / "results" / "small"
    for name in ("table1", "table2"):
        for ending in ("ecsv", "csv", "tex", "mrt"):
            assert (folder / "tables" / f"{name}.{ending}").stat().st_size > 0
    assert len(Table.read(folder / "tables" / "rescue.ecsv", format="ascii.ecsv")) == len(IDS)
    with open(folder / "tables" / "table1.csv", newline="", encoding="utf-8") as stream:
        assert [row["id"] for row in csv.DictReader(stream)] == IDS
    figures = {path.stem for path in (folder / "figures").iterdir()}
    assert {"chi2_map_bc03", "stack_sed_bc03", "colors_bc03", "masses_bc03", "formation_bc03"} <= figures
    for stem in figures:
        assert (folder / "figures" / f"{stem}.png").read_bytes().startswith(b"\x89PNG")
        assert (folder / "figures" / f"{stem}.pdf").read_bytes().startswith(b"%PDF")


def test_reproduction_page(completed):
    """A field of the user's: its numbers beside the paper's, as table, Markdown and HTML."""
    folder = completed.cwd / "results"
    table = Table.read(folder / "reproduction.ecsv", format="ascii.ecsv")
    assert set(table["field"]) == {"small"}
    assert np.sum(np.isfinite(table["our_value"])) >= 20
    text = (folder / "reproduction.md").read_text(encoding="utf-8")
    page = (folder / "reproduction.html").read_text(encoding="utf-8")
    assert "another field than the paper" in text and "another field than the paper" in page


def test_logs_end_in_one_line(completed):
    last = (completed.cwd / "logs" / "fit_sed" / "small" / "bc03" / "c000.log").read_text().splitlines()
    assert any("c000: 4 sources, 1 flagged" in line for line in last[-2:])


@pytest.mark.parametrize(
    "n_chunks",
    [1, pytest.param(3, marks=pytest.mark.slow), pytest.param("per_source", marks=pytest.mark.slow)],
)
def test_results_do_not_depend_on_chunks_or_order(completed, snakemake, tmp_path, n_chunks):
    """The run with one chunk also has its sources in reverse order; the completed run has two chunks."""
    cwd = copy_run(completed.cwd, tmp_path / "work")
    (cwd / "more.yaml").write_text(f"batching: {{n_chunks: {n_chunks}}}\n")
    ids = IDS
    if n_chunks == 1:
        header, *lines = (cwd / "small.csv").read_text(encoding="utf-8").splitlines()
        (cwd / "small.csv").write_text("\n".join([header, *reversed(lines)]) + "\n", encoding="utf-8")
        ids = IDS[::-1]
    target = "results/small/sed/bc03/clusters.ecsv"
    (cwd / target).unlink()
    run = snakemake(
        "--configfile", "small.yaml", "more.yaml", "--", target, cwd=cwd, repo=completed.repo, cores=2
    )
    assert run.status == 0, run.stderr
    before, after = (Table.read(folder / target, format="ascii.ecsv") for folder in (completed.cwd, cwd))
    assert list(after["id"]) == ids
    rows = [ids.index(name) for name in IDS]
    for name in before.colnames:
        assert before[name].dtype.kind == after[name].dtype.kind
        assert before[name].tolist() == after[name][rows].tolist() or np.array_equal(
            filled(before[name]), filled(after[name][rows]), equal_nan=True
        )
