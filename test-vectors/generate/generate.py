#!/usr/bin/env python3
"""Writes ../data/*.json, or with --check compares what is there with what would be written.

Nothing here is random and nothing reads a clock: two runs give the same bytes. Needs the
packages of requirements.txt. Shares no code with the Rust crates that the vectors test."""

import sys

sys.dont_write_bytecode = True

import argparse
import json
import pathlib

import jsonschema

import oracle
from cases import (
    call,
    certificate_body,
    certificate_path,
    certificate_url,
    claims,
    identity_header,
    known_intermediates,
    payload_text,
    several_headers,
    signature,
    tn_auth_list,
    token_form,
    token_header,
)

PACKAGE = pathlib.Path(__file__).resolve().parent.parent
GROUPS = [
    identity_header,
    token_form,
    token_header,
    payload_text,
    claims,
    call,
    certificate_url,
    certificate_body,
    certificate_path,
    known_intermediates,
    tn_auth_list,
    signature,
    several_headers,
]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if data/ differs")
    check = parser.parse_args().check
    schema = json.loads((PACKAGE / "schema/vectors-v1.schema.json").read_text("utf-8"))
    failures, total = [], 0
    texts = {f"{f.stem}.json": f.text() for f in (group.build() for group in GROUPS)}
    for file, text in texts.items():
        data = json.loads(text)
        jsonschema.validate(data, schema)
        failures += oracle.complaints(data)
        total += len(data["cases"])
        counts = [sum(c["expect"] == e for c in data["cases"]) for e in ("accept", "reject", "policy")]
        print("{:26} {:4} cases: {:3} accept {:3} reject {:3} policy".format(file, sum(counts), *counts))
    print(f"{'all':26} {total:4} cases")
    folder = PACKAGE / "data"
    present = {p.name: p.read_text("utf-8") for p in folder.glob("*.json")}
    if check:
        failures += [f"data/{name} is not what the generator writes; run it without --check" for name in sorted(texts | present) if texts.get(name) != present.get(name)]
    elif not failures:
        for name in present.keys() - texts.keys():
            (folder / name).unlink()
        for name, text in texts.items():
            (folder / name).write_text(text, "utf-8")
    for failure in failures:
        print(failure, file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
