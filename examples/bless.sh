#!/bin/sh
# Writes the expected output of every example beside it (NAME.expected): what its native build
# prints when it is run as its header says. Run it after changing an example, and read the
# difference.
#
#   examples/bless.sh [NAME...]     all examples, or those named
#
# Header lines (`//! key: value`) that say how an example is run for its test:
#   test-args  arguments, separated by blanks
#   stdin      one line of standard input, which is otherwise empty; may be repeated
#   env        NAME=VALUE, the environment being otherwise empty; may be repeated
#   dir        the directory that must be preopened; here every program runs in an empty one
#   machine    needed, if only the machine can run it: its output is written by hand
#   exit       the exit code, if it is not 0; 134 stands for a panic, which is 101 natively
#
# RUSTC and CARGO name other tools than `rustc` and `cargo`.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

# header SOURCE KEY: the values of a key in the header of a source file, one a line.
header() {
    sed -n -e '/^\/\/!/!q' -e "s|^//! $2: \{0,1\}||p" -e "s|^//! $2:\$||p" "$1"
}

# source_of NAME: the file with the header.
source_of() {
    if [ -f "$here/$1.rs" ]; then echo "$here/$1.rs"; else echo "$here/$1/src/main.rs"; fi
}

# build_sdk: builds what some examples use, as $work/libdotvm_sdk.rlib.
build_sdk() {
    "${RUSTC:-rustc}" -O --edition 2021 --crate-type rlib --crate-name dotvm_sdk --cfg 'feature="std"' \
        --cap-lints allow -o "$work/libdotvm_sdk.rlib" "$here/../sdk/src/lib.rs"
}

# build NAME: builds an example natively as $work/NAME.
build() {
    if [ -f "$here/$1.rs" ]; then
        "${RUSTC:-rustc}" -O --edition 2021 --extern dotvm_sdk="$work/libdotvm_sdk.rlib" \
            -o "$work/$1" "$here/$1.rs"
    else
        CARGO_TARGET_DIR=$work/target "${CARGO:-cargo}" build --quiet --release --offline \
            --manifest-path "$here/$1/Cargo.toml"
        cp "$work/target/release/$1" "$work/$1"
    fi
}

# run NAME: runs a native build as its header says; the output goes to $work/out and $work/err.
run() (
    name=$1
    source=$(source_of "$name")
    rm -rf "$work/dir"
    mkdir "$work/dir"
    cd "$work/dir"
    header "$source" stdin >"$work/in"
    # Splitting is wanted below, at line ends and at blanks; file name patterns are not.
    set -f
    IFS='
'
    set -- $(header "$source" env) "$work/$name"
    unset IFS
    set -- "$@" $(header "$source" test-args)
    exec env -i "$@" <"$work/in" >"$work/out" 2>"$work/err"
)

# bless NAME: writes the expected output of an example, if it ends as its header says.
bless() {
    if [ -n "$(header "$(source_of "$1")" machine)" ]; then
        echo "$1: only the machine runs it"
        return
    fi
    build "$1"
    wanted=$(header "$(source_of "$1")" exit)
    case $wanted in
        '') wanted=0 ;;
        134) wanted=101 ;;
    esac
    code=0
    run "$1" || code=$?
    if [ "$code" -ne "$wanted" ]; then
        echo "$1: exit code $code instead of $wanted" >&2
        cat "$work/err" >&2
        exit 1
    fi
    if ! cmp -s "$work/out" "$here/$1.expected"; then
        cp "$work/out" "$here/$1.expected"
        echo "$1: changed"
    fi
}

if [ $# -eq 0 ]; then
    cd "$here"
    set -- *.rs */Cargo.toml
fi
build_sdk
for name in "$@"; do
    name=${name%/Cargo.toml}
    bless "${name%.rs}"
done
