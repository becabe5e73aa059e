"""Whether SLURM can take jobs, asked before the first one: a mistake there would be waited for, not reported.

Asks the commands of SLURM (sinfo, scontrol, sacct, sbatch --test-only); nothing is submitted.
"""

import os
import re
import shutil
import subprocess

from clusterphot.base.errors import ConfigError

COMMANDS = ("sbatch", "squeue", "scancel", "scontrol", "sinfo")
ANSWER_S = 20
"""Seconds that the controller is given to answer."""

PROFILE = "profiles/slurm/config.yaml"


def places(default, of_rules):
    """Partition and account of every kind of job.

    Parameters
    ----------
    default : mapping of str to resource
        What Snakemake makes of `default-resources`; a resource has its text as attribute ``raw``.
    of_rules : mapping of str to (mapping of str to resource)
        Likewise of `set-resources`, by rule.

    Returns
    -------
    places : set of (str or None, str or None)
    """
    default, kinds = dict(default or {}), [{}, *(of_rules or {}).values()]
    found = ([{**default, **kind}.get(key) for key in ("slurm_partition", "slurm_account")] for kind in kinds)
    return {tuple(None if entry is None else str(entry.raw).strip("'\"") for entry in pair) for pair in found}


def check_cluster(requests, *, status_command="squeue", seconds_between=40, cores=1):
    """Refuse to start where jobs could not be submitted or watched.

    Parameters
    ----------
    requests : set of (str or None, str or None)
        Partition and account of every kind of job; None for the cluster's default.
    status_command : {"squeue", "sacct"}
        How jobs will be watched.
    seconds_between : int
        Seconds before the first look at a job.
    cores : int
        Cores of the largest job.

    Raises
    ------
    ConfigError
        If commands are missing, the controller does not answer, or it refuses such jobs.
    """
    missing = [name for name in COMMANDS if shutil.which(name) is None]
    if missing:
        raise ConfigError(
            "executor: slurm",
            f"no command {', '.join(missing)} on this machine",
            "the commands of SLURM",
            "start the run on the cluster's login node, or leave out --workflow-profile to run here.",
        )
    status, said = _ask("sinfo", "--noheader", "--format=%R")
    if status:
        raise ConfigError(
            "executor: slurm",
            f"no answer from the scheduler ({said})",
            "a running slurmctld",
            "does `sinfo` work here? SLURM_CONF is " + os.environ.get("SLURM_CONF", "not set") + ".",
        )
    partitions = sorted(set(said.split()))
    for partition, account in sorted(requests, key=str):
        _check_request(partition, account, cores, partitions)
    _check_status_command(status_command, seconds_between)


def check_sizes(jobs):
    """Refuse jobs that are larger than their partition allows, which would wait in the queue for ever.

    Parameters
    ----------
    jobs : iterable of (str, dict)
        Name of a job, and what it asks for: slurm_partition or None, and where known runtime (minutes), mem_mb, cores.

    Raises
    ------
    ConfigError
    """
    status, said = _ask("sinfo", "--noheader", "--format=%P|%l|%c|%m")
    limits = partition_limits(said) if status == 0 else {}
    for name, asked in jobs:
        allowed = limits.get(asked.get("slurm_partition"), {})
        for key, unit in (("runtime", "minutes"), ("mem_mb", "MB"), ("cores", "cores")):
            value, limit = asked.get(key), allowed.get(key)
            if isinstance(value, int) and limit is not None and value > limit:
                where = asked.get("slurm_partition") or "(default)"
                raise ConfigError(
                    f"{PROFILE}, {key} of {name}",
                    f"{value} {unit}",
                    f"at most {limit}, as the partition {where} allows",
                    "a group of rules adds up; lower it in part 2, lower `cores`, or take another partition.",
                )


def partition_limits(text):
    """Largest job of every partition, from ``sinfo --format=%P|%l|%c|%m``.

    Returns
    -------
    limits : dict of (str or None) to dict
        By partition, the default one also as None: runtime (minutes), cores and mem_mb of a node; a key is left out
        where nodes differ or there is no limit.
    """
    limits = {}
    for line in text.splitlines():
        name, time, cores, memory = line.strip().split("|")
        entry = {"runtime": _minutes(time), "cores": _whole(cores), "mem_mb": _whole(memory)}
        for key in {name.rstrip("*"), None} if name.endswith("*") else {name}:
            known = limits.setdefault(key, dict(entry))
            for kind, value in entry.items():
                largest = None if value is None or known[kind] is None else max(value, known[kind])
                known[kind] = largest
    return {
        name: {key: value for key, value in known.items() if value is not None}
        for name, known in limits.items()
    }


def _whole(text):
    """A number; None for "6+", the smallest of nodes that differ."""
    return int(text) if text.isdigit() else None


def _minutes(text):
    """Minutes of SLURM's [days-]hours:minutes:seconds; None without limit."""
    found = re.fullmatch(r"(?:(\d+)-)?(?:(\d+):)?(\d+):(\d+)", text)
    if found is None:
        return None
    days, hours, minutes = (int(part or 0) for part in found.groups()[:3])
    return 1440 * days + 60 * hours + minutes


def _check_request(partition, account, cores, partitions):
    """Let SLURM judge a job of this partition and account without taking it."""
    if partition is not None and partition not in partitions:
        raise ConfigError(
            f"{PROFILE}, slurm_partition", partition, f"one of {', '.join(partitions)}", "`sinfo` lists them."
        )
    options = [f"--partition={partition}"] if partition else []
    options += [f"--account={account}"] if account else []
    status, said = _ask(
        "sbatch", "--test-only", "--time=1", f"--cpus-per-task={cores}", *options, "--wrap=true"
    )
    if status == 0:
        return
    if "account" in said.lower():
        where, expected = f"{PROFILE}, slurm_account", "an account of yours"
        hint = "`sacctmgr show user $USER withassoc` lists them, on most clusters."
    else:
        where, expected = f"{PROFILE}, part 1 and cores", "a job that the cluster can run"
        hint = "a job has up to `cores` cores; lower that where nodes have fewer."
    got = f"{account or 'none'} in partition {partition or '(default)'}: {said}"
    raise ConfigError(where, got, expected, hint)


def _check_status_command(status_command, seconds_between):
    """Refuse to watch jobs with a command that would never see them end."""
    if status_command == "squeue":
        _, said = _ask("scontrol", "show", "config")
        found = re.search(r"^MinJobAge\s*=\s*(\d+)", said, re.MULTILINE)
        age = int(found[1]) if found else 300
        if age >= 3 * seconds_between:
            return
        got = f"squeue, on a cluster that forgets jobs after {age} s"
        hint = f"lower slurm-init-seconds-before-status-checks to {age // 3}, or watch with sacct."
    else:
        got, hint = "sacct, which finds no accounting here", "slurm-status-command: squeue"
    status, said = _ask("sacct", "--noheader", "--allocations", "--starttime=now")
    if status:
        where = f"{PROFILE}, slurm-status-command"
        raise ConfigError(where, f"{got} ({said})", "a command that sees jobs end", hint)


def _ask(*command):
    """Exit status and words of a command; no answer in time is a failure too."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=ANSWER_S, check=False)
    except subprocess.TimeoutExpired:
        return 1, f"nothing within {ANSWER_S} s"
    except OSError as error:
        return 1, str(error)
    words = done.stdout if done.returncode == 0 else done.stderr or done.stdout
    return done.returncode, words.strip() if done.returncode == 0 else " ".join(words.split())


def jobs_in_queue(folder):
    """SLURM ids of the user's jobs that were submitted from a folder and are not over yet."""
    status, said = _ask("squeue", "--noheader", "--me", "--format=%A %Z")
    if status:
        return []
    entries = (line.split(" ", 1) for line in said.splitlines() if " " in line)
    here = os.path.realpath(folder)
    return sorted({number for number, place in entries if os.path.realpath(place.strip()) == here}, key=int)


def cancel_jobs(numbers):
    """Cancel SLURM jobs and wait until they are gone."""
    if numbers:
        _ask("scancel", *numbers)
