#!/usr/bin/env bash
# Writes the licence and copyright of each crate that is part of the libraries: notices.sh > FILE
# Of crates under a choice of licences the text of MIT is taken. One without a text is an error. What runs in
# the compiler alone, procedural macros, is no part of the libraries.
set -euo pipefail
manifest="$(cd "$(dirname "$0")/.." && pwd)/Cargo.toml"
sources="${CARGO_HOME:-$HOME/.cargo}/registry/src"

cargo tree --locked --manifest-path "$manifest" -p shaken-ffi -e normal,no-proc-macro --prefix none \
    --no-dedupe --format '{p} {l}' | sed 's/ (\/[^)]*)//; /^shaken-/d' | sort -u \
    | while read -r name version licence; do
        texts=()
        for folder in "$sources"/*/"$name-${version#v}"; do
            for pattern in 'LICEN[SC]E-MIT*' 'LICEN[SC]E*' 'COPYING*'; do
                # shellcheck disable=SC2206 # a pattern
                texts=("$folder"/$pattern)
                [ -f "${texts[0]}" ] && break
            done
            # The texts of ring are parts of one.
            [ "$name" = ring ] || texts=("${texts[0]}")
            # shellcheck disable=SC2206
            third=("$folder"/*THIRD-PARTY*)
            [ ! -f "${third[0]}" ] || texts+=("${third[@]}")
        done
        if [ ! -f "${texts[0]:-}" ]; then
            echo "$name $version has no licence in $sources" >&2
            exit 1
        fi
        printf '==== %s %s: %s\n\n' "$name" "${version#v}" "$licence"
        cat "${texts[@]}"
        printf '\n'
    done
