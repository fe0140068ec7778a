#!/usr/bin/env bash
# Builds the C libraries into a folder: make.sh OUT [CARGO-PROFILE]
#   OUT/lib      libshaken.so.<version> with its links, libshaken.a; libsecsipid.so.1.3.0 with its links
#   OUT/lib/pkgconfig, OUT/include
# PREFIX is where they will be installed, for pkg-config; OUT itself if it is not set.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
out="$(mkdir -p "$1" && cd "$1" && pwd)"
profile="${2:-release}"
prefix="${PREFIX:-$out}"
version="$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' "$here/../Cargo.toml")"

cargo build --quiet --locked --manifest-path "$here/Cargo.toml" -p shaken-ffi --lib --profile "$profile"
folder="$profile"
[ "$profile" = dev ] && folder=debug
archive="${CARGO_TARGET_DIR:-$here/../target}/$folder/libshaken_ffi.a"

# link NAME ABI [VERSION]: cargo's own shared libraries take no version script, so the linker makes ours from
# the static one. Exported is what symbols/NAME.map lists; nothing may stay undefined.
link() {
    local version="${3:-$version}"
    cc -shared -o "$out/lib/$1.so.$version" \
        -Wl,-soname,"$1.so.$2" -Wl,--version-script="$here/symbols/$1.map" \
        -Wl,--whole-archive "$archive" -Wl,--no-whole-archive \
        -Wl,--no-undefined -Wl,--gc-sections -Wl,-z,relro,-z,now -Wl,-z,noexecstack -Wl,--as-needed \
        -lgcc_s -lpthread -lm -ldl -lc
    ln -sf "$1.so.$version" "$out/lib/$1.so.$2"
    ln -sf "$1.so.$2" "$out/lib/$1.so"
}

# describe PC NAME TEXT [VERSION]: for pkg-config.
describe() {
    cat > "$out/lib/pkgconfig/$1.pc" <<PC
prefix=$prefix
libdir=\${prefix}/lib
includedir=\${prefix}/include

Name: ${2#lib}
Description: $3
Version: ${4:-$version}
Libs: -L\${libdir} -l${2#lib}
Libs.private: -lgcc_s -lpthread -lm -ldl -lc
Cflags: -I\${includedir}
PC
}

mkdir -p "$out/lib/pkgconfig" "$out/include"
link libshaken 1
describe shaken libshaken "STIR/SHAKEN signing and verification"
# The version of the interface that it takes the place of.
secsipid=1.3.0
link libsecsipid 1 "$secsipid"
describe secsipid-1 libsecsipid "STIR/SHAKEN signing and verification, in the place of libsecsipid" "$secsipid"
cp "$here/include/shaken.h" "$here/include/secsipid.h" "$here/include/libsecsipid.h" "$out/include/"
cp "$archive" "$out/lib/libshaken.a"
