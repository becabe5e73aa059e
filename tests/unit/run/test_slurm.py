"""Questions to SLURM, answered by stand-ins for its commands."""

from types import SimpleNamespace

import pytest
from clusterphot.base.errors import ConfigError
from clusterphot.run import slurm

ANSWERS = {
    "sinfo": "echo 'short*|1:00:00|8|16000'",
    "squeue": "echo '7 /some/run'; echo '8 /another'; echo '12 /some/run'",
    "sbatch": "true",
    "scancel": "true",
    "scontrol": "echo 'MinJobAge               = 300 sec'",
    "sacct": "echo 'Slurm accounting storage is disabled' >&2; exit 1",
}


@pytest.fixture
def cluster(tmp_path, monkeypatch):
    """Function that sets what commands answer; None: there is no such command."""

    def answer(**answers):
        for name, script in {**ANSWERS, "sinfo": "echo short", **answers}.items():
            path = tmp_path / name
            path.unlink(missing_ok=True)
            if script is not None:
                path.write_text(f"#!/bin/sh\n{script}\n")
                path.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path))

    answer()
    return answer


def test_a_good_cluster(cluster):
    slurm.check_cluster({(None, None), ("short", "astro")}, status_command="squeue", seconds_between=40)


@pytest.mark.parametrize(
    ("answers", "request_", "says"),
    [
        ({"sbatch": None}, (None, None), "no command sbatch"),
        (
            {"sinfo": "echo no socket >&2; exit 1"},
            (None, None),
            r"no answer from the scheduler \(no socket\)",
        ),
        ({}, ("shrt", None), "slurm_partition: got shrt, expected one of short"),
        (
            {"sbatch": "echo Invalid account >&2; exit 1"},
            (None, "x"),
            "slurm_account: got x .*Invalid account",
        ),
        ({"sbatch": "echo not available >&2; exit 1"}, (None, None), "part 1 and cores"),
        ({"scontrol": "echo 'MinJobAge = 60 sec'"}, (None, None), "forgets jobs after 60 s"),
    ],
)
def test_refused(cluster, answers, request_, says):
    cluster(**answers)
    with pytest.raises(ConfigError, match=says):
        slurm.check_cluster({request_}, status_command="squeue", seconds_between=40)


def test_sacct_without_accounting(cluster):
    with pytest.raises(ConfigError, match="sacct, which finds no accounting here"):
        slurm.check_cluster({(None, None)}, status_command="sacct")


def test_no_answer_in_time(cluster, monkeypatch):
    monkeypatch.setattr(slurm, "ANSWER_S", 0.2)
    cluster(sinfo="exec /bin/sleep 5")
    with pytest.raises(ConfigError, match="nothing within 0.2 s"):
        slurm.check_cluster({(None, None)})


def test_limits_of_partitions():
    """Times as SLURM writes them; nodes of different sizes give no limit; the default has two names."""
    text = (
        "short*|1:00:00|8|16000\nlong|infinite|8+|16000\nday|1-12:30:00|64|250000\nday|1-12:30:00|32|500000\n"
    )
    short = {"runtime": 60, "cores": 8, "mem_mb": 16000}
    assert slurm.partition_limits(text) == {
        "short": short,
        None: short,
        "long": {"mem_mb": 16000},
        "day": {"runtime": 2190, "cores": 64, "mem_mb": 500000},
    }


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"runtime": 61}, "runtime of chunk: got 61 minutes, expected at most 60"),
        ({"slurm_partition": "short", "mem_mb": 16001}, "mem_mb of chunk: got 16001 MB"),
        ({"cores": 9}, "cores of chunk: got 9 cores"),
    ],
)
def test_a_job_that_would_wait_for_ever(cluster, asked, says):
    cluster(sinfo=ANSWERS["sinfo"])
    with pytest.raises(ConfigError, match=says):
        slurm.check_sizes([("small", {"runtime": 60, "cores": 8}), ("chunk", asked)])


def test_places_of_jobs():
    """Rules may have a partition of their own; quotes are those of the profile."""

    def resources(**values):
        return {name: SimpleNamespace(raw=value) for name, value in values.items()}

    default = resources(slurm_account="'my account'", mem_mb="1000 * attempt")
    of_rules = {"fit_sed": resources(slurm_partition="long", mem_mb=5)}
    assert slurm.places(default, of_rules) == {(None, "my account"), ("long", "my account")}
    assert slurm.places(None, None) == {(None, None)}


def test_jobs_of_a_folder(cluster):
    assert slurm.jobs_in_queue("/some/run") == ["7", "12"]
