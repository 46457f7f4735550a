"""Owns what the tests do with a session: commands that it serves, and flows of forged bytes."""

import hashlib
import random

import forgery
import messages


class Commands:
    """Serves echo, show, fail, produce BYTES SEED, break, restart, and wait, which ends by a signal."""

    def __init__(self, peer, choices):
        self.peer, self.choices, self.ran = peer, choices, []
        self.heard = []
        self.on_first = lambda: None
        peer.serve = self.serve

    def serve(self, call, method, params):
        if method == "list-commands":
            names = ["break", "echo", "fail", "produce", "restart", "show", "wait"]
            self.peer.answer(call, {"commands": [{"name": name, "kind": "user"} for name in names]})
        elif method == "execute":
            self.ran.append(params["command"])
            if len(self.ran) == 1:
                self.on_first()
            run = getattr(self, "run_" + params["command"].replace("-", "_"), None)
            if run is None or params["command"] == "":
                self.peer.fail(call, "NO_COMMAND", "There is no such command")
                return
            call.on_message = lambda name, value: self.hear(call, name, value)
            self.choices.set(call.writers)
            if params["command"] != "echo" and "stdin" in call.readers:
                self.peer.stop(call, "stdin")
            run(call, *params.get("args", []))
        else:
            self.peer.fail(call, "UNKNOWN_METHOD", "There is no such method")

    def run_echo(self, call):
        out = call.writers["stdout"]

        def take(data):
            out.pending += data
            if data == b"":
                self.finish(call)

        self.peer.accept(call, "stdin", take, self.choices.window)

    def run_show(self, call, *words):
        call.writers["stdout"].pending += "".join(f"[{word}]\n" for word in words).encode("utf-8")
        self.finish(call)

    def run_fail(self, call):
        call.writers["stdout"].pending += b"out\n"
        call.writers["stderr"].pending += b"err\n"
        self.finish(call, 3)

    def run_produce(self, call, count, seed):
        out, forger = call.writers["stdout"], forgery.Forger(int(seed))
        left = int(count)

        def fill():
            nonlocal left
            data = forger.take(min(left, 65_536))
            left -= len(data)
            out.pending += data
            if left == 0 and not out.is_ended:
                self.finish(call)

        out.fill = fill

    def run_break(self, call):
        """Sends a chunk at a wrong offset. The caller must cancel the call."""
        params = {"call": call.id, "stream": "stdout", "offset": 1, "text": "wrong"}
        self.peer.post({"method": "stream.data", "params": params})

    def run_restart(self, call):
        """Forgets the session inside a raw chunk, as an agent that was killed and started again."""
        line, _ = messages.encode_chunk(self.peer.sent + 1, call.id, "stdout", 0, b"x" * 8192, "raw")
        self.peer.out += line[:-4096]
        self.peer.reset()
        self.peer.lose_order()

    def run_wait(self, call):
        call.writers["stdout"].pending += b"waiting\n"

    def hear(self, call, name, value):
        self.heard.append([name, value])
        if name == "signal":
            self.peer.tell(call, "signalled", value)
            self.finish(call, None, value["signal"])
        elif name == "cancel" and value.get("code") == "BAD_FRAME":
            self.peer.fail(call, "BAD_FRAME", "The caller found a breach")
        elif name == "cancel":
            self.finish(call, None, "SIGTERM", "cancel")

    def finish(self, call, code=0, signal=None, ended_by="command"):
        """Ends the streams, and answers when all their bytes are sent."""
        result = {"exitCode": code, "signal": signal, "endedBy": ended_by, "durationMs": 1}

        def done():
            if all(writer.is_over for writer in call.writers.values()) and call.id in self.peer.calls:
                self.peer.tell(call, "exited", {"exitCode": code, "signal": signal})
                self.peer.answer(call, result)

        for writer in call.writers.values():
            writer.is_ended, writer.done = True, done
        if not call.writers:
            done()


class Choices:
    """How this side writes and reads: seeded forms and sizes of chunks, and the credit that it gives."""

    def __init__(self, seed, forms, largest, window):
        self.random, self.forms, self.largest, self.window = random.Random(seed), forms, largest, window

    def set(self, writers):
        for writer in writers.values():
            writer.form = lambda: self.random.choice(self.forms)
            writer.size = lambda: self.random.randint(1, self.largest)


class Flow:
    """A call that sends forged bytes to a command, which must return them."""

    def __init__(self, peer, choices, count, seed, command):
        self.forger, self.mirror = forgery.Forger(seed), forgery.Forger(seed)
        self.left, self.wrong_at = count, None
        self.sent, self.came, self.errors = hashlib.sha256(), hashlib.sha256(), bytearray()
        read = {"stdout": self.take, "stderr": self.errors.extend}
        params = {"command": command, "args": []}
        self.call = peer.call("execute", params, read, ["stdin"], window=choices.window)
        choices.set(self.call.writers)
        self.writer = self.call.writers["stdin"]
        self.writer.fill = self.fill

    def fill(self):
        data = self.forger.take(min(self.left, 65_536))
        self.left -= len(data)
        self.sent.update(data)
        self.writer.pending += data
        self.writer.is_ended = self.left == 0

    def take(self, data):
        if self.mirror.take(len(data)) != data and self.wrong_at is None:
            self.wrong_at = self.call.readers["stdout"].offset
        self.came.update(data)

    def report(self):
        same = self.left == 0 and self.wrong_at is None and self.sent.digest() == self.came.digest()
        more = {"bytes": self.call.readers["stdout"].offset, "stderr": self.errors.decode("utf-8", "replace")}
        return {"isSame": same, "answer": self.call.answer, **more}
