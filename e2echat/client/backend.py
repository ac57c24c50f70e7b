"""What an ``Account`` is a face of: something that runs its methods, in this process or in another."""

from typing import Any, Protocol

from e2echat.errors import E2EChatError


class GoneError(E2EChatError):
    """Whoever ran this does so no longer; ask the next one. Never leaves this package."""


class Backend(Protocol):
    """Runs the methods that ``served`` marks. Any thread may call."""

    def call(self, name: str, arguments: dict[str, Any]) -> Any:  # noqa: ANN401 - as the method's hint says
        """Run a method.

        Raises:
            GoneError: it may or may not have run; calling again does no harm.
            E2EChatError: as the method says.
        """
