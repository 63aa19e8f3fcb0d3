#!/usr/bin/env bash
# The one entry point: sets up, builds, serves, tests, measures. `./build.sh help` says more.
set -euo pipefail
caller=$PWD
cd "$(dirname "${BASH_SOURCE[0]}")"

target=${CARGO_TARGET_DIR:-target}
stamps=$target/stamps

help() {
  cat <<'TEXT'
usage: ./build.sh COMMAND [ARGUMENTS]       (first run on 2 cores / when nothing changed)

  setup      install what is missing: Debian packages, wasm32 target, tools   10 min / 1 s
  build      setup, then dist/glassformer-*.tgz and the static site dist/site   5 min / 2 s
  serve      build, then serve the site; --port N                               as build
  test       build, then every test                                             30 min / 10 min
  check      formatting, lints and types of everything                          5 min / 30 s
  bench      speed and memory beside peers and the device's ceilings;           25 min
             --json FILE, --only marian,smollm2,gpt2,poems
  translate  TEXT… translated in headless Chrome, a row a token; `-` reads      seconds
             standard input, --plain prints translations only, --native
             takes the native program, --edit EDIT makes something
             otherwise; more by translate --help
  generate   writes on after PROMPT in headless Chrome, a row a token; --model
             smollm2-135m (fetched on first use, 93 MB), a .gguf file or a
             folder, --chat, --greedy, --temperature T, --seed N, --tokens N,
             --plain, --edit EDIT, --native; more by generate --help   seconds
  help       this text

Any static file server can host dist/site; it needs no special headers.
TEXT
}

say() {
  printf '\033[1m▸ %s\033[0m\n' "$*" >&2
}

fail() {
  printf 'build.sh: %s\n' "$*" >&2
  exit 1
}

# shellcheck source=scripts/setup.sh
source scripts/setup.sh

# once TITLE OUTPUT INPUT… -- COMMAND…: runs the command, unless it ran since any input changed.
once() {
  local title=$1 output=$2 stamp=$stamps/${2//\//_} inputs=()
  shift 2
  while [[ $1 != -- ]]; do inputs+=("$1"); shift; done
  shift
  if [[ -e $output && -e $stamp ]]; then
    local younger
    younger=$(find "${inputs[@]}" -name node_modules -prune -o -newer "$stamp" -print -quit)
    [[ -n $younger ]] || return 0
  fi
  say "$title"
  mkdir -p "$stamps"
  touch "$stamp.begun"
  "$@"
  mv "$stamp.begun" "$stamp"
}

# --- build ---

build() {
  setup
  build_package
  once 'build 4/4: the page, with its models (20 s)' dist/site/index.html www npm/dist models \
    scripts/pack_int8.mjs \
    -- build_site
  node scripts/report_sizes.mjs dist/site
}

# The npm package, which is all that `translate` needs.
build_package() {
  say 'build 1/4: the engine for wasm32 (3 min at first)'
  cargo build --profile web --target wasm32-unknown-unknown --lib
  local wasm=$target/wasm32-unknown-unknown/web/glassformer.wasm
  once 'build 2/4: bindings, optimised (20 s)' npm/engine/glassformer_bg.wasm "$wasm" \
    -- build_bindings "$wasm"
  once 'build 3/4: the npm package (5 s)' npm/dist/index.js npm/src npm/engine npm/README.md \
    npm/build.mjs npm/package.json npm/tsconfig.json LICENSE -- build_npm
}

build_bindings() {
  local features=(bulk-memory bulk-memory-opt nontrapping-float-to-int sign-ext mutable-globals
    reference-types multivalue)
  # No default address of the wasm: the worker gives it in the one form that bundlers know.
  wasm-bindgen --target web --omit-default-module-path --out-dir npm/engine "$1"
  npm/node_modules/.bin/wasm-opt -O3 --strip-debug --strip-producers "${features[@]/#/--enable-}" \
    npm/engine/glassformer_bg.wasm -o npm/engine/glassformer_bg.wasm
}

build_npm() {
  npm --prefix npm run --silent build
  mkdir -p dist
  rm -f dist/glassformer-*.tgz
  npm pack ./npm --pack-destination dist --silent
}

build_site() {
  npm --prefix www run --silent build -- --outDir ../dist/site --emptyOutDir
  mkdir -p dist/site/models
  cp -r models/* dist/site/models/
  # Visitors fetch half: the numbers that the engine would round to anyway.
  node scripts/pack_int8.mjs {,dist/site/}models/zh-en/model.safetensors
}

build_native() {
  say 'build: the native program (4 min at first)'
  cargo build --release --bin glassformer
}

# --- the rest ---

serve() {
  build
  exec node scripts/serve.mjs dist/site "$@"
}

translate() {
  command_of translate "$@"
}

generate() {
  command_of generate "$@"
}

# command_of NAME ARGUMENT…: in Chrome through the npm package, or with --native by the program.
command_of() {
  local name=$1 argument arguments=() native=0
  shift
  for argument; do
    if [[ $argument == --native ]]; then native=1; else arguments+=("$argument"); fi
  done
  # Standard output is for the answer alone.
  if (( native )); then
    build_native >&2
    find_model
    exec "$target/release/glassformer" "$name" "${arguments[@]}"
  fi
  { setup; build_package; } >&2
  local script=$PWD/scripts/$name.mjs
  cd "$caller" && exec node "$script" "${arguments[@]}"
}

# The native program wants a path: of a model by its name, and of one beside the caller.
find_model() {
  local index model
  for (( index = 1; index < ${#arguments[@]}; index++ )); do
    [[ ${arguments[index - 1]} == --model ]] || continue
    model=${arguments[index]}
    if [[ $model == smollm2-135m ]]; then
      arguments[index]=$(node scripts/fetch_smollm2.mjs)
    elif [[ $model != /* && -e $caller/$model ]]; then
      arguments[index]=$caller/$model
    fi
  done
}

bench() {
  # The peers are half a gigabyte, which nothing else needs.
  { build; setup_npm bench; } >&2
  local script=$PWD/bench/bench.mjs
  cd "$caller" && exec node "$script" "$@"
}

check() {
  setup
  build_package
  say 'check: Rust, formatting'
  cargo fmt --check
  say 'check: Rust, native'
  cargo clippy --all-targets -- -D warnings
  say 'check: Rust, wasm32'
  cargo clippy --all-targets --target wasm32-unknown-unknown -- -D warnings
  say 'check: JavaScript, TypeScript and Svelte, formatting'
  scripts/node_modules/.bin/prettier --log-level warn --config scripts/.prettierrc.json \
    --plugin ./scripts/node_modules/prettier-plugin-svelte/plugin.js --check \
    npm/*.mjs npm/src scripts/*.mjs tests/*.mjs tests/support www/*.ts 'www/src/**/*.{ts,svelte}'
  say 'check: TypeScript and Svelte, types'
  npm --prefix npm run --silent check
  npm --prefix www run --silent check
  if command -v shellcheck > /dev/null; then
    say 'check: shell'
    shellcheck -x build.sh scripts/setup.sh .ci/run
  fi
  say 'check: all is well'
}

test() {
  build
  build_native
  passed=0 failed=0
  part 'native, twins and goldens' cargo test --no-fail-fast
  part 'in Chrome, on WebGPU' \
    env WASM_BINDGEN_TEST_TIMEOUT=1500 wasm-pack test --headless --chrome --release \
    --mode no-install --chromedriver "$(command -v chromedriver)" -- --test browser
  local file
  for file in tests/*.mjs; do
    part "$file" node --test --test-reporter=tap --test-timeout=900000 "$file"
  done
  printf '\n%d passed, %d failed\n' "$passed" "$failed"
  (( failed == 0 ))
}

# part NAME COMMAND…: runs one part of the tests and adds up its counts; skipped counts as failed.
part() {
  local log status=0 good bad
  log=$(mktemp)
  say "test: $1"
  shift
  "$@" 2>&1 | tee "$log" || status=1
  read -r good bad < <(awk '
    /^test result: / { good += $4; bad += $6 + $8 }
    /^# pass / { good += $3 }
    /^# (fail|cancelled|skipped|todo) / { bad += $3 }
    END { print good + 0, bad + 0 }' "$log")
  rm "$log"
  if (( status && bad == 0 )); then bad=1; fi
  if (( good == 0 && bad == 0 )); then bad=1; fi
  passed=$((passed + good)) failed=$((failed + bad))
}

(( $# )) || set -- help
case $1 in
  setup | build | serve | test | check | bench | translate | generate | help) "$@" ;;
  *) help >&2; exit 2 ;;
esac
