"""How many SLURM jobs a run takes, read off its graph: each group of rules goes as one job where it is connected."""

import re

import yaml
from running import REPO

PROFILE = yaml.safe_load((REPO / "profiles" / "slurm" / "config.yaml").read_text(encoding="utf-8"))
NOT_SENT = ("all", "photometry", "seds")
"""Targets, which are no work."""


def slurm_jobs(dot, groups=None):
    """Numbers of jobs and SLURM jobs.

    Parameters
    ----------
    dot : str
        What ``snakemake --dag dot`` says.
    groups : dict of str to str, optional
        Group of each rule; by default those of profiles/slurm.

    Returns
    -------
    n_jobs, n_submitted : int
    """
    groups = PROFILE["groups"] if groups is None else groups
    rules = dict(re.findall(r'^\s*(\d+)\s*\[label ?= ?"([^"\\]+)', dot, re.MULTILINE))
    group = {job: groups.get(rule, job) for job, rule in rules.items() if rule not in NOT_SENT}
    part = {job: job for job in group}

    def first(job):
        while part[job] != job:
            job = part[job]
        return job

    for before, after in re.findall(r"^\s*(\d+) -> (\d+)", dot, re.MULTILINE):
        if before in group and after in group and group[before] == group[after]:
            part[first(before)] = first(after)
    return len(group), len({first(job) for job in group})
