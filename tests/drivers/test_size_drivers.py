"""Drivers from cutouts to size limits, simulations and figures, in one process; chunks change nothing."""

import dataclasses
from pathlib import Path

import limit_sizes
import limit_stack_size
import measure_profiles
import merge_sizes
import numpy as np
import pytest
import simulate_sizes
from astropy.wcs import WCS
from clusterphot.base.products import Mosaic, write_cutouts, write_noise, write_psf
from clusterphot.base.tables import read_table
from clusterphot.psf.grid import constant_grid
from clusterphot.run.configuration import load_yaml
from size_field import NOISE, PSF, field
from written_mosaic import write_mosaic

REPO = Path(__file__).resolve().parents[2]
CONFIG = load_yaml(REPO / "config" / "config.yaml")
SIZES = CONFIG["sizes"] | {
    "radii_pc": [20, 100],
    "n_trials": 10,
    "n_coverage_trials": 20,
    "radius_max_pc": 300.0,
}
PARAMS = SIZES | {
    "filters": ["F150W"],
    "reference_filter": "F200W",
    "redshift": 0.39,
    "cosmology": {"h0": 70.0, "omega_m": 0.3},
    "sky": "quadratic",
    "method": "mean",
    "annulus_px": [8.0, 15.0],
    "cutout_size_arcsec": 0.8,
    "dpi": 50,
}
N = 40


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Files of a field of 40 points in two chunks, its photometry unmerged and merged, and a blank mosaic."""
    folder = tmp_path_factory.mktemp("sizes")
    cutouts, table, reference = field(N, 0.0)
    write_psf(f"{folder}/psf.fits", PSF)
    constant_grid(PSF, (300, 300)).write(f"{folder}/psf_grid.fits", PSF)
    write_noise(f"{folder}/noise.fits", NOISE)
    for number, rows in enumerate((range(0, N, 2), range(1, N, 2))):
        rows = list(rows)
        arrays = {name: getattr(cutouts, name)[rows] for name in ("data", "ivar", "x0", "y0", "x", "y")}
        ids = [cutouts.ids[i] for i in rows]
        part = dataclasses.replace(cutouts, ids=ids, neighbours=[[] for _ in ids], **arrays)
        write_cutouts(f"{folder}/cutouts_{number}.fits", part)
        for name, full in (("fits", table), ("reference", reference)):
            chunk = full[rows]
            chunk.meta = dict(full.meta)
            chunk.write(f"{folder}/{name}_{number}.ecsv", format="ascii.ecsv")
    table.write(f"{folder}/photometry.ecsv", format="ascii.ecsv")
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.cdelt = [-0.02 / 3600, 0.02 / 3600]
    image = 0.05 * np.random.default_rng(1).normal(size=(300, 300))
    write_mosaic(
        f"{folder}/mosaic.fits", Mosaic(image, np.full(image.shape, 400.0), wcs, 0.02, "F150W", "mine")
    )
    return folder


@pytest.fixture(scope="module")
def products(folder, job):
    """All drivers once."""
    common = {
        "psf": f"{folder}/psf.fits",
        "psf_grid": f"{folder}/psf_grid.fits",
        "noise": f"{folder}/noise.fits",
    }
    of_field, of_filter = {"field": "mine"}, {"field": "mine", "filter": "F150W"}
    both = {
        "cutouts": [f"{folder}/cutouts_{k}.fits" for k in (0, 1)],
        "photometry": f"{folder}/photometry.ecsv",
        "reference_fits": [f"{folder}/reference_{k}.ecsv" for k in (0, 1)],
    }
    for k in (0, 1):
        inputs = common | {"cutouts": f"{folder}/cutouts_{k}.fits", "fits": f"{folder}/fits_{k}.ecsv"}
        wildcards = of_field | {"chunk": f"c00{k}"}
        limit_sizes.main(
            job(input=inputs, output={"sizes": f"{folder}/c00{k}.ecsv"}, params=PARAMS, wildcards=wildcards)
        )
    limit_stack_size.main(
        job(
            input=common | both | {"mosaic": f"{folder}/mosaic.fits"},
            output={"sizes": f"{folder}/stack.ecsv"},
            params=PARAMS,
            wildcards=of_field,
        )
    )
    measure_profiles.main(
        job(
            input=common | both,
            output={"profile": f"{folder}/profile.ecsv"},
            params=PARAMS,
            wildcards=of_filter,
        )
    )
    merge_sizes.main(
        job(
            input={"stack": f"{folder}/stack.ecsv", "chunks": [f"{folder}/c00{k}.ecsv" for k in (0, 1)]},
            output={"limits": f"{folder}/limits.ecsv"},
            params={"ids": [f"s{k:03d}" for k in range(N)]},
            wildcards=of_field,
        )
    )
    simulate_sizes.main(
        job(
            input=common | {"mosaic": f"{folder}/mosaic.fits", "stack": f"{folder}/stack.ecsv"},
            output={"detection": f"{folder}/detection.ecsv"},
            params=PARAMS,
            wildcards=of_field,
        )
    )
    return folder


def test_limits_hold_stack_and_every_source(products):
    limits = read_table(f"{products}/limits.ecsv")
    assert list(limits["id"]) == ["stack", *(f"s{k:03d}" for k in range(N))]
    assert limits["is_stack"].sum() == 1 and limits["is_stack"][0]
    assert limits.meta["stack"]["n_sources"] == N and limits.meta["stack"]["filter"] == "F150W"
    assert limits.meta["clusters"]["dof"] > 0 and limits.meta["rows_from"]["rule"] == "limit_sizes"
    # S/N of 40 against that of the stack of 40: the limit of the stack is the tightest
    assert limits["radius_limit_psf_known_pc"][0] < np.nanmin(limits["radius_limit_psf_known_pc"][1:]) + 10
    assert all(limits[name].description for name in limits.colnames)


def test_profile_and_simulation_say_what_they_did(products):
    profile, detection = (read_table(f"{products}/{name}.ecsv") for name in ("profile", "detection"))
    assert profile.meta["profile"]["n_sources"] == N
    # 300 px of sky hold no 40 stamps of 41 px
    assert detection.meta["simulation"]["noise"] == "drawn with the measured correlation"
    assert set(detection["setting"]) == {"peak", "flux", "stack"} and set(detection["psf"]) == {
        "known",
        "varied",
    }
    assert len(detection) == 3 * 2 * 4
    assert np.all((detection["coverage"] >= 0) & (detection["coverage"] <= 1))


def test_figures_are_drawn(products, plot):
    common = {"wildcards": {"field": "mine"}, "params": PARAMS}
    out = {
        name: {kind: f"{products}/{name}.{kind}" for kind in ("png", "pdf")} for name in ("profiles", "sizes")
    }
    plot("profiles", input={"profiles": [f"{products}/profile.ecsv"]}, output=out["profiles"], **common)
    inputs = {name: f"{products}/{name}.ecsv" for name in ("limits", "detection", "profile")}
    plot("sizes", input=inputs | {"psf": f"{products}/psf.fits"}, output=out["sizes"], **common)
    for paths in out.values():
        assert all(Path(path).stat().st_size > 5000 for path in paths.values())


def test_figures_of_a_field_in_which_nothing_is_measured(products, plot, tmp_path):
    """An empty stack and no limits make a figure that says so."""
    for name in ("limits", "profile", "detection"):
        table = read_table(f"{products}/{name}.ecsv")
        for column in table.colnames:
            if table[column].dtype.kind == "f" and column not in ("radius_arcsec", "true_radius_pc"):
                table[column] = np.nan
        if name == "detection":
            table = table[table["setting"] != "stack"]
        table.write(tmp_path / f"{name}.ecsv", format="ascii.ecsv")
    common = {"wildcards": {"field": "mine"}, "params": PARAMS}
    out = {kind: f"{tmp_path}/figure.{kind}" for kind in ("png", "pdf")}
    plot("profiles", input={"profiles": [f"{tmp_path}/profile.ecsv"]}, output=out, **common)
    inputs = {name: f"{tmp_path}/{name}.ecsv" for name in ("limits", "detection", "profile")}
    plot("sizes", input=inputs | {"psf": f"{products}/psf.fits"}, output=out, **common)
