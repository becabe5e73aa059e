"""Run the cells of docs/notebook.ipynb on a small synthetic run and keep what they print and draw (make notebook).

Cells are plain Python, run one after the other in this process: no kernel is needed.
tests/unit/api/test_notebook.py runs them too and compares what they print.
"""

import ast
import base64
import contextlib
import io
import os
import sys
import tempfile
from pathlib import Path

import nbformat

REPO = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(REPO / "workflow" / "scripts"), str(REPO / "tests")]
NOTEBOOK = REPO / "docs" / "notebook.ipynb"
DPI = 60


def run_cells(notebook, folder):
    """Run the code cells of a notebook.

    Parameters
    ----------
    notebook : `nbformat.NotebookNode`
    folder : path
        Working directory of the cells.

    Returns
    -------
    outputs : list of list of `nbformat.NotebookNode`
        Of each cell: what it printed, the value of its last line, its figures.
    """
    space, outputs = {"__name__": "__main__"}, []
    with contextlib.chdir(folder):
        for number, cell in enumerate(cell for cell in notebook.cells if cell.cell_type == "code"):
            outputs.append(_run(cell.source, space, number + 1))
    return outputs


def _run(source, space, number):
    """Outputs of one cell."""
    tree = ast.parse(source)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        exec(compile(tree, f"cell {number}", "exec"), space)
        value = (
            None
            if last is None
            else eval(compile(ast.Expression(last.value), f"cell {number}", "eval"), space)
        )
    made = []
    if said.getvalue():
        made.append(nbformat.v4.new_output("stream", name="stdout", text=said.getvalue()))
    if value is not None and not source.rstrip().endswith(";"):
        data = {"text/plain": repr(value)}
        made.append(nbformat.v4.new_output("execute_result", data, execution_count=number))
    return made + [nbformat.v4.new_output("display_data", {"image/png": image}) for image in _figures()]


def _figures():
    """The open figures as PNG in base64; closed."""
    pyplot = sys.modules.get("matplotlib.pyplot")
    images = []
    for number in pyplot.get_fignums() if pyplot else ():
        png = io.BytesIO()
        pyplot.figure(number).savefig(
            png, format="png", dpi=DPI, bbox_inches="tight", metadata={"Software": None}
        )
        images.append(base64.b64encode(png.getvalue()).decode("ascii"))
        pyplot.close(number)
    return images


def printed(outputs):
    """Text among the outputs of a cell."""
    return "".join(one.get("text", "") or one.get("data", {}).get("text/plain", "") for one in outputs)


def main():
    from clusterphot.base.files import SHIPPED
    from clusterphot.ssp.grid import read_embedded_grid
    from tiny_run import make_run

    notebook = nbformat.read(NOTEBOOK, as_version=4)
    with tempfile.TemporaryDirectory() as folder:
        make_run(folder, read_embedded_grid(SHIPPED / "ssp" / "bc03_miles_kroupa.h5"))
        outputs = run_cells(notebook, folder)
    code = (cell for cell in notebook.cells if cell.cell_type == "code")
    for number, (cell, made) in enumerate(zip(code, outputs, strict=True)):
        cell.outputs, cell.execution_count = made, number + 1
    nbformat.write(notebook, NOTEBOOK)


if __name__ == "__main__":
    os.environ.setdefault("MPLBACKEND", "Agg")
    main()
