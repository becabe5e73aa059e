"""Write sources.csv: the positions of Table 1 of Faisst et al. (2022), as published, without its fluxes.

Run as ``.venv/bin/python config/smacs0723/make_sources.py`` in the repository.
"""

import csv
from pathlib import Path

HERE = Path(__file__).resolve().parent
TABLE1 = HERE.parents[1] / "resources" / "faisst2022" / "table1.csv"


def source_list():
    """Text of the list: id, ra, dec (deg, ICRS), values as published."""
    with open(TABLE1, newline="", encoding="utf-8") as stream:
        rows = [f"{row['id']},{row['ra']},{row['dec']}\n" for row in csv.DictReader(stream)]
    return "".join(["id,ra,dec\n", *rows])


if __name__ == "__main__":
    (HERE / "sources.csv").write_text(source_list(), encoding="utf-8")
