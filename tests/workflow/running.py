"""Running Snakemake in tests, and reading what it says."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

REPO = Path(__file__).resolve().parents[2]
CONFIGS = REPO / "tests" / "config"
NOT_COPIED = shutil.ignore_patterns(
    ".venv", ".git", ".snakemake", ".*_cache", ".benchmarks", "__pycache__", "results", "logs", "benchmarks"
)
PAGES = ("draw_sky", "collect_cards", "write_field_report", "write_report")
"""Rules of the report; what reruns them is tested in test_report.py."""
NOTICES = re.compile(r"Using workflow specific profile |Config file \S+ is extended by ")
"""Lines that Snakemake prints on standard error in every run with a profile and a user's configuration."""


def environment():
    """Environment of a run: one thread, no windows."""
    return {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MPLBACKEND": "Agg"}


def copy_repo(folder):
    """Copy of the repository without what it made, times kept."""
    return Path(shutil.copytree(REPO, folder, ignore=NOT_COPIED, symlinks=True))


def copy_run(source, target):
    """Copy of a working directory, times kept, so that Snakemake sees nothing to do in it."""
    return Path(shutil.copytree(source, target, symlinks=True))


@dataclass(frozen=True)
class Run:
    """Outcome of one call of Snakemake.

    Attributes
    ----------
    status : int
        Exit status.
    stdout, stderr : str
    """

    status: int
    stdout: str
    stderr: str

    @property
    def jobs(self):
        """Rule to number of jobs of the plan, without targets and pages of the report, which follow from everything."""
        left_out = {"all", "default", "report", *PAGES}
        return {rule: number for rule, number in self.every_job.items() if rule not in left_out}

    @property
    def every_job(self):
        """Rule to number of jobs of the plan, pages of the report included; empty where nothing is to be done."""
        if "Nothing to be done" in self.stdout + self.stderr:
            return {}
        tables = re.findall(
            r"^Job stats:\njob +count\n-+ +-+\n(.*?)^total ", self.stdout + self.stderr, re.M | re.S
        )
        counts = dict(line.split() for line in tables[-1].splitlines())
        return {rule: int(number) for rule, number in counts.items() if rule not in ("all", "default")}

    @property
    def messages(self):
        """The messages of the planned jobs."""
        return re.findall(r"^Job \d+: (.*)$", self.stdout + self.stderr, re.M)

    @property
    def complaint(self):
        """Standard error without the notices that any run prints."""
        lines = self.stderr.splitlines()
        return "\n".join(line for line in lines if line and not NOTICES.match(line))


class Snakemake:
    """Calls of Snakemake in forks of one process; see `snakemake_server`."""

    def __init__(self, folder):
        self.folder = folder
        # a path to a socket may have a hundred characters only, so not in ``folder``
        self._sockets = tempfile.TemporaryDirectory(prefix="clusterphot-")
        self._server = subprocess.Popen(
            [
                sys.executable,
                Path(__file__).with_name("snakemake_server.py"),
                str(Path(self._sockets.name, "scripts")),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment(),
            text=True,
        )

    def __call__(self, *argv, cwd, repo=REPO, cores=1):
        """Run ``snakemake`` with the Snakefile of ``repo`` in the working directory ``cwd``."""
        paths = {name: str(self.folder / name) for name in ("stdout", "stderr")}
        argv = ["--snakefile", str(repo / "Snakefile"), "--cores", str(cores), *map(str, argv)]
        self._server.stdin.write(json.dumps({"argv": argv, "cwd": str(cwd), **paths}) + "\n")
        self._server.stdin.flush()
        status = int(self._server.stdout.readline())
        return Run(status, *(Path(path).read_text(encoding="utf-8") for path in paths.values()))

    def plan(self, *argv, cwd, repo=REPO):
        """Dry run that must succeed."""
        run = self("--dry-run", *argv, cwd=cwd, repo=repo)
        assert run.status == 0, run.stdout + run.stderr
        return run

    def close(self):
        """End the server."""
        self._server.stdin.close()
        self._server.wait(timeout=60)
        self._server.stdout.close()
        self._sockets.cleanup()


def command(*argv, cwd, timeout=300, typed="", **variables):
    """Run the command ``snakemake`` itself, as a user who types would, with more variables in its environment."""
    done = subprocess.run(
        [Path(sys.executable).with_name("snakemake"), *map(str, argv)],
        cwd=cwd,
        env=environment() | variables,
        input=typed,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    return Run(done.returncode, done.stdout, done.stderr)
