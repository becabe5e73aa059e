"""The notebook of docs/ runs on a small synthetic run and prints what it shows; what it calls, more closely."""

import sys
from pathlib import Path

import clusterphot
import nbformat
import numpy as np
import pytest
from clusterphot.base.errors import ConfigError, DataError
from clusterphot.base.products import Mosaic
from tiny_run import make_run

DOCS = Path(__file__).resolve().parents[3] / "docs"
sys.path.append(str(DOCS))

from make_notebook import printed, run_cells  # noqa: E402


@pytest.fixture(scope="module")
def made(tmp_path_factory, embedded_grid):
    """Folder of a small run, and what is true in it."""
    folder = tmp_path_factory.mktemp("tiny")
    return folder, make_run(folder, embedded_grid)


@pytest.fixture
def field(made):
    """The field of the run."""
    return clusterphot.open_run(made[0])["tiny"]


def test_notebook_prints_what_it_shows(made):
    """`make notebook` writes it anew; figures are drawn, but not compared."""
    notebook = nbformat.read(DOCS / "notebook.ipynb", as_version=4)
    nbformat.validate(notebook)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for cell, outputs in zip(cells, run_cells(notebook, made[0]), strict=True):
        assert printed(outputs) == printed(cell.outputs), cell.source
        assert [one.output_type for one in outputs] == [one.output_type for one in cell.outputs]


def test_run_is_opened_from_its_folder_or_from_results(made):
    for place in (made[0], made[0] / "results"):
        run = clusterphot.open_run(place)
        assert list(run) == ["tiny"] and len(run) == 1
    assert repr(run["tiny"]) == "Field tiny with 6 tables and 16 images"


@pytest.mark.parametrize(("name", "got"), [("", "no results of a field"), ("nowhere", "no such folder")])
def test_no_run_there(tmp_path, name, got):
    with pytest.raises(DataError, match=got) as caught:
        clusterphot.open_run(tmp_path / name)
    assert str(Path.cwd()) in caught.value.hint


def test_unknown_names_are_answered_with_known_ones(field):
    with pytest.raises(KeyError, match="no table 'photometri'; there is photometry"):
        field.tables["photometri"]
    with pytest.raises(KeyError, match="no image 'F277W/psff'; there is F277W/psf"):
        field.images["F277W/psff"]
    with pytest.raises(KeyError, match="no source 'C99' in field tiny"):
        field.posteriors(ids=["C0", "C99"])
    with pytest.raises(KeyError, match="no table 'sed/fsps/clusters'"):
        field.posteriors("fsps")


def test_what_is_read_is_kept_and_nothing_else_is_read(field):
    assert field.tables["photometry"] is field.tables["photometry"]
    assert isinstance(field.images["F200W/mosaic"], Mosaic)
    assert isinstance(field.images["F200W/mosaic"].sci, np.memmap)
    assert set(field.images["F200W/psf_grid"]) == {"PRIMARY"}
    assert "c000" not in " ".join(field.tables), "rows of chunks stand in the merged tables"


def test_posteriors_in_full_have_the_quantiles_of_the_table(field):
    """The same code, data and parameters: bit by bit."""
    clusters, found = field.tables["sed/bc03/clusters"], field.posteriors()
    assert found.ids == list(clusters["id"])
    for name, values in found.columns.items():
        np.testing.assert_array_equal(values, clusters[name], err_msg=name)
    whole = np.trapezoid(found.age_pdf, np.log10(found.age_gyr), axis=1)
    np.testing.assert_allclose(whole, 1.0, rtol=1e-6)
    some = field.posteriors(ids=["C3", "C1"])
    np.testing.assert_array_equal(some.age_pdf, found.age_pdf[[3, 1]])


def test_grid_of_the_library_is_gone(field, made):
    (path,) = (made[0] / "results" / "ssp").glob("*/native/*.h5")
    aside = path.rename(path.with_suffix(".away"))
    try:
        with pytest.raises(DataError, match="no grid with the filters and the redshift of the field"):
            field.posteriors()
    finally:
        aside.rename(path)


def test_fit_of_one_source_is_that_of_the_run(field):
    """In the reference filter: the same cutout, PSF and noise."""
    row = field.tables["photometry"][2]
    mosaic, psf, noise = (field.images[f"F277W/{kind}"] for kind in ("mosaic", "psf", "noise"))
    found = clusterphot.fit_source(mosaic, psf, row["ra"], row["dec"], noise=noise)
    for name in ("flux_F277W", "flux_err_F277W", "x_F277W", "flags_F277W"):
        assert found[name] == pytest.approx(row[name], rel=1e-5), name  # pixels are float32 on disk


def test_neighbours_are_fitted_with_it(field):
    """A listed position two pixels off takes light of the source where it is a neighbour."""
    row = field.tables["photometry"][2]
    mosaic, psf, noise = (field.images[f"F277W/{kind}"] for kind in ("mosaic", "psf", "noise"))
    near = (row["ra"], row["dec"] + 0.3 / 3600)
    alone, joint = (
        clusterphot.fit_source(mosaic, psf, row["ra"], row["dec"], noise=noise, neighbours=neighbours)
        for neighbours in ((), [near])
    )
    assert joint["flux_F277W"] != alone["flux_F277W"]
    assert joint["flux_F277W"] == pytest.approx(alone["flux_F277W"], abs=3 * alone["flux_err_F277W"])


def test_sed_of_one_source_is_that_of_the_run(field):
    """With the errors that its sources share, and with those of the flux scale alone, which are nearly the same."""
    row, clusters = field.tables["photometry_dereddened"][3], field.tables["sed/bc03/clusters"][3]
    fluxes = {name: (row[f"flux_{name}"], row[f"flux_err_{name}"]) for name in field.filters}
    scale = {name: row[f"flux_err_sys_{name}"] / row[f"flux_{name}"] for name in field.filters}
    fit = clusterphot.fit_sed(fluxes, redshift=0.39, scale_errors=scale, modes=field.shared_modes)
    alone = clusterphot.fit_sed(fluxes, redshift=0.39, scale_errors=scale)
    assert alone.posteriors.columns["log_mass_p50"][0] == pytest.approx(clusters["log_mass_p50"], abs=0.05)
    for name, value in fit.best.items():
        assert value == pytest.approx(clusters[name], rel=1e-9, nan_ok=True), name
    for name, values in fit.posteriors.columns.items():
        assert values[0] == pytest.approx(clusters[name], rel=1e-9), name
    assert fit.posteriors.age_pdf.shape == (1, len(fit.posteriors.age_gyr))
    assert fit.posteriors.metallicity_pdf.shape == (1, len(fit.posteriors.metallicity_zsun))


def test_sed_with_a_library_of_ones_own(embedded_grid):
    """The shipped one given by hand: the same numbers."""
    fluxes = {"F090W": (10.0, 0.4), "F150W": (13.2, 0.4), "F200W": (12.7, 0.4)}
    one, other = (clusterphot.fit_sed(fluxes, redshift=0.39, grid=grid) for grid in (None, embedded_grid))
    assert one.best == other.best
    assert one.quantiles("log_mass") == other.quantiles("log_mass")


def test_mistakes_are_those_of_the_configuration():
    with pytest.raises(ConfigError, match=r"fit_sed\(\), fluxes: got the unknown filter 'F201W'"):
        clusterphot.fit_sed({"F201W": (1.0, 0.1)}, redshift=0.39)
    with pytest.raises(ConfigError, match=r"fit_sed\(\), flux_floor_fraction = 2"):
        clusterphot.fit_sed({"F200W": (1.0, 0.1)}, redshift=0.39, flux_floor_fraction=2)
    with pytest.raises(ConfigError, match=r"psf_from_stars\(\).*mag_mim"):
        clusterphot.psf_from_stars(None, mag_mim=25)


def test_public_names():
    assert set(clusterphot.__all__) <= set(dir(clusterphot))
    assert all(callable(getattr(clusterphot, name)) for name in clusterphot.__all__ if name != "__version__")
    with pytest.raises(AttributeError, match="no attribute 'open_runs'"):
        clusterphot.open_runs  # noqa: B018
