"""End-to-end encrypted chat through a relay that nobody has to trust."""

__version__ = "0.1.0"
