"""``python -m bench.relay chatty``: see ``command``."""

from bench.relay.command import main

main()
