# What build.sh needs on a machine: installed where it is missing, and said so. Sourced by it.
# shellcheck shell=bash

# Kept outside the checkout, so that the tools are built once a machine and not once a clone.
tools=${GLASSFORMER_TOOLS:-$HOME/.cache/glassformer}
wasm_pack_version=0.15.1
debian_packages=(chromium chromium-driver mesa-vulkan-drivers libvulkan1 fonts-noto-cjk)

setup() {
  command -v cargo > /dev/null || fail 'Rust is missing: see https://rustup.rs'
  command -v npm > /dev/null || fail 'Node.js is missing: version 20 or later, https://nodejs.org'
  node -e "process.exit(+(parseInt(process.versions.node) < 20))" || fail "Node.js $(node -v) is too old"
  setup_debian
  setup_wasm_target
  setup_tool wasm-bindgen-cli wasm-bindgen "$(locked_version wasm-bindgen)"
  setup_tool wasm-pack wasm-pack "$wasm_pack_version"
  local folder
  for folder in npm scripts www; do setup_npm "$folder"; done
}

setup_debian() {
  local package missing=()
  command -v cc > /dev/null || missing+=(gcc libc6-dev)
  if ! command -v dpkg-query > /dev/null; then
    command -v chromedriver > /dev/null || fail 'install Chromium, chromedriver and a Vulkan driver'
    return 0
  fi
  for package in "${debian_packages[@]}"; do
    dpkg-query -W -f '${db:Status-Status}' "$package" 2> /dev/null | grep -qx installed || missing+=("$package")
  done
  (( ${#missing[@]} )) || return 0
  say "setup: Debian packages ${missing[*]} (2 min)"
  local as_root=()
  if (( EUID != 0 )); then
    command -v sudo > /dev/null || fail "run as root: apt-get install ${missing[*]}"
    as_root=(sudo)
  fi
  "${as_root[@]}" apt-get update -q
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -qy --no-install-recommends "${missing[@]}"
}

setup_wasm_target() {
  local libraries
  libraries=$(rustc --print target-libdir --target wasm32-unknown-unknown)
  compgen -G "$libraries/libcore-*.rlib" > /dev/null && return
  say 'setup: the target wasm32-unknown-unknown (10 s)'
  command -v rustup > /dev/null || fail 'there is no rustup to add it'
  rustup target add wasm32-unknown-unknown
}

# setup_tool CRATE PROGRAM VERSION: into a folder of its own, which later goes to the front of PATH.
setup_tool() {
  local root=$tools/$1-$3
  PATH=$root/bin:$PATH
  [[ -x $root/bin/$2 ]] && return
  say "setup: $1 $3 (4 min)"
  # Not --locked: the lock file of wasm-bindgen-cli 0.2.130 asks for a version that was withdrawn.
  env -u CARGO_TARGET_DIR cargo install "$1" --version "$3" --root "$root"
}

locked_version() {
  awk -F '"' -v name="$1" '/^name/ && $2 == name { getline; print $2; exit }' Cargo.lock
}

setup_npm() {
  local installed=$1/node_modules/.package-lock.json
  [[ -e $installed && ! $1/package-lock.json -nt $installed ]] && return
  say "setup: npm packages of $1/ (10 s)"
  # No package of ours needs its install script, and some fetch programs that are not needed either.
  npm --prefix "$1" ci --ignore-scripts --no-audit --no-fund
  touch "$installed"
}
