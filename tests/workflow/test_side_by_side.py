"""One run of fields given by their fluxes: behind a lens, two versions of a calibration, beside published values.

The fluxes are those of models of the shipped grid, with noise; what was put in is to come out.
"""

import numpy as np
import pytest
import yaml
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS
from clusterphot.base.cosmology import flat_lambda_cdm
from clusterphot.base.flags import Flag
from clusterphot.base.tables import read_table
from clusterphot.ssp.grid import project_grid

pytestmark = pytest.mark.slow

FILTERS = ("F090W", "F150W", "F200W", "F277W", "F356W", "F444W")
LENS, ARC = 0.39, 1.378
PLACE = (110.83, -73.45)
N = 60


def observe(grid, rng, redshift, age_gyr, log_mass, *, boost=1.0, relative=0.03):
    """Fluxes of clusters of 0.4 Zsun, seen ``boost`` times brighter, and their errors, (n, n_filters) nJy."""
    seen = project_grid(grid, FILTERS, redshift, flat_lambda_cdm(70.0, 0.3))
    j = int(np.argmin(np.abs(grid.metallicity_zsun - 0.4)))
    i = np.array([int(np.argmin(np.abs(grid.age_gyr - age))) for age in age_gyr])
    mass = 10 ** np.asarray(log_mass) / grid.mass_remaining[i, j]
    flux = seen.flux_njy[i, j] * (mass * boost)[:, None]
    err = relative * flux + 0.02
    return flux + err * rng.standard_normal(flux.shape), err


def write(path, ids, flux, err, **more):
    """A table of photometry."""
    table = Table({"id": ids, **more})
    for band, filt in enumerate(FILTERS):
        table[f"flux_{filt}"], table[f"flux_err_{filt}"] = flux[:, band], err[:, band]
    table.write(path, format="ascii.csv")


def write_map(path, magnification):
    """A constant map of 20 arcsec about the place."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype, wcs.wcs.crval, wcs.wcs.crpix = ["RA---TAN", "DEC--TAN"], PLACE, [10.5, 10.5]
    wcs.wcs.cdelt = [-1 / 3600, 1 / 3600]
    fits.PrimaryHDU(np.full((20, 20), -magnification), wcs.to_header()).writeto(path)


@pytest.fixture(scope="module")
def done(snakemake, tmp_path_factory, embedded_grid):
    """The finished run, what was put into it, and its folder."""
    cwd, rng = tmp_path_factory.mktemp("beside"), np.random.default_rng(23)
    ids = [f"c{k}" for k in range(N)]
    age, mass = 10 ** rng.uniform(-0.2, 0.4, N), rng.uniform(5.8, 7.2, N)
    seen = np.clip(6 * (1 + 0.15 * rng.standard_normal(N)), 1, None)
    flux, err = observe(embedded_grid, rng, ARC, age, mass, boost=seen)
    members, members_err = observe(embedded_grid, rng, LENS, [3.0] * 4, [6.8] * 4)
    dec = np.full(N + 4, PLACE[1]) + rng.uniform(-5, 5, N + 4) / 3600
    dec[0] += 60 / 3600  # outside the map
    write(
        cwd / "arc.csv",
        [*ids, "m0", "m1", "m2", "m3"],
        np.concatenate([flux, members]),
        np.concatenate([err, members_err]),
        ra=np.full(N + 4, PLACE[0]),
        dec=dec,
        redshift=[f"{ARC + 0.002 * (k % 2)}" for k in range(N)] + [""] * 4,
    )
    write_map(cwd / "mu.fits", 6.0)
    flux, err = observe(embedded_grid, rng, LENS, age, mass)
    brighter = flux.copy()
    brighter[:, FILTERS.index("F200W")] *= 1.03
    write(cwd / "second.csv", ids, flux, err, age=age, lm=mass)
    write(cwd / "first.csv", ids, brighter + 0.1 * err * rng.standard_normal(flux.shape), err)
    (cwd / "factors.csv").write_text(f"filter,factor\nF200W,{1 / 1.03}\n")
    common = {"redshift": LENS, "photometry_is_dereddened": True}
    fields = {
        "arc": common
        | {
            "photometry": "arc.csv",
            "magnification": {"map": "mu.fits", "error_fraction": 0.15},
            "area_arcmin2": 1.0,
        },
        "first": common | {"photometry": "first.csv", "same_sources_as": "second"},
        "applied": common
        | {"photometry": "first.csv", "same_sources_as": "second", "calibration": {"factors": "factors.csv"}},
        "second": common | {"photometry": "second.csv", "compare_with": {"age_gyr": "age", "log_mass": "lm"}},
    }
    (cwd / "my.yaml").write_text(yaml.safe_dump({"fields": fields}))
    run = snakemake("--configfile", "my.yaml", "--", "lensing", "side_by_side", cwd=cwd, cores=2)
    assert run.status == 0, run.stdout + run.stderr
    return cwd / "results", age, mass


def test_masses_behind_the_lens(done):
    """Recovered within errors of measurement and magnification; outside the map NaN and a flag; members as they are."""
    results, _, mass = done
    table = read_table(str(results / "arc" / "lensing" / "intrinsic.ecsv"))
    assert set(np.round(table["redshift"], 6)) == {
        round(ARC + 0.001, 6),
        LENS,
    }  # the middle of two that are alike
    known = np.arange(1, N)
    width = 0.5 * (table["intrinsic_log_mass_p84"] - table["intrinsic_log_mass_p16"])
    error = np.hypot(width, table["intrinsic_log_mass_err_lensing"])
    pulls = ((table["intrinsic_log_mass_p50"][:N] - mass) / error[:N])[known]
    assert (
        abs(np.mean(pulls)) < 0.6
    )  # medians of posteriors lie 0.04 dex high by the priors of age and metallicity
    assert np.std(pulls) < 1.3
    offsets = (table["intrinsic_log_mass_p50"][:N] - mass)[known]
    assert abs(np.median(offsets)) < 0.05
    assert np.isnan(table["intrinsic_log_mass_p50"][0]) and table["flags"][0] & int(Flag.LENSING_UNKNOWN)
    assert (table["magnification"][N:] == 1).all() and (table["magnification_err"][N:] == 0).all()


def test_ages_at_each_redshift(done):
    """Sources of the arc are fitted at its redshift, where the Universe was 4.6 Gyr old, the members at the lens's."""
    results, age, _ = done
    table = read_table(str(results / "arc" / "sed" / "bc03" / "clusters.ecsv"))
    offsets = np.log10(table["age_gyr_p50"][:N] / age)
    assert abs(np.median(offsets)) < 0.12
    assert (table["age_gyr_p975"][:N] < 4.7).all()
    formed = read_table(str(results / "arc" / "sed" / "bc03" / "formation.ecsv"))
    np.testing.assert_allclose(
        formed["lookback_gyr_p50"][0] - table["age_gyr_p50"][0], 8.97, atol=0.05
    )  # lookback time of z = 1.379 for H0 = 70, Om = 0.3


def test_two_versions(done):
    """1.03 in F200W to 0.3 %, others 1; applied on demand, all 1."""
    results, *_ = done
    wanted = np.where(np.array(FILTERS) == "F200W", 1.03, 1.0)
    for name, ratio in (("first", wanted), ("applied", 1.0)):
        table = read_table(str(results / name / "calibration" / "factors.ecsv"))
        np.testing.assert_allclose(table["ratio"], ratio, atol=0.003)


def test_beside_published(done):
    """What was put in, as if published: no offset beyond 0.1 dex, most within our 16 to 84 %."""
    results, *_ = done
    table = read_table(str(results / "second" / "published" / "bc03_summary.ecsv"))
    rows = table[table["estimate"] == "median"]
    assert (np.abs(rows["offset_dex"]) < 0.1).all()
    assert (rows["share_68"] > 0.5).all()


def test_fields_side_by_side(done):
    """Two versions of the same clusters agree."""
    results, *_ = done
    table = read_table(str(results / "fields_differences.ecsv"))
    same = (table["field"] == "first") & (table["other_field"] == "applied")
    assert "differ" not in set(table["outcome"][same])
    assert len(read_table(str(results / "fields.ecsv"))) == 4
