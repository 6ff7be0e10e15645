#!/usr/bin/env python3
"""Writes what Artifact Hub shows of kinds into chart/Chart.yaml, out of chart/files/kinds.json and examples/.

    artifacthub.py            writes it
    artifacthub.py --check    writes nothing; fails where it is stale

Only Python's own library: `make generate` has nothing else. So the smallest example of a kind is taken as the text that
it is, without its comments.
"""

import json
import re
import sys
import textwrap
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BEGIN = "  # Written by `make generate` out of kinds/ and examples/.\n"
END = "  # End of what is written.\n"


def examples():
    """The smallest example of each kind, as lines."""
    smallest = {}
    for file in sorted((ROOT / "examples").glob("*.yaml")):
        for document in re.split(r"^---$", file.read_text(), flags=re.MULTILINE):
            lines = [line.rstrip() for line in document.splitlines()]
            # a comment at the end of a line may stand within a string, so it stays
            lines = [line for line in lines if line and not line.lstrip().startswith("#")]
            for line in lines:
                if line.startswith("kind: "):
                    kind = line.removeprefix("kind: ")
                    if len(lines) < len(smallest.get(kind, lines + [""])):
                        smallest[kind] = lines
    return smallest


def block():
    shown = examples()
    out = ["  artifacthub.io/crds: |"]
    kinds = json.loads((ROOT / "chart/files/kinds.json").read_text())
    for kind in kinds:
        group, version = kind["apiVersion"].split("/")
        out += [
            f"    - kind: {kind['kind']}",
            f"      version: {version}",
            f"      name: {kind['plural']}.{group}",
            f"      displayName: {kind['kind']}",
            "      description: >-",
            *textwrap.wrap(kind["description"], 120, initial_indent=" " * 8, subsequent_indent=" " * 8),
        ]
    out.append("  artifacthub.io/crdsExamples: |")
    for kind in kinds:
        first, *rest = shown[kind["kind"]]
        out += [f"    - {first}", *(f"      {line}" for line in rest)]
    return "\n".join(out) + "\n"


def main():
    file = ROOT / "chart/Chart.yaml"
    text = file.read_text()
    before, rest = text.split(BEGIN)
    new = before + BEGIN + block() + END + rest.split(END)[1]
    if sys.argv[1:] == ["--check"]:
        if new != text:
            sys.exit("chart/Chart.yaml: what Artifact Hub shows is stale: run `make generate`")
    elif sys.argv[1:]:
        sys.exit(__doc__)
    else:
        file.write_text(new)


main()
