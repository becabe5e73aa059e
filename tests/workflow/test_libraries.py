"""Several libraries in one run: GALAXEV written from the shipped grid gives what the shipped grid gives; FSPS."""

import os

import pytest
import yaml
from clusterphot.base.tables import read_table
from galaxev_writer import write_galaxev
from running import REPO

PUBLISHED = {
    "redshift": 0.39,
    "ebv": 0.18,
    "photometry_is_dereddened": True,
    "stack_photometry": str(REPO / "resources" / "faisst2022" / "table2.csv"),
}


def write_config(folder, grids, **sed):
    """Configuration of a field with the published stack, also as its only source."""
    header, row = (
        (REPO / "resources" / "faisst2022" / "table2.csv").read_text(encoding="utf-8").split("\n")[:2]
    )
    if not header.startswith("id,"):
        header, row = f"id,{header}", f"stack,{row}"
    (folder / "one.csv").write_text(f"{header}\n{row}\n", encoding="utf-8")
    field = PUBLISHED | {"photometry": "one.csv"}
    content = {"fields": {"stack": field}, "ssp_grids": grids, "sed": {"grids": ["bc03", *grids], **sed}}
    (folder / "my.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")


def stack_of(folder, grid):
    """Row of the fit to the stack."""
    return read_table(str(folder / "results" / "stack" / "sed" / grid / "stack.ecsv"))[0]


@pytest.mark.slow
def test_galaxev_beside_the_shipped_grid(snakemake, tmp_path, embedded_grid):
    """Best fit, posterior and evidence of the published stack (Faisst et al. 2022, Table 2) to 1e-4."""
    (tmp_path / "galaxev").mkdir()
    write_galaxev(tmp_path / "galaxev", embedded_grid, packed=True)
    write_config(tmp_path, {"mine": {"reader": "galaxev", "directory": "galaxev"}})
    run = snakemake("--configfile", "my.yaml", "--", "seds", cwd=tmp_path, cores=2)
    assert run.status == 0, run.stdout + run.stderr
    shipped, mine = stack_of(tmp_path, "bc03"), stack_of(tmp_path, "mine")
    assert (mine["age_gyr"], mine["metallicity_zsun"]) == (2.0, 0.2)
    for name in ("chi2", "log_mass", "ml_v", "age_gyr_p16", "age_gyr_p84", "log_mass_p50", "log_evidence"):
        assert mine[name] == pytest.approx(shipped[name], rel=1e-4), name


def test_real_fsps_in_a_run(snakemake, tmp_path):
    """Table 2 with the stand-in stellar library and a 2 % floor: 0.4 Zsun, 1 Gyr; nothing is computed twice."""
    python = os.environ.get("CLUSTERPHOT_FSPS_PYTHON")
    if python is None:
        pytest.skip(
            "CLUSTERPHOT_FSPS_PYTHON names no interpreter with python-fsps; `make test-fsps` builds one"
        )
    write_config(
        tmp_path, {"mist": {"reader": "fsps", "python": python, "agb_dust": False}}, flux_floor_fraction=0.02
    )
    run = snakemake("--configfile", "my.yaml", "--", "seds", cwd=tmp_path, cores=2)
    assert run.status == 0, run.stdout + run.stderr
    best = stack_of(tmp_path, "mist")
    assert (best["age_gyr"], best["metallicity_zsun"]) == (1.0, 0.4)
    assert (
        "NOT FOR SCIENCE"
        in read_table(str(tmp_path / "results" / "stack" / "sed" / "mist" / "stack.ecsv")).meta["models"][
            "source"
        ]
    )
    assert snakemake.plan("--configfile", "my.yaml", "--", "seds", cwd=tmp_path).jobs == {}
