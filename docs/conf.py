"""How the documents become pages: ``make docs``."""

from e2echat import __version__

project = "e2echat"
project_copyright = "the e2echat maintainers"
release = version = __version__
extensions = ["myst_parser"]
root_doc = "index"
exclude_patterns = ["README.md", "_build"]
myst_heading_anchors = 4
html_theme = "furo"
html_title = "e2echat"
nitpicky = True
