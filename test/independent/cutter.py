"""
A relay that stands for ports, and cuts them at random bytes. Each port has two unix sockets, PATH.host and
PATH.guest, and the program of each side connects to its own. The seed decides after how many bytes of both
directions together a cut comes, and how it is made. It relays until its standard input ends, and then prints
the counts of each port.
"""

import argparse
import collections
import json
import os
import random
import select
import socket
import sys

PIECE = 65_536
SIDES = ("host", "guest")
# both: both programs see the end, and what was on the way is gone.
# vanish: only the host sees it; the guest's bytes vanish until a host comes.
# late: only the host sees it; the guest's bytes wait, and the next host begins with the end of a torn frame.
# guest: only the guest sees it; the host's bytes wait, and the guest begins in the middle of a frame.
HOST_KINDS, GUEST_KINDS = ["vanish", "late"], ["both", "guest"]


class Port:
    """One port. `left` counts the bytes until the next cut; None after the last one."""

    def __init__(self, path, cuts, guest_cuts, seed, longest):
        # An end is the connection of a side; what waits for a side is in `waiting`.
        self.listeners = {side: self.listen(f"{path}.{side}") for side in SIDES}
        self.ends = dict.fromkeys(SIDES)
        self.waiting = {side: bytearray() for side in SIDES}
        self.random, self.longest, self.cuts, self.guest_cuts = random.Random(seed), longest, cuts, guest_cuts
        self.counts, self.drops_guest = collections.Counter(), False
        self.choose()

    def listen(self, path):
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(path)
        listener.listen(8)
        return listener

    def choose(self):
        done = self.counts["cuts"]
        # A third of the cuts falls into hellos, answers and what is sent again.
        longest = 1500 if self.random.random() < 0.33 else self.longest
        self.left = None if done >= self.cuts else self.random.randint(1, longest)

    def sockets(self):
        """Returns the sockets that are to be read, and those that are to be written."""
        reading, writing = [], []
        for side, end in self.ends.items():
            if end is None:
                reading.append(self.listeners[side])
            elif len(self.waiting[other(side)]) < PIECE:
                reading.append(end)
            if end is not None and self.waiting[side]:
                writing.append(end)
        return reading, writing

    def handle(self, can_read, can_write):
        for side in SIDES:
            if self.listeners[side] in can_read:
                self.ends[side] = self.listeners[side].accept()[0]
                self.ends[side].setblocking(False)
                self.counts["connections_" + side] += 1
                self.drops_guest = self.drops_guest and side != "host"
        for side in SIDES:
            if self.ends[side] in can_write:
                self.write(side)
        for side in SIDES:
            if self.ends[side] is not None and self.ends[side] in can_read:
                self.read(side)

    def write(self, side):
        try:
            sent = self.ends[side].send(self.waiting[side])
        except BlockingIOError:
            return
        except OSError:
            self.end(side)
            return
        del self.waiting[side][:sent]

    def read(self, side):
        try:
            data = self.ends[side].recv(PIECE)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data == b"":
            self.end(side)
            return
        if side == "guest" and self.drops_guest:
            self.counts["vanished_bytes"] += len(data)
            return
        if self.left is not None and len(data) >= self.left:
            self.waiting[other(side)] += data[: self.left]
            self.cut()
            return
        if self.left is not None:
            self.left -= len(data)
        self.waiting[other(side)] += data
        self.counts["bytes_from_" + side] += len(data)

    def cut(self):
        kinds = HOST_KINDS + (GUEST_KINDS if self.guest_cuts > 0 else [])
        kind = self.random.choice(kinds)
        self.guest_cuts -= kind in GUEST_KINDS
        self.counts["cuts"] += 1
        self.counts["cuts_" + kind] += 1
        if kind == "both":
            self.flush_part("host")
            self.flush_part("guest")
            self.end("host")
            self.end("guest")
            self.waiting["host"].clear()
            self.waiting["guest"].clear()
        elif kind == "guest":
            self.flush_part("guest")
            self.end("guest")
        else:
            self.flush_part("host")
            self.end("host")
            if kind == "vanish":
                self.drops_guest = True
                self.waiting["host"].clear()
        self.choose()

    def flush_part(self, side):
        """Writes what waits, up to the byte of the cut."""
        if self.ends[side] is not None and self.waiting[side]:
            self.write(side)

    def end(self, side):
        if self.ends[side] is not None:
            self.ends[side].close()
        self.ends[side] = None


def other(side):
    return "guest" if side == "host" else "host"


def say(value):
    print(json.dumps(value), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("paths", nargs="+", metavar="PATH")
    parser.add_argument("--cuts", type=int, default=0, help="the cuts of each port")
    parser.add_argument("--guest-cuts", type=int, default=0, help="at most so many that the guest sees")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--longest", type=int, default=40_000, help="the most bytes between two cuts")
    given = parser.parse_args()
    limits = (given.cuts, given.guest_cuts)
    ports = [Port(path, *limits, given.seed + at, given.longest) for at, path in enumerate(given.paths)]
    say({"isReady": True})
    while True:
        sockets = [port.sockets() for port in ports]
        reading, writing = (sum(lists, []) for lists in zip(*sockets))
        can_read, can_write, _ = select.select([sys.stdin, *reading], writing, [])
        if sys.stdin in can_read and os.read(0, 1) == b"":
            break
        for port in ports:
            port.handle(can_read, can_write)
    say([port.counts for port in ports])


if __name__ == "__main__":
    main()
