"""What a descriptor says of a container is what its program finds, with every OCI runtime that this
node has."""
import pathlib
import re

import pytest

from harness.descriptor import service
from harness.host import OK

RUNTIMES = ["runc", "runsc"]
NET_ADMIN, NET_RAW, CHOWN, SYS_ADMIN = 12, 13, 0, 21


@pytest.fixture(params=RUNTIMES)
def runtime(module_host, request):
    if request.param not in module_host.list("nodes")[0]["virtualization"]:
        pytest.skip(f"no {request.param} on this machine")
    return request.param


@pytest.fixture
def run(host, images, runtime):
    """Runs a script in a container with these fields, and returns what it wrote."""
    def run_script(script, **fields):
        code = fields.pop("code", images.container())
        host.delete_all()
        wish = service("box", fields.pop("virtualization", runtime), code, restart="never",
                       cmd=["/bin/busybox", "sh", "-c", f'b=/bin/busybox; {script}'], **fields)
        done = host.apply(wish, wait=False)
        assert done.returncode == OK, done.stderr
        host.wait_instance("box", lambda v: v["state"] in ("COMPLETED", "FAILED", "DEAD"), "ended")
        return host.holm("logs", host.instance("box")["id"]).strip()
    return run_script


def capabilities(text):
    found = re.search(r"CapEff:\s*([0-9a-f]+)", text)
    assert found, text
    return {bit for bit in range(64) if int(found[1], 16) >> bit & 1}


def test_entrypoint_and_its_arguments(run):
    out = run("", entrypoint=["/bin/busybox", "echo", "first"])
    assert out.startswith("first /bin/busybox sh -c"), out


def test_user_by_name(run, images):
    """With its groups, by the files of the image, one of which is a link into another layer."""
    who, groups = run("$b id", code=images.users, user="web").split(" groups=")
    assert who == "uid=101(web) gid=102(web)"
    assert set(groups.split(",")) == {"102(web)", "7(log)"}
    assert run("$b id -u; $b id -g", code=images.users, user="101:log") == "101\n7"


def test_user_and_working_directory_of_the_image(run, images):
    assert run("$b id -un; $b pwd; $b touch /srv/data/x && echo written", code=images.users) == \
        "web\n/not/there/yet\nwritten"


def test_unknown_user(host, images, runtime):
    host.apply(service("box", runtime, images.users, user="nobody"), wait=False)
    view = host.wait_instance("box", lambda v: "nobody" in v["reason"], "tells of its user")
    assert "not in the image's /etc/passwd" in view["reason"]


def test_working_dir(run):
    assert run("$b pwd", working_dir="/made/for/it") == "/made/for/it"


def test_hostname_and_extra_hosts(run):
    out = run("$b hostname; $b cat /etc/hosts /etc/hostname", hostname="db.example",
              extra_hosts=["friend:10.9.8.7", "node:host-gateway"])
    assert out.startswith("db.example\n") and out.endswith("\ndb.example")
    assert "10.9.8.7\tfriend" in out and re.search(r"^10\.[\d.]+\tnode$", out, re.M)
    assert re.search(r"^10\.[\d.]+\tdb.example$", out, re.M)


def test_read_only(run, runtime, images):
    """Mounts alone can be written to; among them is what the image has as a volume, with its files,
    which runsc does not copy."""
    out = run("for f in /x /etc/hosts /tmp/x /srv/data/x; do echo >$f && echo wrote $f; done 2>&1;"
              "$b cat /srv/data/seed; :", code=images.users, user="0:0", read_only=True,
              tmpfs=[{"path": "/tmp", "size": 1, "mode": "1777"}])
    assert "wrote /x" not in out and "wrote /etc/hosts" not in out, out
    assert "wrote /tmp/x\nwrote /srv/data/x" in out, out
    assert out.endswith("of the image") == (runtime != "runsc"), out


def test_read_only_for_a_user(run, images):
    assert run("$b touch /srv/data/x && echo wrote; $b ls -ldn /srv/data", code=images.users,
               read_only=True).startswith("wrote\ndrwxr-xr-x    2 101      102 ")


def test_tmpfs_has_its_size_and_mode(run):
    out = run("$b dd if=/dev/zero of=/scratch/a bs=65536 count=64 2>&1; $b stat -c %a /scratch;"
              "$b df -k /scratch /dev/shm", tmpfs=[{"path": "/scratch", "size": 2, "mode": "0750"}],
              shm_size=8)
    assert "No space left" in out, out
    assert "750" in out.split("\n")
    assert re.search(r" 2048 .*/scratch\n", out) and re.search(r" 8192 .*/dev/shm", out), out


def test_ulimits(run):
    out = run("ulimit -Sn; ulimit -Hn; ulimit -c",
              ulimits=[{"name": "nofile", "soft": 100, "hard": 200}, {"name": "core", "soft": 0}])
    assert out == "100\n200\n0"


def test_sysctls(run, runtime):
    if runtime == "runsc":
        pytest.skip("gVisor has no settings of a kernel")
    out = run("$b cat /proc/sys/net/core/somaxconn /proc/sys/kernel/sem;"
              "$b cat /proc/sys/net/ipv4/ip_unprivileged_port_start",
              sysctls=["net.core.somaxconn=77", "kernel.sem=250 32000 32 99"])
    assert out.split() == ["77", "250", "32000", "32", "99", "0"]


def test_devices(run, runtime):
    if runtime == "runsc":
        pytest.skip("gVisor has no drivers of the host")
    out = run("$b ls -l /dev/mem0; echo >/dev/mem0 && echo wrote; $b head -c 1 /dev/mem0 | $b wc -c;"
              "$b mknod /tmp/raw b 1 1; $b head -c 1 /tmp/raw 2>&1",
              devices=[{"path": "/dev/zero", "target": "/dev/mem0", "permissions": "rw"}])
    assert re.search(r"crw-rw-rw-.* 1, +5 .*/dev/mem0", out), out
    assert "wrote\n1" in out, out
    assert "Operation not permitted" in out, out


def test_device_that_is_not_there(host, images, runtime):
    host.apply(service("box", runtime, images.container(), devices=[{"path": "/dev/none"}]),
               wait=False)
    host.wait_instance("box", lambda v: "/dev/none: No such file" in v["reason"], "tells the cause")


def test_capabilities(run, runtime):
    usual = capabilities(run("$b cat /proc/self/status"))
    assert CHOWN in usual and (NET_RAW in usual) == (runtime != "runsc")  # which never gives it
    assert NET_ADMIN not in usual and SYS_ADMIN not in usual
    changed = capabilities(run("$b cat /proc/self/status", cap_add=["NET_ADMIN"],
                               cap_drop=["CAP_NET_RAW"]))
    assert changed == usual - {NET_RAW} | {NET_ADMIN}
    none = capabilities(run("$b cat /proc/self/status", cap_drop=["ALL"], cap_add=["chown"]))
    assert none == {CHOWN}


def test_oom_score_adj(run, runtime):
    if runtime == "runsc":
        pytest.skip("gVisor's own processes have it")
    assert run("$b cat /proc/self/oom_score_adj", oom_score_adj=321) == "321"


def test_set_user_id(run, runtime, images):
    """A program that would become root does not, unless the service lets it."""
    assert run("/bin/euid", code=images.users) == "101"
    if runtime == "runsc":
        pytest.skip("gVisor knows no set-uid")
    assert run("/bin/euid", code=images.users, no_new_privileges=False) == "0"


def test_system_calls_are_filtered(run, runtime):
    if runtime == "runsc":
        pytest.skip("gVisor answers all system calls itself")
    user, mount = "$b unshare -U $b true 2>&1; echo $?", "$b unshare -m $b true 2>&1; echo $?"
    mode = "$b grep Seccomp: /proc/self/status"
    refused = r"unshare: unshare\(0x\d+\): Operation not permitted\n1"
    out = run(f"{user}; {mount}; {mode}")
    assert re.fullmatch(rf"{refused}\n{refused}\nSeccomp:\s+2", out), out
    # A namespace of users takes no capability: only the filter was in the way.
    out = run(f"{user}; {mount}; {mode}", seccomp="unconfined")
    assert re.fullmatch(rf"0\n{refused}\nSeccomp:\s+0", out), out
    out = run(f"{user}; {mount}; {mode}", cap_add=["SYS_ADMIN"])
    assert re.fullmatch(r"0\n0\nSeccomp:\s+2", out), out


def test_hidden_paths(run, runtime):
    if runtime == "runsc":
        pytest.skip("gVisor has a /proc of its own")
    out = run("$b wc -c </proc/keys; $b wc -c </proc/timer_list; echo 1 2>&1 >/proc/sys/kernel/printk")
    assert out.startswith("0\n0\n") and "Read-only file system" in out, out


def test_privileged(run, runtime):
    if runtime == "runsc":
        pytest.skip("gVisor gives its own devices and files to everybody")
    out = run("$b cat /proc/self/status; $b ls /dev; for d in /sys/fs/cgroup/*; do $b mkdir $d/inner && echo nested; done;"
              "$b ls -l /dev/fuse; $b mount -t tmpfs none /tmp && echo mounted;"
              "$b wc -c </proc/keys", privileged=True)
    own = pathlib.Path("/proc/self/status").read_text()
    bounding = int(re.search(r"CapBnd:\s*([0-9a-f]+)", own)[1], 16)
    assert capabilities(out) == {b for b in range(41) if bounding >> b & 1}
    assert re.search(r"Seccomp:\s+0", out) and re.search(r"NoNewPrivs:\s+0", out)
    assert "nested" in out and "mounted" in out and re.search(r" 10, 229 .*/dev/fuse", out), out
    missing = {p.name for p in pathlib.Path("/dev").iterdir()
               if p.is_char_device() or p.is_block_device()} - set(out.split())
    assert not missing - {"console"}


def test_stop_signal(host, images, runtime):
    host.deploy(service("box", runtime, images.container(), cmd=[
        "/bin/busybox", "sh", "-c", "trap 'echo got INT; exit 0' INT; trap 'echo got TERM' TERM;"
        "echo ready; while :; do /bin/busybox sleep 0.05; done"], stop_signal="SIGINT"))
    logs = host.follow("logs", "-f", host.instance("box")["id"])
    logs.wait("ready")
    host.holm("delete", "app", "shop", "--wait", "--timeout", 60)
    logs.wait("got INT")
    logs.end()
