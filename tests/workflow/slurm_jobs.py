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
    sent, _ = _sent_together(dot, groups)
    return len(sent), len(set(sent.values()))


def waiting_in_circles(dot):
    """SLURM jobs that wait for each other, as sets of rules; the groups are those of profiles/slurm."""
    sent, edges = _sent_together(dot)
    needs = {one: set() for one in sent.values()}
    for before, after in edges:
        if before in sent and after in sent and sent[before] != sent[after]:
            needs[sent[after]].add(sent[before])
    while ready := [one for one, before in needs.items() if not before]:
        for one in ready:
            del needs[one]
        for before in needs.values():
            before.difference_update(ready)
    rules = _rules(dot)
    return [{rules[job] for job, one in sent.items() if one == left} for left in needs]


def _rules(dot):
    """Rule of each job."""
    return dict(re.findall(r'^\s*(\d+)\s*\[label ?= ?"([^"\\]+)', dot, re.MULTILINE))


def _sent_together(dot, groups=None):
    """One job that stands for all that are sent with it, by job; and the edges of the graph."""
    groups = PROFILE["groups"] if groups is None else groups
    rules = _rules(dot)
    group = {job: groups.get(rule, job) for job, rule in rules.items() if rule not in NOT_SENT}
    part = {job: job for job in group}

    def first(job):
        while part[job] != job:
            job = part[job]
        return job

    edges = re.findall(r"^\s*(\d+) -> (\d+)", dot, re.MULTILINE)
    for before, after in edges:
        if before in group and after in group and group[before] == group[after]:
            part[first(before)] = first(after)
    return {job: first(job) for job in group}, edges
