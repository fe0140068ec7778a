#!/usr/bin/env python3
"""Writes ../data/*.json, or with --check compares what is there with what would be written.

With --now everything is signed anew for another time, certificates too: every time in the files
keeps its distance from it, so that a verifier with a running clock can be tried.

Nothing here is random and nothing reads a clock: two runs give the same bytes. Needs the
packages of requirements.txt. Shares no code with the Rust crates that the vectors test."""

import sys

sys.dont_write_bytecode = True

import argparse
import importlib
import json
import pathlib

import jsonschema

import clock

PACKAGE = pathlib.Path(__file__).resolve().parent.parent
GROUPS = [
    "identity_header",
    "token_form",
    "token_header",
    "payload_text",
    "claims",
    "call",
    "certificate_url",
    "certificate_body",
    "certificate_path",
    "known_intermediates",
    "tn_auth_list",
    "delegation",
    "claim_constraints",
    "revocation",
    "signature",
    "several_headers",
    "several_types",
    "base",
    "compact_form",
    "diversion",
    "priority",
    "rich_call_data",
    "messages",
    "media_keys",
    "uris",
    "rfc_examples",
]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if the folder differs")
    parser.add_argument("--now", type=int, metavar="T", help="the time of the cases, in seconds since 1970; needs --out")
    parser.add_argument("--out", type=pathlib.Path, metavar="DIR", default=PACKAGE / "data", help="where the files go")
    args = parser.parse_args()
    if args.now is not None:
        if args.out == parser.get_default("out"):
            parser.error("--now needs --out: data/ has one time")
        clock.NOW = args.now
    return write(args.out, args.check)


def write(folder: pathlib.Path, check: bool) -> int:
    # Keys, certificates and tokens are made as these are loaded, for the time of the clock.
    oracle = importlib.import_module("oracle")
    groups = [importlib.import_module(f"cases.{name}") for name in GROUPS]
    schema = json.loads((PACKAGE / "schema/vectors-v1.schema.json").read_text("utf-8"))
    failures, total = [], 0
    texts = {f"{f.stem}.json": f.text() for f in (group.build() for group in groups)}
    for file, text in texts.items():
        data = json.loads(text)
        jsonschema.validate(data, schema)
        failures += oracle.complaints(data)
        total += len(data["cases"])
        counts = [sum(c["expect"] == e for c in data["cases"]) for e in ("accept", "reject", "policy")]
        print("{:26} {:4} cases: {:3} accept {:3} reject {:3} policy".format(file, sum(counts), *counts))
    print(f"{'all':26} {total:4} cases")
    present = {p.name: p.read_text("utf-8") for p in folder.glob("*.json")}
    if check:
        failures += [f"{folder / name} is not what make.py writes; run it without --check" for name in sorted(texts | present) if texts.get(name) != present.get(name)]
    elif not failures:
        folder.mkdir(parents=True, exist_ok=True)
        if folder == PACKAGE / "data":
            for name in present.keys() - texts.keys():
                (folder / name).unlink()
        for name, text in texts.items():
            (folder / name).write_text(text, "utf-8")
    for failure in failures:
        print(failure, file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
