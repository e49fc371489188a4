"""A small reader of C sources for the checks: what is comment, string, function.

It is not a parser. It relies on the layout that clang-format enforces: a function's body, and
nothing else, opens with a brace in column 0 and closes with one.
"""
import bisect
import dataclasses
import pathlib
import re

TOKEN = re.compile(
    r"""(?P<line>//(?:\\\n|[^\n])*)
      | (?P<block>/\*.*?\*/)
      | (?P<string>"(?:\\.|[^"\\\n])*")
      | (?P<char>'(?:\\.|[^'\\\n])*')""",
    re.S | re.X,
)
DIRECTIVE = re.compile(r"^[ \t]*#(?:\\\n|[^\n])*", re.M)
BODY_OPENS = re.compile(r"^\{", re.M)
BODY_CLOSES = re.compile(r"^\}", re.M)
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^">\n]+)[">]', re.M)
ATTRIBUTE = re.compile(r"\b__attribute__\b|\bauto_$")


@dataclasses.dataclass
class Function:
    name: str
    line: int
    lines: int
    params: int
    is_static: bool
    body: str
    body_line: int  # of its opening brace


def blank(text):
    """The same text with everything but line ends turned into spaces."""
    return re.sub(r"[^\n]", " ", text)


def count_params(text):
    """Number of parameters in the text between a declarator's parentheses."""
    if text.strip() in ("", "void"):
        return 0
    depth = 0
    count = 1
    for char in text:
        depth += char in "([{"
        depth -= char in ")]}"
        count += char == "," and depth == 0
    return count


def closing(code, start):
    """Index of the parenthesis that closes the one at start, or -1."""
    depth = 0
    for i in range(start, len(code)):
        depth += code[i] == "("
        depth -= code[i] == ")"
        if depth == 0:
            return i
    return -1


class Source:
    """One file: `code` is the text without comments and string contents, `plain` also without
    preprocessor lines; both keep every line where it was."""

    def __init__(self, path):
        self.path = pathlib.Path(path)
        self.text = self.path.read_text(encoding="utf-8", errors="replace")
        self.comments = []
        self.starts = [0] + [m.end() for m in re.finditer("\n", self.text)]
        self.code = TOKEN.sub(self._token, self.text)
        self.plain = DIRECTIVE.sub(lambda m: blank(m[0]), self.code)

    def _token(self, match):
        if match["line"] or match["block"]:
            self.comments.append((self.line_of(match.start()), match[0]))
            return blank(match[0])
        quote = match[0][0]
        return quote + blank(match[0][1:-1]) + quote

    def line_of(self, index):
        return bisect.bisect_right(self.starts, index)

    @property
    def lines(self):
        return len(self.text.splitlines())

    @property
    def comment_lines(self):
        return sum(len(text.splitlines()) for _, text in self.comments)

    def includes(self):
        """(line, is_quoted, name) of every include; strings are blanked, so read the text."""
        return [
            (self.line_of(m.start()), m[1] == '"', m[2])
            for m in INCLUDE.finditer(self.text)
            if self.code[m.start() : m.start(1)].strip()
        ]

    def functions(self):
        end = 0
        for opening in BODY_OPENS.finditer(self.plain):
            if opening.start() < end:
                continue
            close = BODY_CLOSES.search(self.plain, opening.end())
            end = close.end() if close else len(self.plain)
            function = self._function(opening.start(), end)
            if function:
                yield function

    def _function(self, opening, end):
        before = max(self.plain.rfind(";", 0, opening), self.plain.rfind("}", 0, opening)) + 1
        head = self.plain[before:opening]
        before += len(head) - len(head.lstrip())
        head = head.strip()
        at = 0
        while True:
            at = head.find("(", at)
            if at < 0:
                return None
            until = closing(head, at)
            name = re.search(r"(\w+)\s*$", head[:at])
            if name and not ATTRIBUTE.search(name[1]) and "=" not in head[:at]:
                break
            at = until + 1
        first, last = self.line_of(before), self.line_of(end - 1)
        return Function(
            name=name[1],
            line=first,
            lines=last - first + 1,
            params=count_params(head[at + 1 : until]),
            is_static=bool(re.match(r"(\w+\s+)*?static\b", head)),
            body=self.plain[opening:end],
            body_line=self.line_of(opening),
        )


def sources(root, suffixes=(".c", ".h")):
    """All C files below root, in a stable order."""
    return sorted(p for p in pathlib.Path(root).rglob("*") if p.suffix in suffixes and p.is_file())
