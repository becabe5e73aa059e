"""The figure of what is proven: drawn from the tables of a field, and where there is nothing to draw."""

import numpy as np
import pytest
from clusterphot.base.tables import read_table, write_table
from clusterphot.proof import summary
from clusterphot.proof.scaling import fit_scaling
from proof_field import FILTERS, made_outcome


@pytest.mark.parametrize("n", [400, 0])
def test_figure(plot, tmp_path, n):
    """PNG and PDF, with blank places for every other source; also of a field without donors."""
    outcome = made_outcome(max(n, 10))
    outcome["kind"][1::2] = "blank"
    outcome = outcome[:n]
    files = {name: str(tmp_path / f"{name}.ecsv") for name in ("sources", "summary", "scaling")}
    write_table(files["sources"], outcome, meta={})
    write_table(files["summary"], summary.summarise(outcome, FILTERS), meta={})
    write_table(files["scaling"], fit_scaling(outcome, dict.fromkeys(FILTERS, 0.02)), meta={})
    output = {kind: str(tmp_path / f"proof.{kind}") for kind in ("png", "pdf")}
    plot("proof", input=files, output=output, params={"filters": FILTERS}, wildcards={"field": "f"})
    assert (tmp_path / "proof.png").read_bytes().startswith(b"\x89PNG")
    assert np.isnan(read_table(files["scaling"])["ln_scatter"]).all() == (n == 0)
