#!/bin/sh
# venv.sh DIR: a virtual environment with Understudy (editable) and what its tests need.
# PYTHON chooses the interpreter; Python 3.11 or newer.
set -eu
venv=$1
here=$(dirname "$0")
python=${PYTHON:-python3}
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "Understudy needs Python 3.11 or newer; $python is $("$python" -V 2>&1). Choose another: make PYTHON=python3.12 …" >&2
    exit 1
}
if [ ! -x "$venv/bin/pip" ]; then
    # Debian keeps venv and pip in a package of their own.
    "$python" -c 'import ensurepip' 2>/dev/null || sh "$here/apt.sh" "$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')"
    "$python" -m venv "$venv"
fi
echo "pip install -e .[dev]" >&2
"$venv/bin/pip" install --quiet --disable-pip-version-check -e '.[dev]'
touch "$venv/.installed"
