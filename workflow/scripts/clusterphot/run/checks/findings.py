"""Findings of `make check`: one line per check, field and filter, and the table they are printed in.

A finding says ok, what was not looked at, a warning, or an error; the latter with where, got, expected, hint.
Texts only, no units.
"""

import dataclasses
from dataclasses import dataclass

from clusterphot.base.errors import UserError
from clusterphot.base.secrets import printable, without_secrets

OK, UNSEEN, WARNING, ERROR = "ok", "unseen", "warning", "ERROR"
STATUSES = (OK, UNSEEN, WARNING, ERROR)
LATER = "DEEP=1 reads it all (some 10 s per GB)"
LONGEST_NAME = 40
"""Characters of a field's name in the table."""
HEADER = ("status", "field", "filter", "check", "what")


@dataclass(frozen=True)
class Finding:
    """Outcome of one check.

    Attributes
    ----------
    status : {"ok", "unseen", "warning", "ERROR"}
    check : str
        What was checked, in a word or two.
    text : str
        One line.
    field, filt : str
        Empty where a check is not about one.
    mistake : `clusterphot.base.errors.UserError` or None
        The text in full, where it is one.
    """

    status: str
    check: str
    text: str
    field: str = ""
    filt: str = ""
    mistake: UserError | None = dataclasses.field(default=None, compare=False)

    @property
    def cells(self):
        """The finding as a row of the table."""
        return self.status, self.field[:LONGEST_NAME] or "-", self.filt or "-", self.check, self.text


class Findings:
    """Findings in the order in which they were made; a user's mistake becomes one instead of an exception."""

    def __init__(self):
        self.all = []

    def at(self, field="", filt=""):
        """`Notes` about a field and filter, or about the configuration."""
        return Notes(self.all, field, filt)

    def count(self, status):
        """Number of findings of a status."""
        return sum(finding.status == status for finding in self.all)

    def says(self, error):
        """Whether a mistake has been noted already."""
        return any(one_line(error) == finding.text for finding in self.all)

    def table(self):
        """All findings as text, in columns; the last one is as long as it needs to be."""
        rows = [HEADER, *(finding.cells for finding in self.all)]
        widths = [max(len(row[column]) for row in rows) for column in range(len(HEADER) - 1)]
        return "\n".join(
            "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[-1]])
            for row in rows
        )

    def summary(self):
        """The number of findings of each status in words."""
        words = {OK: "ok", UNSEEN: "not looked at", WARNING: "warning", ERROR: "error"}
        parts = []
        for status in reversed(STATUSES):
            n = self.count(status)
            plural = "s" if status in (WARNING, ERROR) and n != 1 else ""
            parts.append(f"{n} {words[status]}{plural}")
        return ", ".join(parts)


class Notes:
    """Takes notes of what was found in one field and filter.

    Parameters
    ----------
    findings : list of Finding
        Notes are appended here, each once.
    field, filt : str
    """

    def __init__(self, findings, field, filt):
        self._all, self._place = findings, {"field": field, "filt": filt}
        self._start = len(findings)

    def add(self, status, check, text):
        """Note a finding; its text may be a `UserError`."""
        if status not in STATUSES:
            raise ValueError(f"status must be one of {', '.join(STATUSES)}, got {status!r}")
        mistake = text if isinstance(text, UserError) else None
        finding = Finding(status, check, one_line(text), **self._place, mistake=mistake)
        if finding not in self._all:
            self._all.append(finding)

    def attempt(self, check, function, *args, **kwargs):
        """Result of a function, or None where it raised a `UserError`, which is noted."""
        try:
            return function(*args, **kwargs)
        except UserError as error:
            self.add(ERROR, check, error)
            return None

    def passes(self, check, function, *args, **kwargs):
        """Whether a function returns instead of raising a `UserError`, which is noted."""
        before = len(self._all)
        self.attempt(check, function, *args, **kwargs)
        return len(self._all) == before

    @property
    def quiet(self):
        """Whether nothing but ok has been noted by anybody since these notes were begun."""
        return all(finding.status == OK for finding in self._all[self._start :])


def one_line(text):
    """Message of a `UserError`, or another text, in one line."""
    return " ".join(printable(without_secrets(text)).split())
