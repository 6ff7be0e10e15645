#!/usr/bin/env python3
"""Writes the table of values in chart/README.md, out of the comments and defaults in chart/values.yaml.

    values_table.py            writes it
    values_table.py --paths    prints the path of every value, and of every map of them
    values_table.py --check    writes nothing; fails where it is stale, or where schema and values have not the same keys

Only Python's own library: `make generate` has nothing else. So this reads no YAML but that of values.yaml: maps indented
by two, with what stands below a documented key taken as it is.
"""

import json
import re
import sys
from pathlib import Path

CHART = Path(__file__).resolve().parents[2] / "chart"
BEGIN = "<!-- Written by `make generate` out of values.yaml. -->\n"
END = "<!-- End of what is written. -->\n"


def values(text):
    """(path, default, comment) of every value with a comment that begins with two dashes."""
    found, path, comment, below = [], [], None, None
    for number, line in enumerate(text.splitlines(), 1):
        indent = len(line) - len(line.lstrip())
        stripped = line.strip()
        if below is not None and stripped and indent > below:
            found[-1][1].append(line[below + 2 :])
            continue
        below = None
        if stripped.startswith("# -- "):
            comment = [stripped[5:]]
        elif stripped.startswith("#"):
            if comment:
                comment.append(stripped[2:])
        elif stripped:
            key, rest = re.fullmatch(r"([A-Za-z]+):(?: (.*))?", stripped).groups()
            path = path[: indent // 2] + [key]
            if comment:
                found.append((".".join(path), [] if rest is None else [rest], " ".join(comment)))
                below = indent if rest is None else None
                comment = None
            elif rest is not None:
                sys.exit(f"chart/values.yaml:{number}: {'.'.join(path)} has no comment that begins with two dashes")
        elif comment:
            sys.exit(f"chart/values.yaml:{number}: a comment that belongs to no value")
    return found


def table(found):
    rows = ["| value | default | what |", "| --- | --- | --- |"]
    for path, default, comment in found:
        shown = f"`{default[0]}`" if len(default) == 1 else "see below"
        rows.append(f"| `{path}` | {shown} | {comment} |")
    rows.append("")
    for path, default, _ in found:
        if len(default) > 1:
            rows += [f"`{path}`:", "", "```yaml", *default, "```", ""]
    return "\n".join(rows).rstrip("\n") + "\n"


def schema_paths(schema, documented, path=()):
    """Paths in the schema, as deep as values are documented."""
    for key, inner in schema.get("properties", {}).items():
        here = (*path, key)
        if ".".join(here) in documented or "properties" not in inner:
            yield ".".join(here)
        else:
            yield from schema_paths(inner, documented, here)


def main():
    found = values((CHART / "values.yaml").read_text())
    if sys.argv[1:] == ["--paths"]:
        parts = [path.split(".") for path, _, _ in found]
        print(*sorted({".".join(part[:end]) for part in parts for end in range(1, len(part) + 1)}), sep="\n")
        return
    readme = CHART / "README.md"
    text = readme.read_text()
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    new = before + BEGIN + "\n" + table(found) + "\n" + END + after
    if sys.argv[1:] == ["--check"]:
        if new != text:
            sys.exit("chart/README.md: the table of values is stale: run `make generate`")
        documented = {path for path, _, _ in found}
        # What only a parent chart sets has no default.
        known = set(schema_paths(json.loads((CHART / "values.schema.json").read_text()), documented)) - {"enabled", "global"}
        if known != documented:
            sys.exit(f"chart/values.schema.json and values.yaml differ in {sorted(known ^ documented)}")
    elif sys.argv[1:]:
        sys.exit(__doc__)
    else:
        readme.write_text(new)


main()
