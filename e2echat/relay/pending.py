"""Requests that wait for the storage, and how any request is refused. No I/O."""

from collections.abc import Callable
from functools import partial

from e2echat.relay.connection import Connection
from e2echat.relay.delivery import Delivery
from e2echat.relay.refusals import RefusedRequestError
from e2echat.relay.work import Request, Work
from e2echat.wire import relay_messages as messages
from e2echat.wire.relay_messages import Refusal


class Pending:
    """Connections whose request is at the storage: ``busy``, so that answers keep their order."""

    def __init__(self, delivery: Delivery) -> None:
        self._delivery = delivery
        self._answered: list[Connection] = []

    def take_answered(self) -> list[Connection]:
        """Connections that are busy no more since this was last asked."""
        answered, self._answered = self._answered, []
        return answered

    def store(
        self,
        connection: Connection,
        number: int,
        request: Request,
        done: Callable[[Work], None],
        failed: Callable[[], None] | None = None,
    ) -> None:
        """Let the storage carry out ``request``; then answer the client's request of that ``number``.

        Args:
            connection: the client's.
            number: of its request.
            request: for the storage.
            done: called once it is durable; answers.
            failed: called if it is not, before the client is told.
        """
        connection.busy = True
        self._delivery.work.append(Work(request, partial(self._through, connection, number, done, failed)))

    def _through(
        self,
        connection: Connection,
        number: int,
        done: Callable[[Work], None],
        failed: Callable[[], None] | None,
        work: Work,
    ) -> None:
        self._answered.append(connection)
        connection.busy = False
        if not work.failed:
            done(work)
            return
        if failed is not None:
            failed()
        refuse(connection, number, RefusedRequestError(Refusal.STORAGE))


def refuse(connection: Connection, number: int, error: RefusedRequestError) -> None:
    """Tell the client that its request of that ``number`` was not carried out."""
    connection.counters.refused(error.kind)
    connection.send(messages.encode(messages.Refused(number, int(error.reason))))
