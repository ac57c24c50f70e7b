"""Gets Debian's servers, where that can be done, and says what is left out where it cannot."""

import os
import shutil
import subprocess
from collections.abc import Sequence

from bench.relay.peers import Peer


def _install(packages: Sequence[str]) -> None:
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    apt = ["apt-get", "-qq", "-o", "Dpkg::Use-Pty=0"]
    for words in (["update"], ["install", "--yes", "--no-install-recommends", *packages]):
        subprocess.run([*apt, *words], check=False, env=environment, stdout=subprocess.DEVNULL)


def available(peers: Sequence[type[Peer]]) -> list[type[Peer]]:
    """Those that are installed, now if not before; the others are named aloud."""
    missing = sorted({peer.package for peer in peers if not peer.installed()})
    if missing and os.geteuid() == 0 and shutil.which("apt-get"):
        print(f"installing {' '.join(missing)}", flush=True)
        _install(missing)
    for peer in peers:
        if not peer.installed():
            print(f"SKIPPED: {peer.name}: {peer.program} is missing (apt-get install {peer.package})")
    return [peer for peer in peers if peer.installed()]
