#!/usr/bin/env bash
# Needs Python 3.11 or newer, Rust and Node. Installs everything else into this folder, from the lock files, and
# builds the engine. Each step leaves a stamp; a step whose inputs are older than its stamp is not done again.
set -euo pipefail
cd "$(dirname "$0")/.."

stamps=.venv/stamps
library=lightweight-charts.standalone.production.js
assets=python/kedge/backtest/report/_assets

say() { printf 'setup: %s\n' "$*" >&2; }
need() {
    command -v "$1" >/dev/null || { say "$1 is not on the PATH. Install $2, then run make again."; exit 1; }
}
newer() { # STAMP FILE...: whether the stamp is missing or any file (or a folder below one) changed after it
    local stamp=$1
    shift
    [ ! -e "$stamp" ] || [ -n "$(find "$@" -newer "$stamp" -print -quit)" ]
}

python=${PYTHON:-python3}
need "$python" "Python 3.11 or newer"
need cargo "Rust (stable)"
need npm "Node 20 or newer"

# The environment, by uv; uv itself comes by pip, held to the same lock.
if newer "$stamps/packages" requirements.lock; then
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
        { say "$python is $("$python" --version); Kedge needs 3.11. Run PYTHON=/path/to/python3.11 make."; exit 1; }
    say "Python packages"
    if newer .tools/stamp requirements.lock; then
        "$python" -m venv --clear .tools
        awk '/^uv==/ { found = 1 } found { print } found && !/\\$/ { exit }' requirements.lock >.tools/uv.lock
        .tools/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r .tools/uv.lock
        touch .tools/stamp
    fi
    [ -x .venv/bin/python ] || .tools/bin/uv venv --quiet --python "$python" .venv
    .tools/bin/uv pip sync --quiet --python .venv/bin/python --require-hashes requirements.lock
    mkdir -p "$stamps"
    rm -f "$stamps/engine" # the sync took the engine away
    touch "$stamps/packages"
fi

# What the page is built with, and the chart library that reports carry inside.
if newer "$stamps/npm" web/package-lock.json || [ ! -d web/node_modules ] || [ ! -e "$assets/$library" ]; then
    say "npm packages"
    npm ci --prefix web --silent --no-audit --no-fund --ignore-scripts
    mkdir -p "$assets"
    cp "web/node_modules/lightweight-charts/dist/$library" "$assets/"
    rm -f "$stamps/page"
    touch "$stamps/npm"
fi

# The page, which the server hands out.
if newer "$stamps/page" web/src web/public web/index.html web/openapi.json web/package.json web/vite.config.ts ||
    [ ! -e python/kedge/_web/index.html ]; then
    say "page"
    npm run --prefix web --silent build -- --logLevel error >&2
    touch "$stamps/page"
fi

# The engine, as the package's extension module.
if newer "$stamps/engine" crates Cargo.toml Cargo.lock pyproject.toml; then
    say "engine (a release build: a minute or more the first time)"
    PATH="$PWD/.venv/bin:$PATH" .tools/bin/uv pip install --quiet --python .venv/bin/python \
        --no-deps --no-build-isolation --editable .
    touch "$stamps/engine"
fi
