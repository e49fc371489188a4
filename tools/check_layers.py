#!/usr/bin/python3
"""Checks that every include of src/ goes down the layers, through a folder's front door, and that
third-party headers stay in the one folder that owns them."""
import argparse
import pathlib
import re
import sys

sys.dont_write_bytecode = True
import csource

# A folder may include folders of lower layers and itself, never one of its own layer.
LAYERS = {
    "base": 0,
    "loop": 1, "json": 1,
    "wire": 2, "model": 2,
    "sched": 3, "reconcile": 3, "store": 3, "image": 3, "runtime": 3, "overlay": 3,
    "volume": 3, "secrets": 3, "accounts": 3,
    "server": 4, "worker": 4,
    "api": 5,
    "cli": 6,
    "daemon": 7,
    "": 8,  # main.c
}

# Pure folders, and helper and shim, which are executables of their own: all that they may include.
ONLY = {
    "model": {"base", "json"},
    "sched": {"base", "json", "model"},
    "reconcile": {"base", "json", "model"},
    "helper": {"base"},
    "shim": {"base", "loop", "json", "wire"},
}

# Folders without a front door of their own: every header is public ...
OPEN = {"base", "model"}
# ... or every file or subfolder of theirs has one.
GROUPS = {"wire"}
# Second front doors.
DOORS = {"json/schema.h", "loop/child.h", "server/accounts.h", "server/extend.h", "server/oakestra.h"}

# Header patterns: the only folder (with its subfolders) that may include them.
THIRD_PARTY = {
    r"uv\.h|uv/.*": "loop",
    r"jansson\.h": "json",
    r"curl/.*": "wire",
    r"nghttp2/.*": "wire/grpc",
    r"protobuf-c/.*|google/protobuf-c/.*": "wire",
    r".*\.pb-c\.h": "wire",
    r"microhttpd\.h": "wire/http_server",
    r"mosquitto\.h": "wire/mqtt",
    r"libmnl/.*": "wire/netlink",
    r"nftables/.*": "wire/nft",
    r"openssl/.*": "wire",
    r"sqlite3\.h": "store/sqlite",
    r"archive\.h|archive_entry\.h": "image",
}

# Headers of libc and the kernel, which every folder may include.
SYSTEM = re.compile(
    r"(?:arpa|asm|asm-generic|bits|linux|net|netinet|netpacket|sys)/[\w./-]+"
    r"|(?:assert|byteswap|cpuid|ctype|dirent|dlfcn|elf|endian|err|errno|error|fcntl|features|float|fnmatch"
    r"|ftw|getopt|glob|grp|ifaddrs|inttypes|langinfo|libgen|limits|locale|malloc|math|mntent|netdb|paths|poll"
    r"|pthread|pty|pwd|regex|sched|search|semaphore|setjmp|signal|spawn|stdalign|stdarg|stdatomic"
    r"|stdbool|stddef|stdint|stdio|stdlib|stdnoreturn|string|strings|sysexits|syslog|termios|threads|time"
    r"|uchar|unistd|utime|utmp|wchar|wctype)\.h"
)
GENERATED = re.compile(r".*\.pb-c\.h|config\.h|version\.h")


def top(folder):
    return folder.split("/")[0]


def is_within(folder, owner):
    return folder == owner or folder.startswith(owner + "/")


def check_owner(folder, name):
    """Error text for a third-party or unknown header, or None; False if it is not one."""
    for pattern, owner in THIRD_PARTY.items():
        if re.fullmatch(pattern, name):
            if is_within(folder, owner):
                return None
            return f"<{name}> belongs to {owner}/ alone"
    return False


def is_front_door(folder, name):
    """Whether a file of `folder` may name the header `name` (path from src/)."""
    header = name.rpartition("/")[0]
    if header in OPEN or name in DOORS or is_within(folder, header) or header == "":
        return True
    # The outermost folder that the include enters from outside is the one whose door counts.
    parts = header.split("/")
    entered = next(
        "/".join(parts[: i + 1])
        for i in range(len(parts))
        if not is_within(folder, "/".join(parts[: i + 1]))
    )
    if entered in GROUPS:
        if header == entered:
            return True
        entered = "/".join(parts[: len(entered.split("/")) + 1])
    return name == f"{entered}/{entered.rpartition('/')[2]}.h"


def check_layer(folder, name):
    mine, theirs = top(folder), top(name.rpartition("/")[0])
    if mine == theirs:
        return None
    if mine not in LAYERS and mine not in ONLY:
        return f"folder {mine}/ has no layer"
    if theirs not in LAYERS:
        return f'"{name}" is of a folder without a layer'
    if mine in ONLY and theirs not in ONLY[mine]:
        return f'{mine}/ may not include "{name}"'
    if mine in LAYERS and LAYERS[theirs] >= LAYERS[mine]:
        return f'"{name}" is layer {LAYERS[theirs]}, {mine}/ is layer {LAYERS[mine]}'
    return None


def check_include(root, folder, is_quoted, name):
    owned = check_owner(folder, name)
    if owned:
        return owned
    if not is_quoted:
        if owned is False and not SYSTEM.fullmatch(name):
            return f"<{name}> is no system header; name its owner in tools/check_layers.py"
        return None
    if owned is False and GENERATED.fullmatch(name):
        return None
    if owned is False and not (root / "src" / name).is_file():
        return f'"{name}" is not a path from src/'
    error = check_layer(folder, name)
    if error:
        return error
    if not is_front_door(folder, name):
        return f'"{name}" is private to its folder'
    return None


def check_tree(root):
    errors = []
    count = 0
    for path in csource.sources(root / "src"):
        relative = path.relative_to(root / "src")
        folder = "" if relative.parent == pathlib.Path(".") else relative.parent.as_posix()
        for line, is_quoted, name in csource.Source(path).includes():
            count += 1
            error = check_include(root, folder, is_quoted, name)
            if error:
                errors.append(f"src/{relative}:{line}: {error}")
    return errors, count


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("root", type=pathlib.Path, help="top of the source tree")
    errors, count = check_tree(parser.parse_args().root.resolve())
    for error in errors:
        print(f"error: {error}")
    print(f"{count} includes, {len(errors)} errors")
    if not count:
        print("error: found no include to check")
    return 1 if errors or not count else 0


if __name__ == "__main__":
    sys.exit(main())
