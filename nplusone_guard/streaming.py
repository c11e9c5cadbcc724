"""Bodies that stream: the scope of their request is open while each chunk is made."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Protocol


class Watched(Protocol):
    """A request under watch, as its body sees it."""

    #: What a view raised.
    exception: BaseException | None

    def go_on(self) -> None:
        """Put the scope back into the context."""

    def pause(self) -> None:
        """Take the scope out of the context, until the next chunk."""

    def finish(self, exception: BaseException | None = None) -> None:
        """Close the scope and deliver its report; later calls do nothing."""

    def abandon(self) -> None:
        """As ``finish``, of a body that was not read to its end."""


class Body:
    """The chunks of a streaming response; the scope is open while each is made."""

    def __init__(self, chunks: Iterator[bytes], watched: Watched) -> None:
        self._chunks = chunks
        self._watched = watched

    def __iter__(self) -> Body:
        return self

    def __next__(self) -> bytes:
        self._watched.go_on()
        try:
            for chunk in self._chunks:
                self._watched.pause()
                return chunk
        except BaseException as error:
            self._watched.finish(error)
            raise
        self._watched.finish(self._watched.exception)
        raise StopIteration

    def close(self) -> None:
        """Django calls this when the response is closed, read to its end or not."""
        self._watched.abandon()


class AsyncBody:
    """As ``Body``, for an async iterator."""

    def __init__(self, chunks: AsyncIterator[bytes], watched: Watched) -> None:
        self._chunks = chunks
        self._watched = watched

    def __aiter__(self) -> AsyncBody:
        return self

    async def __anext__(self) -> bytes:
        self._watched.go_on()
        try:
            async for chunk in self._chunks:
                self._watched.pause()
                return chunk
        except BaseException as error:  # CancelledError: the client has gone
            self._watched.finish(error)
            raise
        self._watched.finish(self._watched.exception)
        raise StopAsyncIteration

    def close(self) -> None:
        """Django calls this when the response is closed, in whatever thread."""
        self._watched.abandon()
