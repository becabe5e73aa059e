"""The workflow as a module of another: from a path, from git addresses with a tag, with a configuration of its own."""

import shutil
import subprocess
from types import SimpleNamespace

import pytest
from running import CONFIGS, REPO, command, copy_repo

SMALL = '{"fields": {"small": {"redshift": 0.39, "ebv": 0.1, "photometry": "small.csv"}}}'
"""A configuration that names only what differs; what it does not name are the defaults."""

WORKFLOW = """\
{before}
module clusterphot:
    snakefile: {snakefile}
    config: {config}


use rule * from clusterphot{more}


rule count_clusters:
    input:
        "results/small/sed/bc03/clusters.ecsv",
    output:
        "number.txt",
    shell:
        "grep -vc '^#' {{input}} > {{output}}"
"""
"""Another workflow with a rule of its own on top of ours."""

SNAKEDEPLOY = """\
from snakemake.utils import min_version


min_version("6.10.0")


configfile: "config/config.yaml"


# declare https://github.com/owner/clusterphot as a module
module clusterphot:
    snakefile: 
        github("owner/clusterphot", path="workflow/Snakefile", tag="v1")
    config:
        config


# use all rules from https://github.com/owner/clusterphot
use rule * from clusterphot
"""  # noqa: W291
"""What snakedeploy 0.17 writes to workflow/Snakefile, beside copies of config/ and profiles/."""


@pytest.fixture
def outer(tmp_path):
    """Function that writes the other workflow into a folder with the users' table: ``outer(snakefile, config)``."""
    shutil.copy2(CONFIGS / "small.csv", tmp_path)

    def write(snakefile, config=SMALL, before="", more=""):
        text = WORKFLOW.format(snakefile=snakefile, config=config, before=before, more=more)
        (tmp_path / "Snakefile").write_text(text, encoding="utf-8")
        return tmp_path

    return write


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    """A git repository with the workflow at the tag v1, and a state after it that does not work."""
    folder = copy_repo(tmp_path_factory.mktemp("git") / "clusterphot")

    def git(*words):
        who = ("-c", "user.name=test", "-c", "user.email=test@localhost", "-c", "commit.gpgsign=false")
        done = subprocess.run(["git", *who, *words], cwd=folder, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    git("init", "--quiet")
    git("add", "--all")
    git("commit", "--quiet", "--message", "state")
    git("tag", "v1")
    tagged = git("rev-parse", "HEAD")
    (folder / "workflow" / "rules" / "common.smk").write_text("raise ValueError\n")
    git("commit", "--quiet", "--all", "--message", "after the tag")
    return SimpleNamespace(folder=folder, commit=tagged, git=git)


def test_from_a_path_with_a_rule_on_top(outer, snakemake):
    """Only what the rule of the other workflow needs is planned; our own target is there by its name."""
    folder = outer(f'"{REPO}/workflow/Snakefile"')
    plan = snakemake.plan("number.txt", cwd=folder, repo=folder)
    assert plan.jobs["count_clusters"] == plan.jobs["merge_sed"] == plan.jobs["fit_sed"] == 1
    assert "write_table1" not in plan.jobs
    assert snakemake.plan("default", cwd=folder, repo=folder).jobs["write_table1"] == 1


def test_rules_under_other_names_and_without_our_target(outer, snakemake):
    folder = outer(f'"{REPO}/workflow/Snakefile"', more=" exclude default as phot_*")
    plan = snakemake.plan("number.txt", "phot_tables", cwd=folder, repo=folder)
    assert plan.jobs["count_clusters"] == plan.jobs["phot_merge_sed"] == plan.jobs["phot_write_table1"] == 1


@pytest.mark.parametrize(
    "named",
    [
        'gitfile("{folder}", path="workflow/Snakefile", tag="v1")',
        '"git+file://{folder}/workflow/Snakefile@v1"',
    ],
)
def test_from_a_git_address_with_a_tag(outer, repository, snakemake, named):
    """The state of the tag, checked out once into the working directory, with package and resources."""
    folder = outer(named.format(folder=repository.folder))
    plan = snakemake.plan("number.txt", cwd=folder, repo=folder)
    assert plan.jobs["count_clusters"] == plan.jobs["merge_sed"] == 1
    (checkout,) = (folder / ".snakemake" / "clusterphot").iterdir()
    assert checkout.name == repository.commit
    assert {path.name for path in checkout.iterdir()} == {
        "Snakefile",
        "workflow",
        "config",
        "resources",
        "envs",
    }


def test_run_from_a_git_address(outer, repository, snakemake):
    """Jobs find the package and the shipped library; a second run has nothing to do."""
    folder = outer(f'gitfile("{repository.folder}", path="workflow/Snakefile", tag="v1")')
    run = snakemake("number.txt", cwd=folder, repo=folder)
    assert run.status == 0, run.stdout + run.stderr
    assert (folder / "number.txt").read_text().strip() == "7", "six sources and the line of names"
    assert (folder / "results" / "small" / "sed" / "bc03" / "clusters.ecsv").is_file()
    again = snakemake("number.txt", cwd=folder, repo=folder)
    assert "Nothing to be done" in again.stdout + again.stderr


def test_configuration_is_that_of_the_module(outer, snakemake):
    """A section of the other workflow's file; what else is there, or on its command line, is not ours."""
    before = 'configfile: "mine.yaml"\n'
    folder = outer(f'"{REPO}/workflow/Snakefile"', config='config["phot"]', before=before)
    (folder / "mine.yaml").write_text(f"phot: {SMALL}\nmine: 1\n")
    plan = snakemake.plan("number.txt", "--config", "mine=2", cwd=folder, repo=folder)
    assert plan.jobs["count_clusters"] == 1


def test_mistakes_name_the_module(outer, snakemake):
    config = SMALL.replace('"ebv": 0.1, ', "").replace('{"fields"', '{"sed": {"grid": "bc03"}, "fields"')
    folder = outer(f'"{REPO}/workflow/Snakefile"', config=config)
    run = snakemake("--dry-run", "number.txt", cwd=folder, repo=folder)
    assert run.status == 1
    assert "Traceback" not in run.stderr
    assert "ConfigError: config of the module clusterphot, sed.grid: got an unknown key" in run.stderr
    assert "ConfigError: config of the module clusterphot, fields.small.ebv: got nothing" in run.stderr


def test_as_snakedeploy_writes_it(repository, tmp_path, snakemake):
    """github() with a tag, from the clone that Snakemake keeps; the plan is that of the repository itself."""
    folder, cache = tmp_path / "deployed", tmp_path / "cache"
    clones = (
        cache / "snakemake" / "snakemake" / "source-cache" / "snakemake-git-cache" / "github.com" / "owner"
    )
    for made in (folder / "workflow", clones, cache / "astropy"):
        made.mkdir(parents=True)
    repository.git("clone", "--quiet", "--bare", ".", str(clones / "clusterphot"))
    (folder / "workflow" / "Snakefile").write_text(SNAKEDEPLOY, encoding="utf-8")
    for name in ("config", "profiles"):
        shutil.copytree(REPO / name, folder / name)
    run = command("--dry-run", "--cores", "1", cwd=folder, XDG_CACHE_HOME=str(cache))
    assert run.status == 0, run.stdout + run.stderr
    assert (folder / ".snakemake" / "clusterphot" / repository.commit).is_dir()
    assert run.every_job == snakemake.plan(cwd=tmp_path).every_job
