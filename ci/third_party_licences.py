#!/usr/bin/env python3
"""Prints the licence of every crate that is linked into the mailwake binary.

Reads `cargo metadata`; ends with 1 where a crate brings no licence text and names no
licence either, so that a tarball never ships without its notices.
"""

import json
import pathlib
import subprocess
import sys

LICENCE_NAMES = ("license", "licence", "copying", "notice", "copyright", "unlicense")


def metadata():
    """The resolved graph for this machine's platform."""
    version = subprocess.run(["rustc", "-vV"], check=True, capture_output=True, text=True).stdout
    host = next(line.split()[1] for line in version.splitlines() if line.startswith("host:"))
    command = ["cargo", "metadata", "--format-version", "1", "--locked", "--filter-platform", host]
    return json.loads(subprocess.run(command, check=True, capture_output=True).stdout)


def linked(graph):
    """Packages that `mailwake` reaches over normal dependencies (not build or dev)."""
    nodes = {node["id"]: node for node in graph["resolve"]["nodes"]}
    packages = {package["id"]: package for package in graph["packages"]}
    waiting = [package["id"] for package in graph["packages"] if package["name"] == "mailwake"]
    seen = set(waiting)
    while waiting:
        for dependency in nodes[waiting.pop()]["deps"]:
            is_normal = any(kind["kind"] is None for kind in dependency["dep_kinds"])
            if is_normal and dependency["pkg"] not in seen:
                seen.add(dependency["pkg"])
                waiting.append(dependency["pkg"])
    foreign = (packages[id] for id in seen if packages[id]["source"])
    return sorted(foreign, key=lambda package: (package["name"], package["version"]))


def licence_files(package):
    """Licence texts at the top of the crate."""
    folder = pathlib.Path(package["manifest_path"]).parent
    files = (file for file in folder.iterdir() if file.is_file())
    return sorted(file for file in files if file.name.lower().startswith(LICENCE_NAMES))


def main():
    missing = []
    for package in linked(metadata()):
        files = licence_files(package)
        if not files and not package["license"]:
            missing.append(package["name"])
        print(f"{'=' * 78}\n{package['name']} {package['version']}: {package['license']}")
        print(package["repository"] or "")
        for file in files:
            print(f"\n--- {file.name}\n{file.read_text(errors='replace').rstrip()}")
        print()
    if missing:
        sys.exit(f"no licence known: {', '.join(missing)}")


if __name__ == "__main__":
    main()
