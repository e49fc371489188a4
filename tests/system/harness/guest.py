"""Boots of the example unikernel under QEMU with user networking, without Holm: on the x86
machines of MACHINES, and on those of ARM64, where nothing tells a clean end from a crash.

The kernel is HOLM_GUEST_KERNEL, else the one that ./bootstrap builds.
"""
import http.client
import os
import pathlib
import select
import socket
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parents[3]
BUILD = pathlib.Path(os.environ.get("HOLM_BUILD", ROOT / "build"))
KERNEL = pathlib.Path(
    os.environ.get("HOLM_GUEST_KERNEL", BUILD / "examples" / "unikernel-web.kernel"))
DEADLINE_S = 20
CLEAN, CRASHED = 83, 85

PCI = ["-device", "virtio-net-pci,netdev=n0,romfile="]
MMIO = ["-device", "virtio-net-device,netdev=n0,bus=virtio-mmio-bus.0"]
EXIT_DEVICE = ["-device", "isa-debug-exit,iobase=0x501,iosize=0x02"]
MMIO_PARAM = "virtio_mmio.device=512@0xfeb00000:5 "
NET = "netdev.ip=10.0.2.15/24:10.0.2.2:10.0.2.3"
MACHINES = {
    "pc": (["-machine", "pc", "-cpu", "max", *PCI], ""),
    "q35": (["-machine", "q35", "-cpu", "max", *PCI], ""),
    "microvm": (["-machine", "microvm,acpi=off", "-cpu", "max,-apic", *MMIO], MMIO_PARAM),
    "microvm-modern": (["-machine", "microvm,acpi=off", "-cpu", "max",
                        "-global", "virtio-mmio.force-legacy=false", *MMIO], MMIO_PARAM),
}
ARM64 = {
    "virt": (["-machine", "virt", "-cpu", "max", *PCI], ""),
    "virt-mmio": (["-machine", "virt", "-cpu", "cortex-a53",
                   "-device", "virtio-net-device,netdev=n0"], ""),
    "virt-mmio-modern": (["-machine", "virt", "-cpu", "max",
                          "-global", "virtio-mmio.force-legacy=false",
                          "-device", "virtio-net-device,netdev=n0"], ""),
}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def kernel(variant=None):
    """The kernel of a variant, beside the default one."""
    if not variant:
        return KERNEL
    return KERNEL.with_name(KERNEL.name.replace(".kernel", f"-{variant}.kernel"))


class Guest:
    """One boot. `params` are in front of the "--", `args` behind it."""

    def __init__(self, machine, *, variant=None, net=NET, params="", args="name=here",
                 memory_mib=16, devices=()):
        self.is_arm64 = machine in ARM64
        machine_devices, mmio = (ARM64 if self.is_arm64 else MACHINES)[machine]
        if self.is_arm64:
            variant, program, exit_device = "arm64", "qemu-system-aarch64", []
            self.clean = self.crashed = 0
        else:
            program, exit_device = "qemu-system-x86_64", EXIT_DEVICE
            self.clean, self.crashed = CLEAN, CRASHED
        self.port = free_port()
        self.console = b""
        command_line = f"web {mmio}{net} {params} -- {args}"
        self.process = subprocess.Popen(
            [program, "-accel", "tcg", "-m", str(memory_mib), "-display", "none",
             "-nodefaults", "-no-user-config", "-no-reboot",
             "-chardev", "stdio,id=c0,signal=off", "-serial", "chardev:c0",
             "-netdev", f"user,id=n0,hostfwd=tcp:127.0.0.1:{self.port}-:80",
             "-kernel", str(kernel(variant)),
             *exit_device, *machine_devices, *devices, "-append", command_line],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)

    def read_console(self, until=None):
        """Reads until the text has come, or to the end."""
        deadline = time.monotonic() + DEADLINE_S
        while until is None or until not in self.console:
            left = deadline - time.monotonic()
            ready, _, _ = select.select([self.process.stdout], [], [], max(left, 0))
            assert ready, f"no {until!r} within {DEADLINE_S} s in {self.console!r}"
            chunk = os.read(self.process.stdout.fileno(), 65536)
            if not chunk:
                assert until is None, f"no {until!r} before the end in {self.console!r}"
                return
            self.console += chunk

    def get(self, path, method="GET", timeout_s=DEADLINE_S):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout_s)
        try:
            connection.request(method, path)
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()

    def send(self, data):
        """Sends bytes as they are; returns the first line of the answer."""
        with socket.create_connection(("127.0.0.1", self.port), DEADLINE_S) as client:
            client.sendall(data)
            return client.makefile("rb").readline()

    def wait(self):
        self.read_console()
        return self.process.wait(DEADLINE_S)

    def end(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
