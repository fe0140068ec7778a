#!/usr/bin/env bash
# Builds the Debian packages into a folder: package.sh OUT [CARGO-PROFILE]
#   libshaken1, libshaken-dev, libshaken-secsipid, libshaken-secsipid-dev
# Needs cargo-deb, and dpkg-dev for what a library depends on. Cargo.toml says what each package has.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
out="$(mkdir -p "$1" && cd "$1" && pwd)"
profile="${2:-release}"
# Where Cargo.toml looks for the files.
parts="$here/../target/packages"
triplet="$(dpkg-architecture -qDEB_HOST_MULTIARCH)"
version="$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' "$here/../Cargo.toml")-1"
# The same source makes the same packages.
SOURCE_DATE_EPOCH="${SOURCE_DATE_EPOCH:-$(git -C "$here" log -1 --format=%ct)}"
export SOURCE_DATE_EPOCH

rm -rf "$parts"
PREFIX=/usr LIBDIR="lib/$triplet" "$here/make.sh" "$parts" "$profile"
strip --strip-unneeded --remove-section=.comment "$parts"/lib/*.so.*.*
strip --strip-debug --remove-section=.comment --enable-deterministic-archives "$parts"/lib/*.a
"$here/debian/notices.sh" | gzip -9n > "$parts/notices.gz"
maintainer="$(sed -n 's/^maintainer = "\(.*\)"/\1/p' "$here/Cargo.toml")"
printf 'shaken (%s) unstable; urgency=medium\n\n  * %s\n\n -- %s  %s\n' "$version" \
    "What changed is in CHANGELOG.md of the source." "$maintainer" \
    "$(LC_ALL=C date -Ru -d "@$SOURCE_DATE_EPOCH")" > "$parts/changelog"

# deb NAME SYNOPSIS [SHLIBS]: cargo-deb builds it, and then it gets what cargo-deb has no place for: a line of its
# own about what it is, what a versioned library depends on, the version of the package that it belongs to, sums,
# and what programs that are linked with it depend on.
deb() {
    local deb="$out/$1_${version}_$(dpkg-architecture -qDEB_HOST_ARCH).deb" tree="$parts/tree" libraries
    cargo deb --quiet --locked --manifest-path "$here/Cargo.toml" --no-build --no-strip --fast \
        --multiarch same --variant "$1" --output "$deb" >/dev/null
    rm -rf "$tree"
    dpkg-deb --raw-extract "$deb" "$tree"
    libraries="$(cd "$parts" && find tree -type f -name '*.so.*' -exec dpkg-shlibdeps -O {} + | sed 's/^shlibs:Depends=//')"
    sed -i "s#@version@#$version#; s#@libraries@#$libraries#; s#^Description: .*#Description: $2#" \
        "$tree/DEBIAN/control"
    (cd "$tree" && find . -type f ! -path './DEBIAN/*' -printf '%P\0' | sort -z | xargs -0 md5sum) \
        > "$tree/DEBIAN/md5sums"
    if [ $# = 3 ]; then
        printf '%s\n' "$3" > "$tree/DEBIAN/shlibs"
    fi
    dpkg-deb --root-owner-group --build "$tree" "$deb" >/dev/null
    echo "$deb"
}

# dpkg-shlibdeps wants to be in the source of a package.
mkdir "$parts/debian"
printf 'Source: shaken\n\nPackage: shaken\nArchitecture: any\n' > "$parts/debian/control"
deb libshaken1 "STIR/SHAKEN for SIP stacks: library" "libshaken 1 libshaken1 (>= ${version%-*})"
deb libshaken-dev "STIR/SHAKEN for SIP stacks: development files"
# A program that was built with this one runs with the other as well.
deb libshaken-secsipid "STIR/SHAKEN in the place of libsecsipid: library" \
    "libsecsipid 1 libshaken-secsipid | libsecsipid1 (>= 1.2.0)"
deb libshaken-secsipid-dev "STIR/SHAKEN in the place of libsecsipid: development files"
