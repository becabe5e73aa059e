"""The figures on the page of a field: the texts of `clusterphot.figures.registry`, and what they were drawn from."""

from dataclasses import dataclass
from pathlib import PurePosixPath

from clusterphot.figures.registry import FIGURES, SECTIONS, find_figure


@dataclass(frozen=True)
class FigureEntry:
    """One figure of a field.

    Attributes
    ----------
    path : str
        PNG file; a PDF of the same name is beside it.
    section : str
        A key of `clusterphot.figures.registry.SECTIONS`.
    title, caption, rule : str
    drawn_from : tuple of str
        Input of its rule, below the folder of the field.
    parameters : dict
        Of its rule, by name; those taken from the configuration.
    """

    path: str
    section: str
    title: str
    caption: str
    rule: str
    drawn_from: tuple = ()
    parameters: dict | None = None

    @property
    def name(self):
        """File name without its ending."""
        return PurePosixPath(self.path).stem


def describe_figure(path, made=None):
    """Entry of a figure, from its file name.

    Parameters
    ----------
    path : str
        ``results/{field}/figures/<name>.png``.
    made : dict, optional
        What its job reads and takes: paths as ``input``, values by name as ``params``.

    Returns
    -------
    entry : `FigureEntry`
    """
    figure, words = find_figure(path)
    made = made or {"input": [], "params": {}}
    folder = f"{PurePosixPath(path).parents[1]}/"
    files = tuple(file.removeprefix(folder) for file in made["input"] if file.startswith(folder))
    title, caption = (text.format(**words) for text in (figure.title, figure.caption))
    return FigureEntry(path, figure.section, title, caption, figure.rule, files, made["params"])


def sort_figures(paths, made=None):
    """Entries of figures by section, in the order of the registry; sections without figures are left out.

    Parameters
    ----------
    paths : sequence of str
    made : dict of str to dict, optional
        By path, as `describe_figure` takes it.
    """
    place = {figure.rule: number for number, figure in enumerate(FIGURES)}
    entries = [describe_figure(path, (made or {}).get(path)) for path in paths]
    entries.sort(key=lambda entry: place[entry.rule])  # keeps the order of figures of one kind
    found = {key: [entry for entry in entries if entry.section == key] for key in SECTIONS}
    return {key: entries for key, entries in found.items() if entries}
