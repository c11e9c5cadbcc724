"""Bodies that stream: when their scope is open, and when it closes."""

from __future__ import annotations

import asyncio

import pytest

from nplusone_guard.streaming import AsyncBody, Body


class Notes(list):
    """Stands for a request under watch, and notes what its body asks of it."""

    exception = None

    def go_on(self):
        self.append("on")

    def pause(self):
        self.append("off")

    def finish(self, exception=None):
        self.append(("finished", exception))

    def abandon(self):
        self.append("abandoned")


def chunks(notes, error=None):
    for chunk in (b"a", b"b"):
        notes.append(chunk)
        yield chunk
    if error is not None:
        raise error


async def achunks(notes, error=None):
    for chunk in chunks(notes, error):
        yield chunk


def read(notes, error=None):
    return list(Body(chunks(notes, error), notes))


def aread(notes, error=None):
    async def all_of_it():
        return [chunk async for chunk in AsyncBody(achunks(notes, error), notes)]

    return asyncio.run(all_of_it())


MADE = ["on", b"a", "off", "on", b"b", "off", "on"]


@pytest.mark.parametrize("read", [read, aread])
def test_the_scope_is_open_while_each_chunk_is_made_and_closed_after_the_last(read):
    notes = Notes()
    assert read(notes) == [b"a", b"b"]
    assert notes == [*MADE, ("finished", None)]


@pytest.mark.parametrize("read", [read, aread])
def test_what_the_view_has_raised_is_told_at_the_end(read):
    notes = Notes()
    notes.exception = ValueError("of the view")
    read(notes)
    assert notes == [*MADE, ("finished", notes.exception)]


@pytest.mark.parametrize("read", [read, aread])
def test_an_error_of_the_body_closes_the_scope_and_is_passed_on(read):
    notes, error = Notes(), ZeroDivisionError()
    with pytest.raises(ZeroDivisionError):
        read(notes, error)
    assert notes == [*MADE, ("finished", error)]


def test_a_reader_that_is_cancelled_closes_the_scope():
    notes = Notes()

    async def never():
        await asyncio.Event().wait()
        yield b""

    async def cut_off():
        await asyncio.wait_for(anext(AsyncBody(never(), notes)), timeout=0.01)

    with pytest.raises(asyncio.TimeoutError):
        asyncio.run(cut_off())
    assert notes[0] == "on"
    assert isinstance(notes[1][1], asyncio.CancelledError)


@pytest.mark.parametrize("body", [Body, AsyncBody])
def test_a_body_that_is_closed_early_is_abandoned(body):
    notes = Notes()
    body(iter(()), notes).close()
    assert notes == ["abandoned"]
