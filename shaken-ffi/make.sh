#!/usr/bin/env bash
# Builds the C libraries into a folder: make.sh OUT [CARGO-PROFILE]
#   OUT/lib      libshaken.so.<version> and libsecsipid.so.1.3.0 with their links, libshaken.a, libsecsipid.a
#   OUT/lib/pkgconfig, OUT/include
# PREFIX is where they will be installed, for pkg-config; OUT itself if it is not set. LIBDIR is the folder of
# the libraries below it, if that is not lib.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
out="$(mkdir -p "$1" && cd "$1" && pwd)"
profile="${2:-release}"
prefix="${PREFIX:-$out}"
version="$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' "$here/../Cargo.toml")"

# The static library is asked for here alone: a crate that is this and an rlib at once gets no optimization at
# link time, and its dependencies would be built once more, in another form.
cargo rustc --quiet --locked --manifest-path "$here/Cargo.toml" -p shaken-ffi --lib --profile "$profile" \
    --crate-type staticlib
folder="$profile"
[ "$profile" = dev ] && folder=debug
archive="${CARGO_TARGET_DIR:-$here/../target}/$folder/libshaken_ffi.a"

# link NAME ABI [VERSION]: cargo's own shared libraries take no version script, so the linker makes ours from
# the static one. Exported is what symbols/NAME.map lists; nothing may stay undefined. dlclose must not take
# code away that a thread which fetches, or the destructor of a thread, is yet to run.
link() {
    local version="${3:-$version}"
    cc -shared -o "$out/lib/$1.so.$version" \
        -Wl,-soname,"$1.so.$2" -Wl,--version-script="$here/symbols/$1.map" \
        -Wl,--whole-archive "$archive" -Wl,--no-whole-archive \
        -Wl,--no-undefined -Wl,--gc-sections -Wl,-z,relro,-z,now,-z,nodelete -Wl,-z,noexecstack -Wl,--as-needed \
        -lgcc_s -lpthread -lm -ldl -lc
    ln -sf "$1.so.$version" "$out/lib/$1.so.$2"
    ln -sf "$1.so.$2" "$out/lib/$1.so"
}

# narrow NAME: cargo's static library defines thousands of names, of Rust and of the other library, which
# would clash with those of a program that has a second library of Rust in it. Ours is one object with what
# symbols/NAME.map lists. The bitcode beside the code is Rust's own, and no linker may take it for its own.
narrow() {
    local object="$out/lib/$1.o" symbols="$out/lib/$1.symbols"
    sed -n 's/^ *\([A-Za-z_]*\);$/\1/p' "$here/symbols/$1.map" > "$symbols"
    # shellcheck disable=SC2046 # each is a word
    ld -r --force-group-allocation -o "$object" $(sed 's/^/-u /' "$symbols") "$archive"
    objcopy --remove-section=.llvmbc --remove-section=.llvmcmd --keep-global-symbols="$symbols" "$object"
    rm -f "$out/lib/$1.a"
    ar rcsD "$out/lib/$1.a" "$object"
    rm "$object" "$symbols"
}

# describe PC NAME TEXT [VERSION]: for pkg-config.
describe() {
    cat > "$out/lib/pkgconfig/$1.pc" <<PC
prefix=$prefix
libdir=\${prefix}/${LIBDIR:-lib}
includedir=\${prefix}/include

Name: ${2#lib}
Description: $3
Version: ${4:-$version}
Libs: -L\${libdir} -l${2#lib}
Libs.private: -lgcc_eh -lpthread -lm -ldl -lc
Cflags: -I\${includedir}
PC
}

mkdir -p "$out/lib/pkgconfig" "$out/include"
link libshaken 1
narrow libshaken
describe shaken libshaken "STIR/SHAKEN signing and verification"
# The version of the interface that it takes the place of.
secsipid=1.3.0
link libsecsipid 1 "$secsipid"
narrow libsecsipid
describe secsipid-1 libsecsipid "STIR/SHAKEN signing and verification, in the place of libsecsipid" "$secsipid"
cp "$here/include/shaken.h" "$here/include/secsipid.h" "$here/include/libsecsipid.h" "$out/include/"
