"""Mass-to-light ratios of `.4color` files of either layout, and of GALAXEV's own."""

import numpy as np
import pytest
from clusterphot.base.errors import DataError
from clusterphot.ssp import four_color

LAYOUT_2003 = "#log-age-yr    Mbol   Bmag   Vmag   M*/Lb   M*/Lv   M*   Mgas   Mgalaxy   SFR/yr"
# GALAXEV 2016 writes M*_tot= above the eleventh name, which is M*_liv+M_rem
LAYOUT_2016 = (
    "#log-age-yr    Mbol      Bmag      Vmag      Kmag      M*_liv     M_remnants    M_ret_gas    M_galaxy"
    "      SFR/yr    M*_liv+M_rem   M*_tot/Lb   M*_tot/Lv   M*_tot/Lk   M*_liv/Lb   M*_liv/Lv   M*_liv/Lk"
)


def row_2003(log_age, ml_v, mass):
    """A row of 10 numbers, all but three of them decoys."""
    return [log_age, -2.0, 1.0, 1.3, 91.0, ml_v, mass, 1 - mass, 1.0, 0.0]


def row_2016(log_age, ml_v, mass):
    """A row of 17 numbers, all but three of them decoys; a tenth of the mass in remnants."""
    return [
        log_age,
        -2.0,
        1.0,
        1.3,
        0.5,
        mass - 0.1,
        0.1,
        1 - mass,
        1.0,
        0.0,
        mass,
        91.0,
        ml_v,
        92.0,
        93.0,
        94.0,
        95.0,
    ]


LAYOUTS = {"2003": (LAYOUT_2003, row_2003), "2016": (LAYOUT_2016, row_2016)}
TRUTH = [(8.0, 0.1, 0.9), (9.0, 0.3, 0.7), (9.5, 0.9, 0.6), (10.2, 3.0, 0.5)]


def write_four_color(path, layout, truth=TRUTH):
    """A small `.4color` file of either layout."""
    header, row = LAYOUTS[layout]
    lines = [
        "#   BC_GALAXEV  ---  MODEL PARAMETERS",
        "#  X=0.756, Y=0.24, Z=0.004",
        "#",
        header,
        "#    (1)       (2)",
    ]
    lines += ["  " + "  ".join(f"{value:.6E}" for value in row(*entry)) for entry in truth]
    path.write_text("\n".join(lines) + "\n", encoding="latin-1")
    return str(path)


@pytest.mark.parametrize("layout", sorted(LAYOUTS))
def test_read_four_color(tmp_path, layout):
    path = write_four_color(tmp_path / "bc2003_lr_m42_chab_ssp.4color", layout)
    np.testing.assert_allclose(
        np.transpose(four_color.read_four_color(path)), TRUTH, rtol=1e-6
    )  # 7 digits written


def test_layouts_have_10_and_17_columns():
    assert len(LAYOUT_2003.split()) == len(row_2003(8.0, 0.1, 0.9)) == 10
    assert len(LAYOUT_2016.split()) == len(row_2016(8.0, 0.1, 0.9)) == 17


def test_columns_are_found_by_name(tmp_path):
    path = tmp_path / "x.4color"
    path.write_text("#log-age-yr M* spare M*/Lv\n 8 0.9 7 0.1\n 9 0.8 7 0.2\n")
    log_age, ml_v, mass = four_color.read_four_color(path)
    assert (log_age.tolist(), ml_v.tolist(), mass.tolist()) == ([8, 9], [0.1, 0.2], [0.9, 0.8])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("1 2 3\n", "x.4color: got no header line with log-age-yr, expected a GALAXEV .4color file"),
        (
            "#log-age-yr Mbol M*\n8 1 1\n",
            r"x.4color, header: got the columns .*Mbol.*, expected M\*_tot/Lv or M\*/Lv",
        ),
        ("#log-age-yr M*/Lv M*\n8 1\n9 1 1\n", "x.4color: got a torn row .*expected 3 numbers a row"),
        ("#log-age-yr M*/Lv M*\n8 1 ***\n9 1 1\n", r"x.4color: got a torn row .*\*\*\*"),
        ("#log-age-yr M*/Lv M*\n8 1 1\n", "x.4color: got 1 rows, expected a table of ages"),
    ],
    ids=["no header", "no M/L", "short row", "text", "one row"],
)
def test_bad_four_color(tmp_path, content, message):
    path = tmp_path / "x.4color"
    path.write_text(content)
    with pytest.raises(DataError, match=message):
        four_color.read_four_color(path)


@pytest.mark.parametrize(
    ("name", "zsun"),
    [
        ("bc2003_lr_m22_chab_ssp.4color", 0.005),
        ("bc2003_hr_stelib_m42_chab_ssp.4color", 0.2),
        ("bc2003_lr_BaSeL_m62_chab_ssp.4color", 1.0),
        ("bc2003_hr_xmiless_m72_chab_ssp.4color", 2.5),
        ("bc2003_hr_xmiless_m82_chab_ssp.4color", 5.0),
    ],
)
def test_metallicity_from_the_name(name, zsun):
    assert four_color.four_color_metallicity(f"/m22_/{name}") == pytest.approx(zsun, rel=1e-12)


def test_name_without_metallicity():
    with pytest.raises(DataError, match="x.4color: got a file name without metallicity, expected .*m62"):
        four_color.four_color_metallicity("x.4color")


@pytest.mark.parametrize("layout", sorted(LAYOUTS))
def test_mass_to_light_is_linear_in_log_age(tmp_path, layout):
    """Halfway in log age between 9.0 and 9.5: the mean of 0.3 and 0.9, and of 0.7 and 0.6."""
    paths = [write_four_color(tmp_path / f"bc2003_hr_{m}_chab_ssp.4color", layout) for m in ("m42", "m62")]
    ml = four_color.mass_to_light_from_files(paths, np.array([1.0, 10**0.25]), np.array([0.2, 1.0]))
    np.testing.assert_allclose(ml.ml_v, [[0.3, 0.3], [0.6, 0.6]], rtol=1e-6)  # 7 digits written
    np.testing.assert_allclose(ml.mass_remaining, [[0.7, 0.7], [0.65, 0.65]], rtol=1e-6)
    assert ml.source == "2 GALAXEV .4color files"


def test_missing_metallicity_is_named(tmp_path):
    path = write_four_color(tmp_path / "bc2003_hr_m42_chab_ssp.4color", "2003")
    with pytest.raises(
        DataError, match=r"sed.four_color_dir: got no .4color file of 2.5 Zsun.*there are \[0.2\]"
    ):
        four_color.mass_to_light_from_files([path], np.array([1.0]), np.array([0.2, 2.5]))


def test_age_outside_the_file(tmp_path):
    path = write_four_color(tmp_path / "bc2003_hr_m42_chab_ssp.4color", "2003")
    with pytest.raises(DataError, match=r"m42.*ages 10\^8.0 to 10\^10.2 yr, expected 0.001 to 1.0 Gyr"):
        four_color.mass_to_light_from_files([path], np.array([0.001, 1.0]), np.array([0.2]))


def test_mass_to_light_of_galaxev(four_color_paths):
    """Faisst et al. (2022) give 0.45 at 0.2 Zsun and 1.5 Gyr, and 0.2 to 4.8 over their grid."""
    metallicity = np.array([0.005, 0.02, 0.2, 0.4, 1.0, 2.5])
    age = np.arange(1, 23) * 0.5
    ml = four_color.mass_to_light_from_files(four_color_paths, age, metallicity)
    assert ml.ml_v[age == 1.5, metallicity == 0.2].item() == pytest.approx(0.453, abs=0.001)
    assert ml.ml_v.min() == pytest.approx(0.21, abs=0.005)
    assert ml.ml_v.max() == pytest.approx(4.79, abs=0.005)
    assert ((ml.mass_remaining > 0.4) & (ml.mass_remaining < 0.9)).all()  # Chabrier IMF, 0.5-11 Gyr


def test_galaxev_columns_belong_together(four_color_paths):
    """M*/L_V = M* 10^(0.4 (V - V_sun)): the files' own Sun is 4.90 to 4.93, so they agree to 2 %."""
    for path in four_color_paths:
        _, ml_v, mass = four_color.read_four_color(path)
        v_mag = np.loadtxt(path, usecols=3)
        np.testing.assert_allclose(ml_v, mass * 10 ** (0.4 * (v_mag - 4.915)), rtol=0.02)
