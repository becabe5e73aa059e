"""A dry run in plain words: which steps would run, how many jobs each has, and why. Texts only, no units."""

import re
from collections import Counter, defaultdict

from clusterphot.run.progress import TITLES

REASONS = {
    "missing output files": "not made yet",
    "input files updated by another job": "what it reads is made anew",
    "updated input files": "newer: {files}",
    "code has changed": "its code has changed",
    "params have changed": "its settings have changed",
    "set of input files has changed": "it reads other files than before",
    "software environment": "its software has changed",
    "forced execution": "asked for by name",
    "incomplete": "was broken off",
}
"""Snakemake's reasons by their first words, and ours."""
FOLLOWS = REASONS["input files updated by another job"]
MAX_FILES = 2


class Plan:
    """The jobs that a dry run names, step by step."""

    def __init__(self):
        self._steps = defaultdict(list)

    def add(self, rule, wildcards, reason):
        """A job would run; target rules without work of their own count as none."""
        if rule in TITLES or wildcards:
            title = "figures" if rule.startswith("plot_") else TITLES.get(rule, rule.replace("_", " "))
            self._steps[title].append((place_of(wildcards), in_words(reason)))

    def text(self):
        """The plan, one line for each step."""
        n = sum(map(len, self._steps.values()))
        if not n:
            return "Nothing to be done: all results are there and up to date."
        rows = []
        for title, jobs in self._steps.items():
            places = list(dict.fromkeys(place for place, _ in jobs if place))
            shown = ", ".join(places) if len(places) <= 3 else f"{places[0]} and {len(places) - 1} more"
            count = f"{len(jobs)} job{'s' if len(jobs) > 1 else ''}"
            rows.append((title, count, shown, _why(jobs)))
        widths = [max(len(row[column]) for row in rows) for column in range(3)]
        lines = [
            "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[3]])
            for row in rows
        ]
        head = f"{n} job{'s' if n > 1 else ''} in {len(rows)} step{'s' if len(rows) > 1 else ''} would run:"
        return "\n".join([head, *lines, "This was a dry run: nothing has been done. `make run` does it."])


def place_of(wildcards):
    """Field and filter of a job."""
    return " ".join(str(wildcards[name]) for name in ("field", "filter") if name in wildcards)


def in_words(reason):
    """Reasons of Snakemake for one job, in ours."""
    words = []
    for part in filter(None, (piece.strip() for piece in str(reason or "").split(";"))):
        ours = next((text for start, text in REASONS.items() if part.lower().startswith(start)), part)
        files = [name.strip() for name in re.split(r":\s*", part, maxsplit=1)[-1].split(",")]
        more = f" and {len(files) - MAX_FILES} more" if len(files) > MAX_FILES else ""
        words.append(ours.replace("{files}", ", ".join(files[:MAX_FILES]) + more))
    return tuple(dict.fromkeys(words))


def _why(jobs):
    """Reasons of the jobs of a step; what only follows from other steps is said where nothing else is."""
    count = Counter(word for _, words in jobs for word in words)
    own = [word for word, _ in count.most_common() if word != FOLLOWS]
    return "; ".join(own[:3] or list(count))
