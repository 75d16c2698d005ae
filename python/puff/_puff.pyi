"""The border, as Python sees it: a module in C that every Python under Puff has.

Nothing here is for programs; :mod:`puff` is. A *ticket* stands for something asked and not
yet answered, a *handle* for an object of Python that Go may name, a *lane* for a thread or
event loop that takes messages from Go.
"""

from collections.abc import Awaitable, Callable, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, TypeVar

_Row = TypeVar("_Row", bound=tuple[Any, ...])

CALL: int
RESULT: int
ERROR: int
CANCEL: int
STOP: int

executable: str | None
"""What ``sys.executable`` is to be; None: leave it."""
typed: str | None
"""The name that Python was started by: the first of ``sys.orig_argv``; None: leave it."""
python: str
"""The python whose environment this is."""
faces: str
"""The folder that holds the package puff."""
hosted: int
"""Who began the process: 0 Go, 1 Python as python, 2 Python as puff."""

def find_spec(
    name: str, path: Sequence[str] | None = None, target: ModuleType | None = None, /
) -> ModuleSpec | None:
    """The finder that sees every import; in C, so that no tracer sees it."""

def set_finders(finders: dict[str, Any], /) -> None:
    """Says who looks for which module: name -> function of name and path."""

def start() -> None:
    """Has Go running. Raises RuntimeError in a forked child."""

def lane() -> tuple[int, int]:
    """Opens a lane: its number, and a descriptor readable when a parked one has work."""

def close(lane: int, /) -> None:
    """Closes a lane; what is still sent to it is dropped."""

def take(lane: int, ms: int, /) -> list[tuple[int, Any, int, Any]]:
    """What has come, as (kind, target, ticket, value), after at most ms milliseconds.

    -1 waits as long as it takes, 0 not at all. Empty: the time is over, somebody nudged, or
    all that came was for channels.
    CALL: call target. RESULT, ERROR: target is what was given to :func:`call`.
    """

def nudge(lane: int, /) -> None:
    """Has the lane's :func:`take` return. For other threads."""

def park(lane: int, /) -> bool:
    """About to wait for the lane's descriptor; False: take first, there is work."""

def call(lane: int, request: tuple[Any, ...], resume: object, /) -> int:
    """Asks Go for request[0](*request[1:]); the lane gets the answer with resume."""

def ask(lane: int, request: tuple[Any, ...], resume: object, /) -> tuple[int, Any] | int | None:
    """As :func:`call`, but the thread itself does what it can, while no work of the lane waits.

    (RESULT or ERROR, value): the answer. A ticket: the lane gets it. None: nothing was asked.
    """

def cancel(ticket: int, /) -> bool:
    """Nobody waits for the ticket any more. False: its answer has been taken."""

def answer(ticket: int, value: Any, /) -> None:
    """Answers what Go asked."""

def answer_late(ticket: int, value: Any, /) -> None:
    """answer, for which Go is not woken before the caller's lane takes or parks."""

def fail(ticket: int, error: tuple[str, str, Any], /) -> None:
    """Says why it can not be answered: class, message, traceback."""

def wake() -> None:
    """Has Go read what it was sent."""

def handle(object: object, /) -> int:
    """A number that Go may call the object by, until released."""

def release(handle: int, /) -> None:
    """Forgets a handle."""

def decode(value: bytes, /) -> Any:
    """The value that the bytes encode. Raises ValueError when they are none."""

def rows(value: bytes, cls: type[_Row], /) -> list[_Row]:
    """The list of tuples that the bytes encode, each as a cls.

    cls is a subclass of tuple without attributes of its instances: its __new__ is not called.
    """

def set_error_factory(make: Callable[[str, str, Any], BaseException], /) -> None:
    """make(kind, message, detail) makes the exception for an error of Go's."""

def rewatch(signal: int, /) -> None:
    """A handler for the signal was set in Python: Puff listens on, beside it."""

def counts() -> tuple[int, int]:
    """Handles and tickets in use."""

class Channel:
    """One end of a conversation with Go, named by a ticket.

    first is what the first :meth:`receive` returns, last what it returns when the other end
    has gone; make_future makes what a caller waits for, and wrap makes of that what the
    caller gets; closed_error is raised by sending to nobody.
    """

    def __init__(
        self,
        ticket: int,
        first: Any = None,
        make_future: Callable[[], object] | None = None,
        last: Any = None,
        closed_error: type[BaseException] | None = None,
        wrap: Callable[[Any], Awaitable[Any]] | None = None,
        /,
    ) -> None: ...
    @property
    def closed(self) -> bool: ...
    @property
    def ticket(self) -> int: ...
    def send(self, value: Any, /) -> Awaitable[None]:
        """Sends; the awaitable is done when there is room for more."""
    def put(self, value: Any, /) -> bool:
        """Sends; whether there is room for more."""
    def drained(self) -> Awaitable[None]:
        """Done when there is room for more, or nobody at the other end."""
    def receive(self) -> Awaitable[Any]:
        """The next value."""
    def finish(self) -> None:
        """Ends this side; whoever waits gets `last`."""
