#!/bin/sh
# Installs what requirements.lock names, and this project, for a Python that has pip: install-locked.sh PYTHON
# uv takes seconds for what takes pip minutes. Where it cannot be had, or does not get at what pip gets at (a
# pip.conf of one's own, say), pip does it all.
set -eu
python=$1

pip_install() {
    "$python" -m pip install --quiet --disable-pip-version-check "$@"
}

by_uv() {
    # What pip is told in its environment, in the names that uv knows; what uv is told itself holds.
    [ -z "${PIP_INDEX_URL:-}" ] || export UV_DEFAULT_INDEX="${UV_DEFAULT_INDEX:-$PIP_INDEX_URL}"
    [ -z "${PIP_EXTRA_INDEX_URL:-}" ] || export UV_INDEX="${UV_INDEX:-$PIP_EXTRA_INDEX_URL}"
    [ -z "${PIP_NO_INDEX:-}" ] || export UV_NO_INDEX=1
    [ -z "${PIP_FIND_LINKS:-}" ] || export UV_FIND_LINKS="${UV_FIND_LINKS:-$(echo "$PIP_FIND_LINKS" | tr ' ' ,)}"
    [ -z "${PIP_CERT:-}" ] || export SSL_CERT_FILE="${SSL_CERT_FILE:-$PIP_CERT}"
    [ -z "${PIP_DEFAULT_TIMEOUT:-}" ] || export UV_HTTP_TIMEOUT="${UV_HTTP_TIMEOUT:-$PIP_DEFAULT_TIMEOUT}"
    pip_install "$(grep '^uv==' requirements.lock)" || return
    uv=$("$python" -c 'import uv; print(uv.find_uv_bin())')
    "$uv" pip install --quiet --python "$python" --requirement requirements.lock || return
    "$uv" pip install --quiet --python "$python" --no-deps --no-build-isolation --editable worker-image --editable .
}

by_uv || {
    echo "uv does not do here; pip installs instead, which takes longer" >&2
    pip_install --requirement requirements.lock
    pip_install --no-deps --no-build-isolation --editable worker-image --editable .
}
