"""``python -m e2echat``."""

from e2echat.faces.cli.main import main

main()
