"""`holm exec`: commands in real containers, with pipes and terminals, and what is left of them."""
import os
import pathlib
import pty
import select
import signal
import subprocess
import time

import pytest

from harness.deadline import PATIENCE_S, until
from harness.descriptor import service
from harness.host import FAILED, HOLM

SLEEPER = str(1_000_000 + os.getpid())  # seconds that nobody else sleeps, another run neither


@pytest.fixture
def box(host, images):
    return host.deploy(service("box", "container", images.container()))[0]


def words(host, *rest):
    """Global options first: what is behind the command is the command's."""
    return host.ns.command(HOLM, "--data-dir", host.data_dir, "exec", *rest)


def run(host, *rest, stdin=b"", options=()):
    return subprocess.run(words(host, *options, "box.0", *rest), input=stdin,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=PATIENCE_S)


def shell(host, script, **options):
    return run(host, "/bin/busybox", "sh", "-c", script, **options)


def begin(host, *rest, **options):
    """A command that runs on; what it prints comes by pipes."""
    return subprocess.Popen(words(host, *rest), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, **options)


def begin_script(host, script, *options):
    return begin(host, *options, "box.0", "/bin/busybox", "sh", "-c", script)


def sleepers():
    """Processes of the tests' own kind, wherever they run."""
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().split(b"\0")
        except OSError:
            continue
        # Not the client, whose words these are, too.
        if line[0].endswith(b"busybox") and SLEEPER.encode() in line:
            found.append(int(path.parent.name))
    return found


def leftovers(host):
    return list(host.run_dir.glob("instances/*/exec/*"))


def check_nothing_left(host):
    until(lambda: not sleepers(), "no process is left")
    until(lambda: not leftovers(host), "no file is left")


def test_output_errors_and_exit_code(host, box):
    done = shell(host, "echo out; echo err >&2; exit 7")
    assert (done.returncode, done.stdout, done.stderr) == (7, b"out\n", b"err\n")
    done = run(host, "--", "/bin/busybox", "echo", "-n", "--", "a b")
    assert (done.returncode, done.stdout) == (0, b"-- a b")
    check_nothing_left(host)


def test_what_cannot_be_run(host, box):
    done = run(host, "nosuch")
    assert done.returncode == 127 and b"nosuch" in done.stderr, done.stderr
    assert run(host, "/no/such").returncode == 127
    done = run(host, "/etc/version")
    assert done.returncode == 126 and b"denied" in done.stderr, done.stderr
    done = run(host, "/bin/busybox", options=("-u", "nobody-knows"))
    assert done.returncode == FAILED and b"nobody-knows" in done.stderr
    done = begin(host, "none.0", "ls")
    _, errors = done.communicate(timeout=PATIENCE_S)
    assert done.returncode == FAILED and b"none.0" in errors, errors
    assert leftovers(host) == []


def test_user_folder_environment(host, box):
    done = shell(host, "echo $COLOUR $VERSION $(/bin/busybox id -u):$(/bin/busybox id -g) "
                       "$(/bin/busybox pwd)",
                 options=("-u", "7:8", "-w", "/etc", "-e", "COLOUR=red", "--env=VERSION=x"))
    assert done.stdout == b"red x 7:8 /etc\n", done


def test_input_and_its_end(host, box):
    much = os.urandom(3_000_000)
    done = run(host, "/bin/busybox", "cat", stdin=much, options=("-i",))
    assert done.returncode == 0 and done.stdout == much
    done = run(host, "/bin/busybox", "wc", "-c", stdin=b"12345", options=("-i",))
    assert done.stdout == b"5\n"
    # Without -i it has none.
    done = run(host, "/bin/busybox", "wc", "-c", stdin=b"12345")
    assert done.stdout == b"0\n"


def test_a_slow_reader_gets_all(host, box):
    with begin_script(host, "/bin/busybox head -c 20000000 /dev/zero; echo end >&2") as process:
        time.sleep(1.5)  # the command ends meanwhile, or stops for want of room
        got = process.stdout.read()
        assert process.wait(PATIENCE_S) == 0
        assert len(got) == 20_000_000
    check_nothing_left(host)


def read_until(fd, text):
    seen = b""
    end = time.monotonic() + PATIENCE_S
    while text not in seen:
        assert time.monotonic() < end and select.select([fd], [], [], PATIENCE_S)[0], seen
        seen += os.read(fd, 4096)
    return seen


def set_size(fd, rows, columns):
    import fcntl
    import struct
    import termios
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def test_a_terminal(host, box):
    import termios
    main, other = pty.openpty()
    set_size(main, 31, 97)
    before = termios.tcgetattr(other)
    process = subprocess.Popen(words(host, "-it", "box.0", "/bin/sh"), stdin=other, stdout=other,
                               stderr=other, start_new_session=True)
    try:
        read_until(main, b"# ")
        assert termios.tcgetattr(other)[3] & (termios.ECHO | termios.ISIG) == 0
        os.write(main, b"/bin/busybox stty size; /bin/busybox tty\r")
        read_until(main, b"31 97")
        set_size(main, 22, 44)
        process.send_signal(signal.SIGWINCH)
        until(lambda: (os.write(main, b"/bin/busybox stty size\r"), time.sleep(0.2),
                       b"22 44" in os.read(main, 4096))[-1], "the new size")
        # Ctrl-C is the command's.
        os.write(main, b"/bin/busybox sleep " + SLEEPER.encode() + b"\r")
        until(sleepers, "it sleeps")
        os.write(main, b"\x03")
        until(lambda: not sleepers(), "it was interrupted")
        os.write(main, b"exit 9\r")
        assert process.wait(PATIENCE_S) == 9
        assert termios.tcgetattr(other) == before
    finally:
        process.kill()
        process.wait()
        os.close(main)
        os.close(other)
    check_nothing_left(host)


def test_a_terminal_is_given_back_after_a_signal(host, box):
    import termios
    main, other = pty.openpty()
    before = termios.tcgetattr(other)
    process = subprocess.Popen(words(host, "-it", "box.0", "/bin/busybox", "sleep", SLEEPER),
                               stdin=other, stdout=other, stderr=other, start_new_session=True)
    until(sleepers, "it sleeps")
    until(lambda: termios.tcgetattr(other) != before, "the terminal is the command's")
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE_S) == 128 + signal.SIGTERM
    assert termios.tcgetattr(other) == before
    os.close(main)
    os.close(other)
    check_nothing_left(host)


@pytest.mark.parametrize("signum", (signal.SIGINT, signal.SIGKILL))
def test_a_client_that_ends_takes_the_command_with_it(host, box, signum):
    script = f"trap '' HUP INT TERM; /bin/busybox sleep {SLEEPER} & /bin/busybox sleep {SLEEPER}; :"
    process = begin_script(host, script, "-i")
    until(lambda: len(sleepers()) == 2, "both sleep")
    process.send_signal(signum)
    process.communicate(timeout=PATIENCE_S)
    assert process.returncode in (128 + signum, -signum)
    check_nothing_left(host)
    assert shell(host, "echo on").stdout == b"on\n"


def test_an_instance_that_ends(host, box):
    process = begin_script(host, f"/bin/busybox sleep {SLEEPER}")
    until(sleepers, "it sleeps")
    host.holm("scale", "box", 0)
    _, errors = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 128 + signal.SIGKILL, errors
    check_nothing_left(host)


def test_many_at_once(host, box):
    processes = [begin_script(host, f"read x; echo {i} $x", "-i") for i in range(12)]
    for i, process in enumerate(processes):
        out, errors = process.communicate(b"word\n", timeout=PATIENCE_S)
        assert (process.returncode, out) == (0, f"{i} word\n".encode()), errors
    check_nothing_left(host)


def test_a_unikernel_has_no_commands(host, images):
    host.deploy(service("box", "unikernel", images.unikernel))
    done = run(host, "ls")
    assert done.returncode == FAILED
    assert b"unikernel" in done.stderr and b"holm attach" in done.stderr, done.stderr


def test_a_killed_holm_leaves_nothing(new_host, images):
    host = new_host
    host.deploy(service("box", "container", images.container()))
    process = begin_script(host, f"/bin/busybox sleep {SLEEPER} & /bin/busybox yes", "-i")
    process.stdout.read(1000)
    until(sleepers, "it sleeps")
    host.kill()
    process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 3  # the connection was lost
    host.up()
    check_nothing_left(host)
    host.wait_running("box")
    assert shell(host, "echo on").stdout == b"on\n"


@pytest.mark.parametrize("runtime", ("runsc",))
def test_another_runtime(host, images, runtime):
    if runtime not in host.list("nodes")[0]["virtualization"]:
        pytest.skip(f"this machine has no working {runtime}")
    host.deploy(service("box", runtime, images.container(), memory=200))
    done = shell(host, "echo out; echo err >&2; exit 7")
    assert (done.returncode, done.stdout, done.stderr) == (7, b"out\n", b"err\n")
    done = run(host, "/bin/busybox", "wc", "-c", stdin=b"12345", options=("-i",))
    assert done.stdout == b"5\n"
    assert run(host, "/no/such").returncode == 127
    # No signal reaches a command in gVisor; the end of its input does.
    process = begin_script(host, f"trap '' HUP; read x; : {SLEEPER}", "-i")
    until(lambda: SLEEPER.encode() in shell(host, "/bin/busybox ps").stdout, "it waits")
    process.kill()
    process.communicate(timeout=PATIENCE_S)
    until(lambda: SLEEPER.encode() not in shell(host, "/bin/busybox ps").stdout, "it was ended")
    until(lambda: not leftovers(host), "no file is left")
