"""pytest-xdist: what is wrong in the tests is found by workers, and told by the controller."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import pytest

_REFUSED: Final = "nplusone_guard_refused"
_WIDTH: Final = "nplusone_guard_width"
#: Narrower than this nothing can be told.
MIN_WIDTH: Final = 60
#: Where nobody knows of a terminal.
_USUAL_WIDTH: Final = 100


def is_worker(config: pytest.Config) -> bool:
    """Whether this process runs tests for another one."""
    return hasattr(config, "workerinput")


def width_of(config: pytest.Config) -> int:
    """The columns of the terminal; a worker knows them from the controller."""
    if is_worker(config):
        return int(config.workerinput.get(_WIDTH, _USUAL_WIDTH))  # type: ignore[attr-defined]
    if not config.pluginmanager.has_plugin("terminalreporter"):
        return _USUAL_WIDTH
    return max(config.get_terminal_writer().fullwidth, MIN_WIDTH)


def hand_width_on(node: Any) -> None:
    """Let the worker of ``node`` know how wide the terminal is."""
    node.workerinput[_WIDTH] = width_of(node.config)


def are_grouped(config: pytest.Config) -> bool:
    """Whether tests go to workers by ``xdist_group``, whose name then ends theirs."""
    if is_worker(config):
        return bool(config.getoption("loadgroup", False))
    return str(config.getoption("dist", "no")) == "loadgroup"


def without_group(name: str) -> str:
    """``test_page.py::test_a`` for ``test_page.py::test_a@group``.

    Neither parameters nor directories with an ``@`` are taken for a group.
    """
    at = name.rfind("@")
    return name[:at] if at > max(name.rfind("]"), name.rfind("::")) else name


def output_of(config: pytest.Config) -> dict[str, Any]:
    """What a worker hands to the controller when it is done."""
    output: dict[str, Any] = config.workeroutput  # type: ignore[attr-defined]
    return output


@contextmanager
def refusing(config: pytest.Config, items: list[pytest.Item]) -> Iterator[None]:
    """Let a ``UsageError`` out, from a worker by way of the controller.

    To the controller, a worker that raises it has crashed: nobody would see the message.
    """
    try:
        yield
    except pytest.UsageError as error:
        if not is_worker(config):
            raise
        output_of(config)[_REFUSED] = str(error)
        items.clear()


def raise_refused(node: Any) -> None:
    """Raise in the controller what a worker could not."""
    refused = getattr(node, "workeroutput", {}).get(_REFUSED)
    if refused is not None:
        raise pytest.UsageError(refused)
