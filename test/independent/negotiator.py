"""
The command lines of a second implementation of the native protocol, written from docs/PROTOCOL.md alone.

As a host:  negotiator.py dial SOCKET ask METHOD | execute COMMAND [ARG...] | flow COMMAND BYTES SEED |
            signal SIGNAL COMMAND [ARG...] | breaches COMMAND
As a guest: negotiator.py serve SOCKET[,SOCKET...] [COMMAND BYTES SEED]
"""

import argparse
import json
import sys
import threading

import forgery
from commands import Choices, Commands, Flow
from peers import Dialler, Listener


def say(value):
    print(json.dumps(value), flush=True)


def finish_call(peer, call, seconds=120):
    peer.run_until(lambda: call.is_over, seconds)
    return call.answer


def run_ask(peer, choices, words):
    """METHOD: calls a method without parameters."""
    return {"answer": finish_call(peer, peer.call(words[0], {}))}


def run_execute(peer, choices, words):
    """COMMAND [ARG...]: runs a command with the standard input of this program."""
    data, got = sys.stdin.buffer.read(), {"stdout": bytearray(), "stderr": bytearray()}
    read = {name: taken.extend for name, taken in got.items()}
    params = {"command": words[0], "args": words[1:]}
    call = peer.call("execute", params, read, ["stdin"], window=choices.window)
    choices.set(call.writers)
    call.writers["stdin"].pending += data
    call.writers["stdin"].is_ended = True
    answer = finish_call(peer, call)
    texts = {name: taken.decode("utf-8") for name, taken in got.items()}
    return {"answer": answer, "messages": call.messages, **texts}


def run_flow(peer, choices, words):
    """COMMAND BYTES SEED: sends forged bytes to a command, which must return them, once the peer calls."""
    say({"isReady": True})
    peer.run_until(lambda: peer.counts["requests"], 60)
    flow = Flow(peer, choices, int(words[1]), int(words[2]), words[0])
    finish_call(peer, flow.call, 600)
    # Standard input ends when nobody calls this side any longer.
    while sys.stdin not in peer.step([sys.stdin]):
        pass
    return flow.report()


def run_signal(peer, choices, words):
    """SIGNAL COMMAND [ARG...]: sends the signal when its first output is there."""
    got = bytearray()
    call = peer.call("execute", {"command": words[1], "args": words[2:]}, {"stdout": got.extend})
    peer.run_until(lambda: got, 60)
    peer.tell(call, "signal", {"signal": words[0]})
    return {"answer": finish_call(peer, call), "messages": call.messages}


def run_breaches(peer, choices, words):
    """COMMAND: breaks another rule in each of several calls of a command that reads its input."""
    place = {"stream": "stdin"}
    chunk = {"method": "stream.data", "params": {**place, "offset": 0, "text": "hello"}}
    breaches = {
        "a wrong offset": [{**chunk, "params": {**chunk["params"], "offset": 1}}],
        "an empty chunk": [{**chunk, "params": {**chunk["params"], "text": ""}}],
        "text and base64": [{**chunk, "params": {**chunk["params"], "base64": "aGVsbG8="}}],
        "no bytes": [{**chunk, "params": {**place, "offset": 0}}],
        "bad base64": [{"method": "stream.data", "params": {**place, "offset": 0, "base64": "a"}}],
        "a wrong total": [{"method": "stream.end", "params": {**place, "bytes": 1}}],
        "a second end": [{"method": "stream.end", "params": {**place, "bytes": 0}}] * 2,
        "a chunk after the end": [{"method": "stream.end", "params": {**place, "bytes": 0}}, chunk],
        "an unknown stream": [{"method": "stream.end", "params": {"stream": "other", "bytes": 0}}],
        "a wrong direction": [{"method": "stream.data", "params": {**chunk["params"], "stream": "stdout"}}],
        "an invalid credit": [{"method": "stream.credit", "params": {"stream": "stdout", "limit": -1}}],
        "an invalid message": [{"method": "call.message", "params": {"name": "A B", "value": 1}}],
    }
    results = {}
    for name, messages in breaches.items():
        before = peer.counts["complaints"]
        call = peer.call("execute", {"command": words[0], "args": []}, {"stdout": len}, ["stdin"])
        # The callee reads its input when the first credit is there.
        peer.run_until(lambda: call.writers["stdin"].limit > 0, 60)
        for message in messages:
            peer.post({**message, "params": {"call": call.id, **message["params"]}})
        answer = finish_call(peer, call)
        code = answer.get("error", {}).get("data", {}).get("code", "no failure")
        results[name] = [code, peer.counts["complaints"] - before]
    after = finish_call(peer, peer.call("info", {}))
    return {"results": results, "isOpen": "result" in after}


RUNS = {"ask": run_ask, "breaches": run_breaches, "execute": run_execute, "flow": run_flow}
RUNS |= {"signal": run_signal}


def run_dial(peer, choices, words):
    commands = Commands(peer, choices)
    result = RUNS[words[0]](peer, choices, words[1:])
    peer.send({"method": "session.goodbye", "params": {"reason": "done"}})
    peer.run_until(lambda: not peer.out, 5)
    say({"counts": peer.counts, "ran": commands.ran, **result})


def run_serve(peer, choices, flow, reports, is_ended):
    """Serves until `is_ended`. `flow` has the words of `run_flow`: it begins with the first call."""
    commands, flows = Commands(peer, choices), []
    if flow:
        commands.on_first = lambda: flows.append(Flow(peer, choices, int(flow[1]), int(flow[2]), flow[0]))
    is_said, instance = False, None
    while not is_ended.is_set() or any(not flow.call.is_over for flow in flows):
        peer.step()
        if peer.is_open and not is_said:
            is_said = True
            say({"isReady": True})
        if peer.instance not in (instance, None):
            instance = peer.instance
            say({"isNewSession": True})
    heard = {"ran": commands.ran, "heard": commands.heard}
    reports.append({"counts": peer.counts, **heard, "flows": [flow.report() for flow in flows]})


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("role", choices=["dial", "serve", "forge"])
    parser.add_argument("place", help="the unix socket; for `serve` several with commas; for `forge` a file")
    parser.add_argument("words", nargs="*", help=f"of `dial`: one of {', '.join(RUNS)}, and its words")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--no-raw", action="store_true", help="do not offer the capability `raw`")
    parser.add_argument("--forms", default="raw,text,base64", help="the forms of chunks to send")
    parser.add_argument("--largest", type=int, default=6000, help="the most bytes in a chunk to send")
    parser.add_argument("--window", type=int, default=131_072, help="the credit to give, in bytes")
    parser.add_argument("--ping", type=float, default=0.5, help="seconds without a byte before a ping")
    given = parser.parse_args()
    choices = Choices(given.seed, given.forms.split(","), given.largest, given.window)
    capabilities = [] if given.no_raw else ["raw"]
    if given.role == "forge":
        with open(given.place, "wb") as file:
            file.write(forgery.Forger(given.seed).take(int(given.words[0])))
        say({"isReady": True})
    elif given.role == "dial":
        run_dial(Dialler(given.place, capabilities, given.ping), choices, given.words)
    else:
        reports, is_ended, threads = [], threading.Event(), []
        for path in given.place.split(","):
            peer = Listener(path, capabilities, given.ping)
            words = (peer, choices, given.words, reports, is_ended)
            threads.append(threading.Thread(target=run_serve, args=words, daemon=True))
            threads[-1].start()
        sys.stdin.buffer.read()
        is_ended.set()
        for thread in threads:
            thread.join()
        say(reports)


if __name__ == "__main__":
    main()
