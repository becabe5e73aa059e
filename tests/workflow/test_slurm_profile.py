"""profiles/slurm: rules it names exist, its groups need nothing made from their own results; what is asked of SLURM."""

import os
import re
import shutil

import pytest
import yaml
from running import CONFIGS, REPO, command
from slurm_jobs import PROFILE, slurm_jobs, waiting_in_circles
from test_rebuild_matrix import rules_after


def graph(snakemake, config, cwd):
    """Rules and what follows from them, of one configuration."""
    run = snakemake("--rulegraph", "dot", "--forceall", *config, cwd=cwd)
    assert run.status == 0, run.stderr
    return rules_after(run.stdout)


def test_rules_exist():
    text = "".join(path.read_text(encoding="utf-8") for path in (REPO / "workflow" / "rules").glob("*.smk"))
    named = {*PROFILE["groups"], *PROFILE["set-resources"]}
    rules = set(re.findall(r"^(?:rule|use rule \w+ as) (\w+)(?::| with:)$", text, re.M))
    assert named - rules == set()


def test_groups_have_no_circle(snakemake, tmp_path):
    """With groups drawn together to one node each, the rules of the shipped fields can be put in an order.

    In a circle, a SLURM job would wait for a result that is made after it.
    """
    after = graph(snakemake, [], tmp_path)
    group = {rule: PROFILE["groups"].get(rule, rule) for rule in after}
    needs = {name: set() for name in group.values()}
    for rule, followers in after.items():
        for follower in followers:
            if group[rule] != group[follower]:
                needs[group[follower]].add(group[rule])
    while ready := [name for name, before in needs.items() if not before]:
        for name in ready:
            del needs[name]
        for before in needs.values():
            before.difference_update(ready)
    assert needs == {}, f"these groups wait for each other: {needs}"


def test_rescaled_errors_make_no_circle(snakemake, tmp_path):
    """Chunks are then sent in two parts, before and after what artificial clusters say of all of them."""
    (tmp_path / "my.yaml").write_text("photometry: {rescale_errors: proof}\n")
    run = snakemake("--dag", "dot", "--forceall", "--configfile", "my.yaml", cwd=tmp_path)
    assert run.status == 0, run.stderr
    assert "rescale_errors" in run.stdout
    assert waiting_in_circles(run.stdout) == []


def test_few_slurm_jobs(snakemake, tmp_path):
    """All rules of the shipped fields: two chunks and what comes before and after them."""
    run = snakemake("--dag", "dot", "--forceall", cwd=tmp_path)
    assert run.status == 0, run.stderr
    n_jobs, n_submitted = slurm_jobs(run.stdout)
    assert n_jobs > 150
    assert n_submitted <= 60


def test_every_rule_of_the_shipped_fields_has_a_group(snakemake, tmp_path):
    """A new rule that stands in no group is one more SLURM job in every field; downloads stay outside."""
    rules = {rule for rule in graph(snakemake, [], tmp_path) if not rule.startswith("all")}
    assert rules - set(PROFILE["groups"]) == set()


def test_connected_rules_of_a_group_are_one_slurm_job():
    """a -> b -> c of one group and d apart; e alone; two groups that touch stay two."""
    dot = """
        0[label = "all"];\n 1[label = "a\\nfield: f"];\n 2[label = "b"];\n 3[label = "c"];
        4[label = "d"];\n 5[label = "e"];\n 1 -> 2\n 2 -> 3\n 4 -> 5\n 3 -> 0\n 5 -> 0
    """
    one = dict.fromkeys("abcd", "one")
    assert slurm_jobs(dot, one) == (5, 3)
    assert slurm_jobs(dot, one | {"b": "two"}) == (5, 5)
    assert slurm_jobs(dot, {}) == (5, 5)


def test_profiles_agree():
    """What is not about the cluster is the same in both."""
    default = yaml.safe_load((REPO / "profiles" / "default" / "config.yaml").read_text(encoding="utf-8"))
    assert {key: PROFILE.get(key) for key in default} == default


@pytest.fixture
def submit(tmp_path):
    """Function that starts a run on a SLURM of stand-ins; `scancel` writes down what is cancelled and ends the run."""
    commands = {
        "sinfo": "case \"$*\" in *%R*) echo short;; *) echo 'short*|1:00:00|8|16000';; esac",
        "squeue": f"echo '7 {tmp_path}'; echo '8 /another'",
        "sbatch": "true",
        "scancel": f"echo $* > {tmp_path}/cancelled; kill -KILL $PPID",
        "scontrol": "echo 'MinJobAge = 300 sec'",
        "sacct": "exit 1",
    }
    shutil.copytree(CONFIGS, tmp_path, dirs_exist_ok=True)
    (tmp_path / "bin").mkdir()
    for name, script in commands.items():
        (tmp_path / "bin" / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / "bin" / name).chmod(0o755)

    def start(*argv):
        options = ("--workflow-profile", REPO / "profiles" / "slurm", "--configfile", "small.yaml")
        path = f"{tmp_path / 'bin'}:{os.environ['PATH']}"
        return command("-s", REPO / "Snakefile", *options, *argv, "--", "seds", cwd=tmp_path, PATH=path)

    return start


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (
            ["--set-resources", "fit_sed:slurm_partition=lng"],
            "slurm_partition: got lng, expected one of short",
        ),
        pytest.param(
            ["--slurm-init-seconds-before-status-checks", "200"],
            "forgets jobs after 300 s",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            ["--default-resources", "runtime=90"], "minutes, expected at most 60", marks=pytest.mark.slow
        ),
    ],
)
def test_a_run_that_slurm_would_not_take(submit, tmp_path, argv, says):
    """Options of the command line reach the questions; the run ends before its first job."""
    run = submit(*argv)
    assert run.status == 1
    assert says in run.stderr and "Traceback" not in run.stderr
    assert not (tmp_path / "results").exists()


def test_jobs_of_a_dead_run_are_cancelled(submit, tmp_path):
    """Those of this folder alone, before the first job is sent."""
    run = submit()
    assert "SLURM jobs of a run that died are cancelled: 7\n" in run.stderr
    assert (tmp_path / "cancelled").read_text() == "7\n"
