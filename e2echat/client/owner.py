"""The process that owns a profile: the account in it, and the socket through which others use it."""

from dataclasses import dataclass
from typing import Self

from e2echat.client.agent import Agent
from e2echat.client.local import LocalAccount
from e2echat.store.profile import Profile


@dataclass(frozen=True, slots=True)
class Owner:
    """The profile in this process, served to others."""

    local: LocalAccount
    agent: Agent

    @classmethod
    def of(cls, local: LocalAccount, profile: Profile) -> Self:
        """Begin to serve an open account."""
        try:
            return cls(local, Agent(profile.socket, local))
        except BaseException:
            local.close(flush=False)
            raise

    def close(self) -> None:
        """Let go of the profile. Whoever takes over sends what is still to be sent."""
        flush = not self.agent.has_heirs
        self.agent.close()
        self.local.close(flush=flush)
        self.agent.join()
