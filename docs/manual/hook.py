"""Puts the manual pages and the shells' completions into a wheel, made from the code that the wheel holds."""

import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class ShareHook(BuildHookInterface[Any]):
    """Called by hatchling. An editable installation has no use for what would be old at the next change."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Write the files, and say where in an installation they belong."""
        if version == "editable":
            return
        if self.root not in sys.path:
            sys.path.insert(0, self.root)
        from docs.manual.pages import manual  # noqa: PLC0415 - now it is found
        from e2echat.faces.cli.completion import script  # noqa: PLC0415 - as above

        files = {f"man/man1/{name}": page for name, page in manual().items()} | {
            "bash-completion/completions/e2echat": script("bash"),
            "zsh/site-functions/_e2echat": script("zsh"),
            "fish/vendor_completions.d/e2echat.fish": script("fish"),
        }
        share = Path(self.root, "build", "share")
        for name, text in files.items():
            path = share / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            build_data["shared_data"][str(path)] = f"share/{name}"
