#!/usr/bin/env bash
# Tests with the real python-fsps (`make test-fsps`): builds it as `make fsps` does, with stand-in data, or says why not.
# FSPS_TEST_DATA names the folder with make_sps_home.py; it is not part of the repository.
set -euo pipefail
cd "$(dirname "$0")/.."
data=${FSPS_TEST_DATA:-../shared/fsps}
skip() { echo "tests with the real FSPS skipped: $1"; exit 0; }

[ -f "$data/make_sps_home.py" ] || skip "no make_sps_home.py in $data"
command -v gfortran > /dev/null || skip "no gfortran"
# A folder of its own: models of stand-in data must never be taken for those of `make fsps`.
if [ ! -d .fsps-test/home ]; then
  rm -rf .fsps-test && mkdir .fsps-test
  .venv/bin/python "$data/make_sps_home.py" "$PWD/.fsps-test/part" > /dev/null
  mv .fsps-test/part .fsps-test/home
fi
.venv/bin/python workflow/scripts/build_software.py fsps --folder "$PWD/.fsps-test" --data "$PWD/.fsps-test/home" \
  || skip "python-fsps cannot be built"
export CLUSTERPHOT_FSPS_PYTHON=$PWD/.fsps-test/venv/bin/python SPS_HOME=$PWD/.fsps-test/home
.venv/bin/python -m pytest -rs -k "real_fsps" tests/unit/ssp/test_readers.py tests/workflow/test_libraries.py
