"""The page of proof: what it says of pulls, biases, flags, factors and the PSF's error, with and without a truth."""

import numpy as np
import pytest
from astropy.table import Table
from clusterphot.proof import recovery, scaling, summary
from clusterphot.report import pages, proof_page
from proof_field import FILTERS, made_matched, made_outcome

SYSTEMATICS = {
    "kind": ["psf core", "psf wings", "psf beyond the stamp", "psf variation"],
    "effect_F090W": [0.003, 0.004, 0.0, 0.0],
    "gradient_F090W": [0.0, 0.0, 0.0, 0.012],
    "effect_F200W": [0.0, 0.0, 0.02, 0.0],
    "gradient_F200W": [0.0] * 4,
}
"""In F090W 0.3, 0.4 and 1.2 %, together 1.3 %; in F200W 2 %."""


@pytest.fixture
def tables():
    outcome, matched = made_outcome(1500), made_matched(400)
    listed = matched.copy()
    for filt in FILTERS:
        listed[f"sky_{filt}"] = listed[f"light_{filt}"] * 0.02**2
        listed[f"flux_err_conditional_{filt}"] = np.ones(len(listed))
    proof = summary.summarise(outcome, FILTERS)
    proof.meta["flagged_shares"] = summary.flagged_shares(outcome, FILTERS)
    return proof_page.ProofTables(
        proof,
        outcome,
        scaling.fit_scaling(outcome, dict.fromkeys(FILTERS, 0.02)),
        listed,
        Table(SYSTEMATICS),
        recovery.summarise(matched, FILTERS),
        matched,
    )


def test_what_the_page_says(tables):
    values = proof_page.describe_proof(tables, FILTERS)
    tile = values["tiles"][0]
    lines = {line["words"]: line for line in tile["lines"]}
    assert lines["put in"]["n"] == 1350 and lines["truth"]["n"] == 360  # a tenth is flagged
    (scatter, look), (bias, biased) = lines["put in"]["cells"]
    assert scatter.startswith("1.") and look == "look" and biased == "look"
    assert float(bias.split("±")[0]) == pytest.approx(2.0, abs=0.3)
    assert values["truth"]["tone"] == "good" and "agree" in values["truth"]["answer"]
    assert tile["bars"] and not tile["outline"] and len(tile["dots"]) > 8
    heads = [words for words, _ in values["heads"]]
    assert heads == [*heads[:2], "PSF core", "wings", "over the field", "together"]
    first, second = (line["cells"] for line in values["lines"])
    assert first[0] == second[0] == "10.0, 10.0" and "EDGE 10.0 %" in values["lines"][0]["flags"]
    # noise of 1.3 sigma, and 2 % of fluxes that differ by up to 180 nJy
    assert 1.4 < float(first[1].split("–")[0]) < 1.9
    assert first[2:] == ["0.30", "0.40", "1.20", "1.30"] and second[2:] == ["0.00", "2.00", "0.00", "2.00"]
    known = {point["words"].split(":")[0] for point in values["chart"]["points"]}
    assert known == {f"{filt}, {kind}" for filt in FILTERS for kind in ("put in", "truth")}


def test_a_truth_unlike_what_was_put_in_is_told(tables):
    matched = made_matched(400, factor=2.5)
    wrong = {**vars(tables), "matched": matched, "recovery": recovery.summarise(matched, FILTERS)}
    truth = proof_page.describe_proof(proof_page.ProofTables(**wrong), FILTERS)["truth"]
    assert truth["tone"] == "look" and "differ" in truth["answer"]


@pytest.mark.parametrize("with_truth", [True, False])
def test_the_page_is_written(tables, tmp_path, with_truth):
    if not with_truth:
        tables = proof_page.ProofTables(**{**vars(tables), "matched": None, "recovery": None})
    tables.photometry["error_factor_F090W"] = 1.25
    values = proof_page.describe_proof(tables, FILTERS)
    assert values["applied"] and values["lines"][0]["cells"][1] == "1.25"
    said = {"topic": "Errors", "answer": "scatter of pulls", "detail": "", "tone": "look", "anchor": "a"}
    common = {"field": "<f>", "up": "../index.html", "role": "other", "kind": "", "proven": True}
    pages.write_page(
        pages.make_environment(), "proof.html", tmp_path / "proof.html", page="proof", proof=values, statement=said,
        **common,
    )  # fmt: skip
    text = (tmp_path / "proof.html").read_text(encoding="utf-8")
    assert "&lt;f&gt;" in text and ("truth agree" in text) == with_truth
    assert text.count('class="panel pull"') == 2 and 'aria-current="page">Errors' in text
