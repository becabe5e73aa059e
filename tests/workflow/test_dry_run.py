"""Plans: every configuration, from any working directory, through both entries, for single sources."""

import urllib.parse

import pytest
from clusterphot.base import user_tables
from clusterphot.run import chunks
from running import CONFIGS, REPO, command

IDS = user_tables.read_photometry(str(CONFIGS / "small.csv"), "small.csv")[0]


@pytest.mark.parametrize("name", sorted(path.name for path in CONFIGS.glob("*.yaml")))
def test_each_configuration_plans(snakemake, workdir, name):
    jobs = snakemake.plan("--configfile", name, cwd=workdir).jobs
    assert jobs["fit_sed"] >= 1
    assert jobs["write_table1"] == (2 if name == "two_fields.yaml" else 1)


def test_shipped_configuration_plans_from_another_folder(tmp_path):
    run = command("-s", REPO / "Snakefile", "-n", "--directory", tmp_path / "made", cwd=tmp_path)
    assert run.status == 0, run.stderr
    assert {"import_photometry": 1, "simulate_exposures": 6, "fit_stack_sed": 2}.items() <= run.jobs.items()


def test_entry_of_the_workflow_catalogue_plans_the_same(snakemake, tmp_path):
    entry = command("-s", REPO / "workflow" / "Snakefile", "-n", "--cores", "1", cwd=tmp_path)
    assert entry.status == 0, entry.stderr
    assert entry.jobs == snakemake.plan(cwd=tmp_path).jobs


def test_a_module_names_only_what_differs(tmp_path):
    """What it leaves out is filled in; and a redshift of 1e-05 is a redshift."""
    field = {"redshift": 0.00001, "ebv": 0.18, "photometry": str(CONFIGS / "small.csv")}
    config = {"fields": {"near": field}, "sed": {"flux_floor_fraction": 0.05}}
    (tmp_path / "Snakefile").write_text(
        f"module ours:\n    snakefile: {str(REPO / 'Snakefile')!r}\n    config: {config}\n"
        "use rule * from ours as our_*\n"
    )
    run = command("-n", "--cores", "1", "our_seds", cwd=tmp_path)
    assert run.status == 0, run.stderr
    assert run.jobs["our_fit_sed"] >= 1 and run.jobs["our_project_native_grid"] == 1
    assert any("bc03: fluxes at z = 1e-05 through F090W" in message for message in run.messages)


def test_user_config_beside_a_directory_elsewhere(snakemake, workdir, tmp_path):
    """Paths in the configuration are relative to ``--directory``, its own to where one types."""
    (tmp_path / "typed").mkdir()
    (workdir / "small.yaml").rename(tmp_path / "typed" / "mine.yaml")
    run = snakemake.plan("--configfile", "mine.yaml", "--directory", workdir, cwd=tmp_path / "typed")
    assert run.jobs["fit_sed"] == 2


def test_users_fields_replace_the_shipped_ones(snakemake, workdir):
    run = snakemake.plan("--configfile", "small.yaml", cwd=workdir)
    assert any("small" in message for message in run.messages)
    assert not any("smacs0723" in message for message in run.messages)


def test_one_job_per_source(snakemake, workdir):
    run = snakemake.plan("--configfile", "per_source.yaml", cwd=workdir)
    for rule in ("import_photometry", "deredden_photometry", "fit_sed"):
        assert run.jobs[rule] == len(IDS)
    planned = {message.split(":")[0] for message in run.messages}
    assert {f"single {chunks.single_chunk(name)}" for name in IDS} <= planned


@pytest.mark.parametrize("source", ["a/b", "50%"])
def test_a_single_source_can_be_asked_for(snakemake, workdir, source):
    target = f"results/small/sed/bc03/src-{urllib.parse.quote(source, safe='')}.ecsv"
    jobs = snakemake.plan("--configfile", "small.yaml", "--", target, cwd=workdir).jobs
    assert jobs == {
        "build_ssp_grid": 1,
        "project_ssp_grid": 1,
        "project_native_grid": 1,
        "compute_extinction": 1,
        "import_photometry": 1,
        "deredden_photometry": 1,
        "fit_sed": 1,
    }


@pytest.mark.parametrize("target", ["photometry", "seds", "libraries", "tables", "figures", "formation"])
def test_targets_for_people(snakemake, workdir, target):
    jobs = snakemake.plan("--configfile", "two_fields.yaml", "--", target, cwd=workdir).jobs
    fits = {"photometry": 0, "seds": 4, "libraries": 0, "tables": 2, "figures": 4, "formation": 4}[target]
    assert jobs.get("fit_sed", 0) == fits


def test_regions_are_made_and_residuals_asked_for(snakemake, workdir):
    """Of a field with mosaics; one given by its fluxes has neither."""
    all_jobs = snakemake.plan("--configfile", "simulated.yaml", cwd=workdir).jobs
    asked = snakemake.plan("--configfile", "simulated.yaml", "--", "residuals", cwd=workdir).jobs
    assert all_jobs["write_regions"] == 1 and "draw_residual" not in all_jobs
    assert asked["draw_residual"] == asked["prepare_mosaic"] and "merge_photometry" not in asked
    assert "write_regions" not in snakemake.plan("--configfile", "small.yaml", cwd=workdir).jobs


def test_tables_for_other_programs(snakemake, workdir):
    """In the formats named, each merged table once; without any, none but those asked for."""
    names = {"catalogue", "photometry", "photometry_dereddened", "sed/bc03/clusters", "sed/bc03/rest_frame"}
    plain = snakemake.plan("--configfile", "small.yaml", "--", "tables", cwd=workdir)
    assert "convert_table" not in plain.jobs
    formats = ("--config", "tables={formats: [votable, fits]}")
    run = snakemake.plan("--configfile", "small.yaml", *formats, "--", "tables", cwd=workdir)
    wanted = {f"small: {name} as .{ending}" for name in names for ending in ("vot", "fits")}
    made = {message for message in run.messages if " as ." in message}
    assert made >= wanted - {"small: photometry as .fits"}
    assert "small: photometry as .fits" not in made and run.jobs["merge_photometry"] == 1
    one = snakemake.plan("--configfile", "small.yaml", "--", "results/small/photometry.vot", cwd=workdir)
    assert one.jobs["convert_table"] == 1
