#!/usr/bin/python3
"""Compiles each header of src/ alone, and twice in one file: it must include what it uses and guard
itself. Flags come from compile_commands.json of a build directory."""
import argparse
import concurrent.futures
import json
import pathlib
import re
import shlex
import subprocess
import sys

sys.dont_write_bytecode = True
import csource

WARNINGS = ["-Wall", "-Wextra", "-Werror", "-Wstrict-prototypes", "-Wundef"]


def is_own_folder(build, root, word):
    return word.startswith("-I") and (root / "src") in (build / word[2:]).resolve().parents


def read_flags(build, root):
    """Compiler, and the union of include paths, defines and standard of all files in src/.

    Meson adds each folder of its own; in the union these would stand for others' (src/sched has a
    sched.h, and so has libc), so they are left out."""
    compiler, flags = None, []
    for entry in json.loads((build / "compile_commands.json").read_text()):
        words = shlex.split(entry["command"])
        if "src" not in pathlib.PurePath(entry["file"]).parts:
            continue
        compiler = compiler or next(w for w in words if not w.endswith("ccache"))
        wanted = [w for w in words if re.match(r"-(?:I|isystem|D|std=|f?pthread)", w)]
        flags += [w for w in wanted if w not in flags and not is_own_folder(build, root, w)]
    return compiler, flags


def compile_header(build, command, name):
    text = f'#include "{name}"\n#include "{name}"\n'
    result = subprocess.run(
        command, input=text, cwd=build, capture_output=True, text=True, timeout=120, check=False
    )
    return name, result.returncode, result.stderr


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("root", type=pathlib.Path, help="top of the source tree")
    parser.add_argument("build", type=pathlib.Path, help="a build directory, built")
    args = parser.parse_args()
    root, build = args.root.resolve(), args.build.resolve()
    compiler, flags = read_flags(build, root)
    names = [p.relative_to(root / "src").as_posix() for p in csource.sources(root / "src", (".h",))]
    if not compiler or not names:
        print("error: found no header, or no compile command for src/")
        return 1
    command = [compiler, *flags, f"-I{root / 'src'}", *WARNINGS]
    command += ["-x", "c", "-fsyntax-only", "-"]
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for name, code, output in pool.map(lambda n: compile_header(build, command, n), names):
            if code:
                failed += 1
                print(f"error: src/{name} does not compile alone\n{output}")
    print(f"{len(names)} headers, {failed} errors")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
