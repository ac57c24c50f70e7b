"""Sends back what it gets, under a profile that `e2echat daemon` has open: python echo_bot.py PROFILE."""

import hashlib
import json
import socket
import sys
from itertools import count
from pathlib import Path
from typing import Any

if len(sys.argv) != 2:
    sys.exit("usage: python echo_bot.py PROFILE")
agent = socket.socket(socket.AF_UNIX)
try:
    agent.connect(str(Path(sys.argv[1]) / "agent.sock"))
except OSError as error:
    sys.exit(f"nobody serves {sys.argv[1]}: {error.strerror}; run e2echat --home {sys.argv[1]} daemon")
lines, numbers = agent.makefile("rw"), count(1)


def call(method: str, **params: object) -> Any:  # noqa: ANN401 - as docs/bots.md says
    """Ask, and return the result."""
    request = {"jsonrpc": "2.0", "id": next(numbers), "method": method, "params": params}
    try:
        print(json.dumps(request), file=lines, flush=True)
        answer = json.loads(lines.readline())
    except (OSError, ValueError):
        sys.exit("nobody has the profile open any more")
    return answer["result"] if "result" in answer else sys.exit(answer["error"]["message"])


call("hello", version=1)
while True:
    for message in call("unshown"):
        # An id that follows from the question: killed before the next line, it does not answer twice.
        own_id = hashlib.sha256(f"{message['peer']} {message['id']}".encode()).hexdigest()[:32]
        call("send", peer=message["peer"], text=message["text"], message_id=own_id)
        call("mark_shown", number=message["number"])
    call("next_event", timeout=None)
