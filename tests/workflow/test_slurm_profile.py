"""profiles/slurm: rules it names exist, and its groups need nothing that is made from their own results."""

import re

import yaml
from running import REPO
from test_rebuild_matrix import rules_after

PROFILE = yaml.safe_load((REPO / "profiles" / "slurm" / "config.yaml").read_text(encoding="utf-8"))


def graph(snakemake, config, cwd):
    """Rules and what follows from them, of one configuration."""
    run = snakemake("--rulegraph", "dot", "--forceall", *config, cwd=cwd)
    assert run.status == 0, run.stderr
    return rules_after(run.stdout)


def test_rules_exist():
    text = "".join(path.read_text(encoding="utf-8") for path in (REPO / "workflow" / "rules").glob("*.smk"))
    named = {*PROFILE["groups"], *PROFILE["set-resources"]}
    assert {rule for rule in named if f"rule {rule}:\n" not in text} == set()


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


def test_few_slurm_jobs(snakemake, tmp_path):
    """All rules of the shipped fields, drawn together to groups: SLURM jobs are the connected parts of each."""
    run = snakemake("--dag", "dot", "--forceall", cwd=tmp_path)
    assert run.status == 0, run.stderr
    rules = dict(re.findall(r'^\s*(\d+)\s*\[label ?= ?"([^"\\]+)', run.stdout, re.MULTILINE))
    group = {job: PROFILE["groups"].get(rule, job) for job, rule in rules.items() if rule != "all"}
    part = {job: job for job in group}

    def first(job):
        return job if part[job] == job else first(part[job])

    for before, after in re.findall(r"^\s*(\d+) -> (\d+)", run.stdout, re.MULTILINE):
        if after in group and group[before] == group[after]:
            part[first(before)] = first(after)
    assert len(rules) > 150
    assert len({first(job) for job in group}) <= 60


def test_profiles_agree():
    """What is not about the cluster is the same in both."""
    default = yaml.safe_load((REPO / "profiles" / "default" / "config.yaml").read_text(encoding="utf-8"))
    assert {key: PROFILE.get(key) for key in default} == default
