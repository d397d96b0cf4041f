#!/bin/sh
# Makes the WebAssembly modules of this folder anew, of crash.c, with clang and wasm-ld.
# They are kept, since what compilers write about the same source differs from version to version.
set -eu
cd "$(dirname "$0")"
object=$(mktemp)
trap 'rm -f "$object"' EXIT
build() {
    clang --target=wasm32-unknown-unknown "-O$1" "-gdwarf-$2" -ffile-prefix-map="$PWD"=/src \
        -ffile-prefix-map=/usr/lib=/lib -c -o "$object" crash.c
    wasm-ld --no-entry --export=run -o "crash-O$1-dwarf$2.wasm" "$object"
}
build 0 4
build 2 5
