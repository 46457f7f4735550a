"""
Runs the test vectors of test/vectors with the second implementation of the protocol, and prints a report.

vectors.py [DIRECTORY]: prints a line for each vector that fails, and at last a JSON object with the counts.
"""

import json
import os
import sys
import traceback
import zlib

import vector_frames
import vector_sessions
from messages import encode_answer, encode_chunk, encode_hello, may_be_raw, parse

HERE = os.path.dirname(os.path.abspath(__file__))


def run_hello(vector):
    """Compares the bytes of a hello or an answer, or what a listener answers to a hello."""
    if vector["kind"] == "hello":
        made, wanted = encode_hello(vector["nonce"], vector["params"]), vector["bytes"].encode("latin-1")
        # The order of the members of `params` is free.
        assert made == wanted or _sorted(made) == _sorted(wanted), made
    elif vector["kind"] == "answer":
        made = encode_answer(vector["nonce"], {"result": vector["result"]})
        assert made == vector["bytes"].encode("latin-1"), made
    else:
        run_greeting(vector)


def _sorted(frame):
    """Returns what has to be the same in two hellos: the order of the outer members counts."""
    length, line, text = frame.split(b"\n", 2)
    value = parse(text)
    return int(length), line, list(value), value


def run_greeting(vector):
    run = vector_sessions.Run("listener")
    run.open()
    run.take(vector["bytes"].encode("latin-1"))
    (answer,) = run.sent()
    is_accepted = vector["kind"] == "accepted"
    if is_accepted:
        assert answer["id"] == "good" and answer["result"]["version"] == 2, answer
    else:
        data = answer["error"]["data"]
        assert answer["id"] == "bad" and data["code"] == vector["code"], answer
        assert list(data.get("details", {})) == vector.get("details", []), answer
    is_open = is_accepted or vector.get("isProbe", False)
    assert run.state() == ("open" if is_open else "idle"), run.state()


def run_chunk(vector):
    payload = vector["payload"].encode("latin-1")
    assert zlib.crc32(payload) == vector["crc32"]
    assert may_be_raw(payload) == vector["mayBeRawOnPort"]
    _, form = encode_chunk(1, "c", "s", 0, payload, "raw")
    assert (form == "raw") == vector["mayBeRawOnPort"], form


FILES = {
    "frames.json": vector_frames.run_frame,
    "lines.json": vector_frames.run_line,
    "hellos.json": run_hello,
    "chunks.json": run_chunk,
    "breaches.json": vector_sessions.run_breach,
    "sessions.json": vector_sessions.run_session,
}


def main():
    directory = sys.argv[1] if len(sys.argv) > 1 else os.path.join(HERE, "..", "vectors")
    counts, failed = {}, []
    # A new file must not be left out silently.
    names = {name for name in os.listdir(directory) if name.endswith(".json")}
    unknown = sorted(names ^ set(FILES))
    for name in sorted(names & set(FILES)):
        with open(os.path.join(directory, name), encoding="utf-8") as file:
            vectors = json.load(file)["vectors"]
        counts[name] = len(vectors)
        for vector in vectors:
            try:
                FILES[name](vector)
            except Exception as reason:
                where = traceback.extract_tb(reason.__traceback__)[-1]
                place = f"{os.path.basename(where.filename)}:{where.lineno}"
                failed.append(f"{name}: {vector['name']}: {reason!r} ({place})")
                print(failed[-1], flush=True)
    print(json.dumps({"counts": counts, "failed": failed, "leftOut": unknown}))


if __name__ == "__main__":
    main()
