"""`holm attach`: terminals and input of containers, over restarts of what is around them."""
import os
import select
import signal
import subprocess
import termios

import pytest

from harness import leftovers
from harness.deadline import PATIENCE_S, until
from harness.descriptor import service
from harness.host import FAILED, HOLM, OK
from harness.terminal import Terminal

SHELL = ["/bin/sh", "-c"]


def deploy_shell(host, images, runtime="container", **fields):
    fields = {"tty": True, "stdin": True, "entrypoint": ["/bin/sh"], **fields}
    return host.deploy(service("box", runtime, images.container(), **fields))[0]


def attach(host, name, *options):
    words = host.ns.command(HOLM, "--data-dir", host.data_dir, "attach", *options, name)
    return subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE)


def read_until(pipe, text):
    seen = b""
    while text not in seen:
        assert select.select([pipe], [], [], PATIENCE_S)[0], seen
        piece = os.read(pipe.fileno(), 4096)
        assert piece, seen
        seen += piece
    return seen


def logger_pid(host, box):
    path = host.run_dir / "instances" / box["id"] / "logger"
    return int(path.read_text().split()[0])


def kill_containerd(host):
    found = [pid for pid, line in host.census().processes().items()
             if os.path.basename(line.split(" ")[0]) == "containerd"]
    assert len(found) == 1, found
    os.kill(found[0], signal.SIGKILL)
    leftovers.wait_gone(found[0])


def check_shell(terminal, word):
    terminal.type(b"echo " + word + b"-$((6*7))\r")
    terminal.wait(word + b"-42\r\n")


def test_a_terminal(host, images):
    box = deploy_shell(host, images, restart="never")
    with Terminal(host, "box.0") as terminal:
        terminal.wait(b"# ")  # the prompt, though it was printed before
        check_shell(terminal, b"first")
        assert termios.tcgetattr(terminal.other)[3] & (termios.ECHO | termios.ISIG) == 0
        terminal.type(b"while ! /bin/busybox stty size | /bin/busybox grep '24 80'; do :; done\r")
        terminal.wait(b"\n24 80")
        terminal.size(33, 99)
        terminal.process.send_signal(signal.SIGWINCH)
        terminal.type(b"while ! /bin/busybox stty size | /bin/busybox grep '33 99'; do :; done\r")
        terminal.wait(b"\n33 99")
        terminal.type(b"echo $TERM\r")
        terminal.wait(b"\nxterm")
        # Ctrl-C is the program's, which has the terminal when it says so.
        terminal.type(b"/bin/sh -c 'echo sleeping; exec /bin/busybox sleep 100000'\r")
        terminal.wait(b"\nsleeping")
        terminal.type(b"\x03")
        check_shell(terminal, b"interrupted")
        terminal.leave()
    assert host.instance("box")["pid"] == box["pid"]
    until(lambda: "first-42" in host.holm("logs", "box.0"), "the log has it")
    with Terminal(host, "box.0") as terminal:
        terminal.wait(b"# ")
        terminal.type(b"exit 7\r")
        assert terminal.process.wait(PATIENCE_S) == 7
        assert termios.tcgetattr(terminal.other) == terminal.before


def test_two_at_once_and_one_that_only_looks(host, images):
    deploy_shell(host, images, grace_s=1)
    with Terminal(host, "box.0") as one, Terminal(host, "box.0", "--no-stdin") as two:
        one.wait(b"# ")
        two.wait(b"# ")
        two.type(b"echo never\r")
        check_shell(one, b"both")
        two.wait(b"both-42")
    until(lambda: "both-42" in host.holm("logs", "box.0"), "the log has it")
    assert "never" not in host.holm("logs", "box.0")


def test_input_without_a_terminal(host, images):
    script = "while read x; do echo got $x; echo bad $x >&2; done; echo end; exit 5"
    box = deploy_shell(host, images, tty=False, restart="never", entrypoint=SHELL, cmd=[script])
    one = attach(host, "box.0")
    one.stdin.write(b"a\n")
    one.stdin.flush()
    read_until(one.stdout, b"got a\n")
    read_until(one.stderr, b"bad a\n")
    one.send_signal(signal.SIGINT)
    assert one.wait(PATIENCE_S) == 128 + signal.SIGINT
    assert host.instance("box")["pid"] == box["pid"]
    # Its input is open still, until somebody ends his own.
    two = attach(host, "box.0")
    out, errors = two.communicate(b"b\nc", timeout=PATIENCE_S)
    assert (two.returncode, out) == (5, b"got b\nend\n"), errors
    assert errors == b"bad b\n"
    until(lambda: "got a\ngot b\nend\n" in host.holm("logs", "--stdout", "box.0"), "logged")


def test_much_in_both_directions(host, images):
    deploy_shell(host, images, tty=False, restart="never", entrypoint=["/bin/busybox"],
                 cmd=["cat"])
    much = os.urandom(4_000_000)
    process = attach(host, "box.0")
    out, errors = process.communicate(much, timeout=PATIENCE_S)
    assert process.returncode == 0, errors
    assert (len(out), out == much) == (len(much), True)


@pytest.mark.parametrize("runtime", ("container", "runsc"))
def test_over_restarts(new_host, images, runtime):
    """Of Holm, of containerd and of the logger: input and output stay what they are."""
    host = new_host
    if runtime != "container":
        until(lambda: runtime in host.list("nodes")[0]["virtualization"], f"{runtime} is offered")
    box = deploy_shell(host, images, runtime, memory=200)
    with Terminal(host, "box.0") as terminal:
        terminal.wait(b"# ")
        check_shell(terminal, b"before")
        host.kill()
        assert terminal.process.wait(PATIENCE_S) == 3
        assert termios.tcgetattr(terminal.other) == terminal.before
    host.up()
    host.wait_running("box")
    with Terminal(host, "box.0") as terminal:
        terminal.wait(b"# ")
        check_shell(terminal, b"after")
        kill_containerd(host)
        check_shell(terminal, b"alone")
        killed = logger_pid(host, box)
        os.kill(killed, signal.SIGKILL)
        terminal.wait(b"attach again")
        assert terminal.process.wait(PATIENCE_S) == FAILED
    until(lambda: logger_pid(host, box) != killed, "it has another logger")
    with Terminal(host, "box.0") as terminal:
        check_shell(terminal, b"last")
    assert host.instance("box")["pid"] == box["pid"]
    until(lambda: "last-42" in host.holm("logs", "box.0"), "the log goes on")


def test_others_show_their_output(host, images):
    host.deploy(service("box", "container", images.container(), entrypoint=SHELL, grace_s=1,
                        cmd=["while :; do echo on; /bin/busybox sleep 1; done"]))
    process = attach(host, "box.0")
    read_until(process.stdout, b"on\n")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=PATIENCE_S)
    assert attach(host, "none.0").wait(PATIENCE_S) == FAILED


def test_a_unikernel_has_no_terminal(host, images):
    done = host.apply(service("box", "unikernel", images.unikernel, tty=True))
    assert done.returncode == FAILED and "tty" in done.stderr, done.stderr
