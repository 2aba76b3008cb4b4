#!/usr/bin/env python3
"""A bad network between two network namespaces: IP packets over two TUN devices, with loss, delay,
jitter (which reorders) and a rate, for kernels that have no netem. Needs root.

bad_link.py --peer PID [--loss 0.1] [--delay 40] [--jitter 20] [--back_loss 0] [--back_delay 5]
            [--back_jitter 0] [--rate 5000] [--seed 1]

One end is in this process' namespace (10.99.0.2), the other in that of process PID (10.99.0.1).
Loss, delay and jitter are of the way from there to here, as netem's are of the interface that they
are set on; those of the way back have names of their own. Delays in ms; rate in kbit/s each way,
with a queue of 250 ms; loss is a share.
Reads lines "down", "up" and "loss SHARE" from standard input, and ends with it: the last line that
it prints counts the packets. Prints "ready" first.
"""
import argparse
import ctypes
import fcntl
import heapq
import os
import random
import select
import struct
import subprocess
import sys
import time

HERE, THERE = "10.99.0.2", "10.99.0.1"
_TUNSETIFF, _IFF_TUN, _IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
_CLONE_NEWNET = 0x40000000
_QUEUE_SECONDS = 0.25


def enter(namespace):
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(namespace, _CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


def open_tun(namespace, name, address):
    """A TUN device made and configured in `namespace`; its descriptor works from anywhere."""
    enter(namespace)
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(device, _TUNSETIFF, struct.pack("16sH", name.encode(), _IFF_TUN | _IFF_NO_PI))
    for command in (["ip", "address", "add", f"{address}/30", "dev", name],
                    ["ip", "link", "set", name, "mtu", "1500", "txqueuelen", "1000", "up"]):
        subprocess.run(command, check=True)
    return device


class Way:
    """One direction: from one device to the other."""

    def __init__(self, source, target, loss, delay, jitter, rate, seed):
        self.source, self.target = source, target
        self.loss, self.delay, self.jitter, self.rate = loss, delay, jitter, rate
        self.random = random.Random(seed)
        self.free_at = 0.0  # When the rate lets the next packet go.
        self.waiting, self.number = [], 0
        self.passed = self.lost = self.overflowed = 0

    def take(self, now, is_up):
        while True:
            try:
                packet = os.read(self.source, 2048)
            except BlockingIOError:
                return
            if not is_up or self.random.random() < self.loss:
                self.lost += 1
                continue
            leaves = now
            if self.rate:
                if self.free_at - now > _QUEUE_SECONDS:
                    self.overflowed += 1
                    continue
                leaves = max(now, self.free_at) + len(packet) * 8 / (self.rate * 1000)
                self.free_at = leaves
            delay = self.delay + self.random.uniform(-self.jitter, self.jitter)
            self.number += 1
            heapq.heappush(self.waiting, (leaves + max(0.0, delay) / 1000, self.number, packet))

    def give(self, now):
        while self.waiting and self.waiting[0][0] <= now:
            packet = heapq.heappop(self.waiting)[2]
            try:
                os.write(self.target, packet)
                self.passed += 1
            except BlockingIOError:
                self.overflowed += 1


def run(ways):
    is_up = True
    while True:
        now = time.monotonic()
        due = [way.waiting[0][0] for way in ways if way.waiting]
        patience = max(0.0, min(due) - now) if due else 1.0
        ready = select.select([way.source for way in ways] + [sys.stdin], [], [], patience)[0]
        now = time.monotonic()
        for way in ways:
            if way.source in ready:
                way.take(now, is_up)
            way.give(now)
        if sys.stdin in ready:
            words = sys.stdin.readline().split()
            if not words:
                return
            if words[0] == "loss":
                ways[0].loss = float(words[1])
            else:
                is_up = words[0] == "up"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--peer", type=int, required=True)
    for name in ("loss", "delay", "jitter", "back_loss", "back_delay", "back_jitter", "rate"):
        parser.add_argument(f"--{name}", type=float, default=0.0)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    own = os.open("/proc/self/ns/net", os.O_RDONLY)
    peers = os.open(f"/proc/{options.peer}/ns/net", os.O_RDONLY)
    there = open_tun(peers, "badlink1", THERE)
    here = open_tun(own, "badlink0", HERE)
    ways = [Way(there, here, options.loss, options.delay, options.jitter, options.rate,
                options.seed),
            Way(here, there, options.back_loss, options.back_delay, options.back_jitter,
                options.rate, options.seed + 1)]
    print("ready", flush=True)
    run(ways)
    print(" ".join(f"{name}: passed {way.passed} lost {way.lost} overflowed {way.overflowed}"
                   for name, way in zip(("there-here", "here-there"), ways)), flush=True)


if __name__ == "__main__":
    main()
