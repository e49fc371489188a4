#!/usr/bin/python3
"""Checks for what is banned and a compiler does not see: functions, file names, variables
at file scope, cleanups of what has no value yet, commented-out code."""
import argparse
import pathlib
import re
import sys

sys.dont_write_bytecode = True
import csource

# Function names (patterns) with what to use instead.
FUNCTIONS = {
    r"strcpy|strcat|strncpy|strncat|stpcpy": "a str or buf function",
    r"sprintf|vsprintf": "snprintf or a buf function",
    r"strtok|strtok_r": "a parse function",
    r"ato[ifl]|atoll|strto[dfl]|strtold|strtoll|strtoul|strtoull|strtoimax|strtoumax|v?f?s?scanf":
        "a parse function with bounds",
    r"gets": "a bounded read",
    r"system|popen": "the module that spawns children",
    r"alloca": "the heap",
    r"gmtime|localtime|asctime|ctime": "the _r form",
    r"sleep|usleep": "a timer of the loop",
    r"tmpnam|tempnam|mktemp": "mkstemp",
    r"rand|srand|random|srandom|drand48": "getrandom or the random interface",
}
FILES = re.compile(r"(?:utils?|common|types|misc|helpers|stuff)\.[ch]")

# The only variables at file scope: log level, allocator hook, and a thread's own index.
VARIABLE_FILES = {"src/base/log.c", "src/base/alloc.c", "src/loop/executor.c"}
STATIC = re.compile(r"^[ \t]+static\b(?!_)[^;{]*?(?:[;=])", re.M)
AGGREGATE = re.compile(r"^(?:typedef\s+)?(?:struct|union|enum)\b[^{;=()]*\{", re.S)

# A variable with a cleanup and without a value (base/cleanup.h).
AUTO = re.compile(
    r"\b(?:auto_(?:\(\w+\)|\w+)|__attribute__\s*\(\(\s*cleanup\b[^;]*?\)\))"
    r"\s[^;=(){}]*?\b(\w+)(?:\[[^\]]*\])?\s*;"
)
LEAVES = re.compile(r"\b(?:return|goto|break|continue)\b")

MARKS = re.compile(r"\b(?:TODO|FIXME|XXX|HACK)\b")
BANNER = re.compile(r"[=\-*#~]{8,}")
CODE_LINE = re.compile(r"[;{}]$|^#\s*(?:if|include|define|endif)|^(?:if|for|while|switch)\s*\(.*\)$")


def line_texts(comment):
    """The words of a comment, line by line, without its frame."""
    body = re.sub(r"^/[/*]+|\*+/$", "", comment)
    lines = (re.sub(r"^\s*(?:\*+(?=\s|$)|//)", "", line).strip() for line in body.splitlines())
    return [line for line in lines if line]


def check_comments(source):
    for line, text in source.comments:
        if text.startswith("//"):
            yield line, "// comments are for local debugging"
            continue
        words = line_texts(text)
        if words and all(CODE_LINE.search(w) for w in words):
            yield line, "commented-out code"
        if MARKS.search(text):
            yield line, "a note to do something later: do it or name the limit in the header"
        if any(BANNER.search(w) for w in words):
            yield line, "a banner"


def check_functions(source):
    for pattern, instead in FUNCTIONS.items():
        for m in re.finditer(rf"(?<![\w.>])({pattern})\s*\(", source.code):
            yield source.line_of(m.start()), f"{m[1]}() is banned: use {instead}"


def check_preprocessor(source):
    for m in re.finditer(r"^[ \t]*#[ \t]*if[ \t]+[01]\b", source.code, re.M):
        yield source.line_of(m.start()), "code switched off by the preprocessor"
    for m in re.finditer(r"\btypedef\s+(?:struct|union|enum)\b[^();]*(?:\{|;)", source.plain):
        yield source.line_of(m.start()), "a typedef of a struct, union or enum"


def is_const(declarator):
    """Whether a declaration without its initialiser declares a constant object."""
    text = re.sub(r"\[[^\]]*\]", "", declarator)
    last = text.rpartition("*")[2] if "*" in text else text
    return bool(re.search(r"\bconst\b", last))


def statements(plain):
    """(start, text) of each declaration at file scope; the inside of braces is left out."""
    depth = start = 0
    text = ""
    for i, char in enumerate(plain):
        if char == "{":
            depth += 1
            text += "{" if depth == 1 else ""
        elif char == "}":
            depth -= 1
            text += "}" if depth == 0 else ""
            if depth == 0 and plain[i - 1] == "\n" and "(" in text and "=" not in text:
                start, text = i + 1, ""
        elif depth == 0 and char == ";":
            yield start + len(plain[start:i]) - len(plain[start:i].lstrip()), text.strip()
            start, text = i + 1, ""
        elif depth == 0:
            text += char


def is_variable(text):
    text = re.sub(r"__attribute__\s*\(\(.*?\)\)", "", text, flags=re.S)
    text = re.sub(r"\{\}", "{}", text)
    declarator = text.split("=")[0]
    if re.match(r"typedef\b|_?[Ss]tatic_assert\b", text) or not declarator.strip():
        return False
    if AGGREGATE.match(declarator) and declarator.rstrip().endswith("}"):
        return False
    if re.fullmatch(r"(?:struct|union|enum)\s+\w+", declarator.strip()):
        return False
    # A variable's first parenthesis is the one around its name; a function's opens its parameters.
    pointer = re.match(r"[^(]*\(\s*\*\s*(const\s+)?\w+(?:\[[^\]]*\])?\s*\)\s*\(", declarator)
    if pointer:
        return not pointer[1]
    if "(" in declarator:
        return False
    return not is_const(declarator)


def check_variables(source, name):
    if name in VARIABLE_FILES:
        return
    for start, text in statements(source.plain):
        if is_variable(text):
            yield source.line_of(start), "a variable at file scope"
    for function in source.functions():
        for m in STATIC.finditer(function.body):
            if is_variable(m[0].strip().rstrip(";=")):
                line = function.body.count("\n", 0, m.start())
                yield function.body_line + line, f"a static variable in {function.name}()"


def is_set_by(statement, name):
    """Whether a statement gives the variable its first value for certain: by assignment or x_init().
    Another function that gets its address may leave it alone, as outputs are when something fails."""
    return re.match(rf"{name}\s*=[^=]", statement) or re.match(rf"\w+_init\s*\(\s*&{name}\b", statement)


def check_cleanups(source):
    for function in source.functions():
        for m in AUTO.finditer(function.body):
            # Up to the first mention, which has to be what sets it, nothing may leave the block.
            rest = function.body[m.end() :]
            mention = re.search(rf"\b{m[1]}\b", rest)
            before = rest[: mention.start()] if mention else rest
            start = max(before.rfind(c) for c in ";{}") + 1
            line = function.body_line + function.body.count("\n", 0, m.start())
            if LEAVES.search(before[:start]):
                yield line, f"{m[1]} is released before it has a value, where the block is left early"
            elif not mention or not is_set_by(rest[start:].lstrip(), m[1]):
                yield line, f"{m[1]} may be released without a value: give it one where it is declared"


def check_file(root, path):
    name = path.relative_to(root).as_posix()
    source = csource.Source(path)
    findings = list(check_functions(source))
    findings += check_cleanups(source)
    findings += check_preprocessor(source)
    findings += check_comments(source)
    if FILES.fullmatch(path.name):
        findings.append((1, f"a file named {path.name}: name it after its concept"))
    if name.startswith("src/"):
        findings += check_variables(source, name)
    return [f"{name}:{line}: {text}" for line, text in sorted(findings)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("root", type=pathlib.Path, help="top of the source tree")
    root = parser.parse_args().root.resolve()
    paths = [p for folder in ("src", "tests") for p in csource.sources(root / folder)]
    errors = [error for path in paths for error in check_file(root, path)]
    for error in errors:
        print(f"error: {error}")
    print(f"{len(paths)} files, {len(errors)} errors")
    if not paths:
        print("error: found no file to check")
    return 1 if errors or not paths else 0


if __name__ == "__main__":
    sys.exit(main())
