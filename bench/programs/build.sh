#!/bin/sh
# Builds the programs of the benchmarks: all single-file examples, and SQLite with sqlite_main.c, as
# DIRECTORY/NAME.wasm and, to compare with, natively as DIRECTORY/native/NAME.
#
#   bench/programs/build.sh DIRECTORY [NAME...]     all programs, or those named
#
# Needs a rustc with a WASI target (`rustup target add wasm32-wasip1`, or Debian's package
# libstd-rust-dev-wasm32), clang with a WASI libc (Debian: clang lld wasi-libc
# libclang-rt-dev-wasm32), a native C compiler, and cargo to fetch SQLite.
# RUSTC, CARGO, CLANG and CC name other tools; WASI_SYSROOT is the directory of another WASI libc.
set -eu

# The crate that carries the amalgamation: its version decides that of SQLite.
sqlite_crate_version=0.39.1

here=$(cd "$(dirname "$0")" && pwd)
examples=$here/../../examples

usage() {
    echo "usage: $0 DIRECTORY [NAME...]" >&2
    exit 2
}

# find_wasm_rustc: sets wasm_rustc and wasm_target to the first compiler that has a WASI target.
find_wasm_rustc() {
    for wasm_rustc in "${RUSTC:-rustc}" /usr/bin/rustc; do
        libraries=$("$wasm_rustc" --print sysroot 2>/dev/null)/lib/rustlib || continue
        for wasm_target in wasm32-wasip1 wasm32-wasi; do
            if [ -d "$libraries/$wasm_target/lib" ]; then
                echo "wasm: $("$wasm_rustc" --version), $wasm_target"
                return
            fi
        done
    done
    echo "$0: no rustc with a WASI target; try: rustup target add wasm32-wasip1" >&2
    exit 1
}

# build_sdk RUSTC NAME [OPTION...]: builds the guest SDK as lib$NAME.rlib.
build_sdk() {
    rustc=$1
    library=$work/lib$2.rlib
    shift 2
    "$rustc" -O --edition 2021 --crate-type rlib --crate-name dotvm_sdk --cap-lints allow "$@" \
        -o "$library" "$here/../../sdk/src/lib.rs"
}

# build_example NAME
build_example() {
    if grep -q dotvm_sdk "$examples/$1.rs" && [ ! -f "$work/libnative.rlib" ]; then
        build_sdk "$wasm_rustc" wasm --target "$wasm_target"
        build_sdk "${RUSTC:-rustc}" native
    fi
    # Debian's standard library brings 6 MB of debug information, which would dominate loading.
    "$wasm_rustc" -O -C strip=symbols --target "$wasm_target" --edition 2021 \
        --extern dotvm_sdk="$work/libwasm.rlib" -o "$out/$1.wasm" "$examples/$1.rs"
    "${RUSTC:-rustc}" -O --edition 2021 --extern dotvm_sdk="$work/libnative.rlib" \
        -o "$out/native/$1" "$examples/$1.rs"
}

# fetch_sqlite: unpacks the amalgamation and sets sqlite to its directory.
fetch_sqlite() {
    mkdir "$work/fetch" "$work/fetch/src"
    : >"$work/fetch/src/lib.rs"
    cat >"$work/fetch/Cargo.toml" <<END
[package]
name = "fetch"
version = "0.0.0"
edition = "2021"
[dependencies]
libsqlite3-sys = { version = "=$sqlite_crate_version", default-features = false }
[workspace]
END
    (cd "$work/fetch" && "${CARGO:-cargo}" vendor --quiet vendor >/dev/null)
    sqlite=$work/fetch/vendor/libsqlite3-sys/sqlite3
}

# build_sqlite: the same configuration for both machines. WASI has neither threads, nor shared
# memory for a write-ahead log, nor dynamic loading, nor file locks.
build_sqlite() {
    fetch_sqlite
    set -- -O2 -DSQLITE_THREADSAFE=0 -DSQLITE_OMIT_LOAD_EXTENSION -DSQLITE_OMIT_WAL \
        -DSQLITE_DEFAULT_MEMSTATUS=0 -DSQLITE_TEMP_STORE=3 -DLONGDOUBLE_TYPE=double \
        -I"$sqlite" "$here/sqlite_main.c" "$sqlite/sqlite3.c"
    # The linker's default stack is 64 KiB, and an overflow would go into the data unnoticed.
    "${CLANG:-clang}" --target=wasm32-wasi ${WASI_SYSROOT:+--sysroot="$WASI_SYSROOT"} "$@" \
        -D_WASI_EMULATED_MMAN -D_WASI_EMULATED_GETPID \
        -D_WASI_EMULATED_SIGNAL -D_WASI_EMULATED_PROCESS_CLOCKS \
        -lwasi-emulated-mman -lwasi-emulated-getpid \
        -lwasi-emulated-signal -lwasi-emulated-process-clocks \
        -Wl,--strip-all -Wl,-z,stack-size=1048576 -o "$out/sqlite.wasm"
    "${CC:-cc}" "$@" -lm -o "$out/native/sqlite"
}

[ $# -ge 1 ] || usage
mkdir -p "$1/native"
out=$(cd "$1" && pwd)
shift
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

if [ $# -eq 0 ]; then
    for source in "$examples"/*.rs; do
        set -- "$@" "$(basename "$source" .rs)"
    done
    set -- "$@" sqlite
fi
find_wasm_rustc
for name in "$@"; do
    if [ "$name" = sqlite ]; then build_sqlite; else build_example "$name"; fi
done
