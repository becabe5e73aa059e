"""Drivers of the figures, each once, on small tables and grids."""

from types import SimpleNamespace

import numpy as np
import pytest
from astropy.table import Table
from clusterphot.base.cosmology import flat_lambda_cdm
from clusterphot.base.tables import write_table
from clusterphot.sed import best_fit
from clusterphot.ssp import grid as ssp
from clusterphot.ssp.four_color import MassToLight

COSMOLOGY = {"h0": 70.0, "omega_m": 0.3}
WILDCARDS = {"field": "f1", "grid": "toy"}
FILTERS = ["F150W", "F200W", "F277W"]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A folder with the inputs of all figures: power laws, two ages, two metallicities, four clusters."""
    folder = tmp_path_factory.mktemp("run")
    wave = np.linspace(3000.0, 60000.0, 400)
    spectra = 1e-4 * (wave / 1e4) ** np.array([[-1.5, -1.0], [-1.2, -0.5]])[..., None]
    ages, metallicities, remaining = np.array([1.0, 4.0]), np.array([0.2, 1.0]), np.full((2, 2), 0.7)
    grid = ssp.SspGrid(ages, metallicities, wave, spectra, remaining)
    projected = ssp.project_grid(grid, FILTERS, 0.4, flat_lambda_cdm(**COSMOLOGY))
    ssp.write_grid(folder / "grid.h5", grid)
    ssp.write_projected_grid(folder / "projected.h5", projected)
    flux = 1e6 * projected.flux_njy.reshape(4, 3)
    models = best_fit.Models(
        ages, metallicities, projected.flux_njy, FILTERS, MassToLight(projected.ml_v, remaining, "toy"), {}
    )
    params = SimpleNamespace(
        redshift=0.4,
        cosmology=COSMOLOGY,
        flux_floor_fraction=0.0,
        min_relative_error=1e-3,
        dominated_weight_fraction=0.9,
        v_filter="auto",
        mass_convention="vband",
    )
    options = best_fit.make_options(params, models)
    columns, fit = best_fit.fit_seds(flux, 0.1 * flux, models, options)
    ids = ["a", "b", "c", "d"]
    write_table(folder / "clusters.ecsv", Table({"id": ids, **columns}), meta={})
    for name, prefix in (("photometry.ecsv", "flux"), ("stack_photometry.ecsv", "flux0")):
        table = Table({"id": ids})
        for band, filt in enumerate(FILTERS):
            table[f"{prefix}_{filt}"], table[f"{prefix}_err_{filt}"] = flux[:, band], 0.1 * flux[:, band]
        write_table(folder / name, table[:1] if "stack" in name else table, meta={})
    write_table(folder / "stack.ecsv", Table({"id": ids, **columns})[:1], meta={})
    best_fit.write_chi2_map(folder / "chi2_map.fits", fit.chi2[0], models, WILDCARDS)
    return folder


@pytest.mark.parametrize(
    ("name", "inputs", "params"),
    [
        (
            "chi2_map",
            {"stack": "stack.ecsv", "chi2_map": "chi2_map.fits"},
            {"redshift": 0.4, "cosmology": COSMOLOGY},
        ),
        (
            "stack_sed",
            {"photometry": "stack_photometry.ecsv", "projected": "projected.h5", "spectra": "grid.h5"},
            {"flux_floor_fraction": 0.0, "min_relative_error": 1e-3, "black_body_k": [3000, 3400]},
        ),
        (
            "colors",
            {"photometry": "photometry.ecsv", "clusters": "clusters.ecsv", "projected": "projected.h5"},
            {"r_v": 3.1},
        ),
        ("masses", {"clusters": "clusters.ecsv"}, {"mass_convention": "vband"}),
    ],
)
def test_driver_writes_both_files(run, plot, tmp_path, name, inputs, params):
    files = {key: str(run / file) for key, file in inputs.items()}
    output = {kind: str(tmp_path / f"figure.{kind}") for kind in ("png", "pdf")}
    plot(name, input=files, output=output, params=params, wildcards=WILDCARDS)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["figure.pdf", "figure.png"]
    assert (tmp_path / "figure.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "figure.pdf").read_bytes().startswith(b"%PDF")
