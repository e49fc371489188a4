#!/usr/bin/python3
"""Checks that documents tell the truth about names: paths of the tree in `backticks` and targets
of links exist, and functions in `backticks()` occur in the source; and that decisions have titles of
one form, each a number of its own."""
import glob
import os
import re
import sys

TOP = ("src", "tests", "tools", "docs", "bench", "examples", "packaging", ".ci")
PATH = re.compile(rf"(?:{'|'.join(map(re.escape, TOP))})(?:/[\w.*-]+)*/?|bootstrap")
FUNCTION = re.compile(r"(\w+)\(\)")
SPAN = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
DECISION = re.compile(r"(\d{4})-[\w-]+\.md")
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def documents(root):
    found = [os.path.join(root, "README.md")]
    for folder in ("docs", "examples", "bench", "tests"):
        found += glob.glob(os.path.join(root, folder, "**", "*.md"), recursive=True)
    return [path for path in sorted(found) if os.path.isfile(path)]


def source_words(root):
    words = set()
    for path in glob.glob(os.path.join(root, "src", "**", "*.[ch]"), recursive=True):
        with open(path, encoding="utf-8") as file:
            words.update(re.findall(r"\w+", file.read()))
    return words


def check_span(root, span, words):
    """What is wrong with it, or None."""
    path = span.split(" ")[0].removeprefix("./")
    if PATH.fullmatch(path) and not glob.glob(os.path.join(root, path)):
        return f"{path} does not exist"
    function = FUNCTION.fullmatch(span)
    if function and function[1] not in words:
        return f"{span} is not in src"
    return None


def check_link(path, target):
    if re.match(r"\w+:", target):
        return None
    if not os.path.exists(os.path.join(os.path.dirname(path), target)):
        return f"link to {target} leads nowhere"
    return None


def check(root, path, words):
    with open(path, encoding="utf-8") as file:
        # Lines stay where they are: a fenced block becomes as many empty ones.
        text = FENCE.sub(lambda match: "\n" * match[0].count("\n"), file.read())
    errors = 0
    for number, line in enumerate(text.split("\n"), 1):
        problems = [check_span(root, span, words) for span in SPAN.findall(line)]
        problems += [check_link(path, target) for target in LINK.findall(line)]
        for problem in filter(None, problems):
            print(f"error: {os.path.relpath(path, root)}:{number}: {problem}")
            errors += 1
    return errors


def check_decisions(root):
    errors = 0
    numbers = set()
    for path in sorted(glob.glob(os.path.join(root, "docs", "decisions", "*.md"))):
        name = DECISION.fullmatch(os.path.basename(path))
        with open(path, encoding="utf-8") as file:
            title = file.readline()
        problem = None
        if not name:
            problem = "a decision is named NNNN-words.md"
        elif name[1] in numbers:
            problem = f"there is another decision {name[1]}"
        elif not re.match(rf"# {name[1]}: \S", title):
            problem = f'its title does not begin with "# {name[1]}: "'
        if problem:
            print(f"error: {os.path.relpath(path, root)}:1: {problem}")
            errors += 1
        numbers.add(name[1] if name else path)
    return errors


def main():
    root = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(__file__), "..")
    paths = documents(root)
    words = source_words(root)
    errors = sum(check(root, path, words) for path in paths) + check_decisions(root)
    if not paths:
        print(f"error: found no document in {root}")
        errors = 1
    print(f"{len(paths)} documents, {errors} errors")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
