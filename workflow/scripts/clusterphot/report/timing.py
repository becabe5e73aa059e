"""Where the time went: run time and memory of each rule, from the benchmark files of the jobs.

Times s of wall clock, memory MB (largest resident set of a job).
"""

import csv
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class RuleTime:
    """Jobs of one rule.

    Attributes
    ----------
    rule : str
    n_jobs : int
    seconds, cpu_seconds : float
        Sums over the jobs.
    longest_seconds : float
        Of one job.
    max_rss_mb : float
        Largest of all jobs; 0 where the system could not tell.
    """

    rule: str
    n_jobs: int
    seconds: float
    cpu_seconds: float
    longest_seconds: float
    max_rss_mb: float


def read_benchmarks(folder):
    """Times of all rules, the longest first.

    Parameters
    ----------
    folder : str
        Folder of the benchmark files, ``<rule>/.../<wildcard>.tsv`` or ``<rule>.tsv``.

    Returns
    -------
    times : list of `RuleTime`
        Files that cannot be read (a job is writing them) are left out.
    """
    rows = {}
    for path in sorted(Path(folder).rglob("*.tsv")):
        parts = path.relative_to(folder).parts
        values = _read_one(path)
        if values is not None:
            rows.setdefault(parts[0].removesuffix(".tsv"), []).append(values)
    times = [
        RuleTime(
            rule,
            len(jobs),
            sum(job[0] for job in jobs),
            sum(job[2] for job in jobs),
            max(job[0] for job in jobs),
            max(job[1] for job in jobs),
        )
        for rule, jobs in rows.items()
    ]
    return sorted(times, key=lambda time: (-time.seconds, time.rule))


def _read_one(path):
    """Wall seconds, memory in MB and CPU seconds of a benchmark file, or None; a repeated job counts its mean."""
    with open(path, newline="", encoding="utf-8") as stream:
        lines = list(csv.DictReader(stream, delimiter="\t"))
    try:
        columns = [[_number(line[name]) for line in lines] for name in ("s", "max_rss", "cpu_time")]
    except (KeyError, ValueError):
        return None
    return tuple(sum(values) / len(values) for values in columns) if lines else None


def _number(text):
    """Value of a cell; ``-`` and ``NA`` stand for what the system could not tell."""
    return 0.0 if text in (None, "", "-", "NA") else float(text)


def spell_seconds(seconds):
    """Duration in words: 0.8 s, 42 s, 3 min 20 s, 2 h 5 min."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
