"""From the tokens of a statement to its shape, in one pass, and the facts on the way.

A reader keeps a stack of frames (parentheses, brackets, CASE) and calls one function a
token. Entries, rows, arms and OR terms that are alike are folded when the level or the
clause that holds them ends: by then they are texts, and comparing them is cheap.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from operator import length_hint

from nplusone_guard.capture.sql_frames import Frame
from nplusone_guard.capture.sql_tokens import Dialect
from nplusone_guard.capture.sql_values import InList, Number

#: What a token does to the reader; it is given the text to keep.
Action = Callable[["Reader", str], None]
#: Actions of the tokens known by their text, with that text in upper case.
Actions = Mapping[str, tuple[Action, str]]

#: Levels that are read; what is deeper is cut off, since a level costs its whole text.
MAX_DEPTH = 100

#: Words between FROM, INTO or UPDATE and the table.
_NOT_A_TABLE = {"LATERAL", "ONLY", "IGNORE", "LOW_PRIORITY", "DELAYED", "QUICK", "TABLE"}


class Reader:
    """Reads one text; the statements and the facts are complete after ``read``."""

    def __init__(self, dialect: Dialect, actions: Actions) -> None:
        self.dialect = dialect
        self.actions = actions
        self.tokens: list[str] = []
        self.rest: Iterator[str] = iter(self.tokens)
        self.frame = Frame("", "", None, 0, 0)
        #: Statements that are complete, each with its verb.
        self.statements: list[tuple[str, str]] = []
        #: Open frames by opener, to know at once that a closing has no opening.
        self.open = {"(": 0, "[": 0, "CASE": 0}
        self.depth = 0
        self.cut = False
        self.params = 0
        self.literals: list[str] = []
        #: Tables with their mentions, in order of appearance.
        self.tables: dict[str, int] = {}
        self.main_table = ""
        self.unnested = False
        self.ctes: set[str] = set()
        self.in_lists: list[InList] = []
        self.rows = 0
        self.arms = 0
        self.union_rows = 0
        self.limit: Number | None = None
        self.offset: Number | None = None
        self.paging_depth = 0
        self.ordered = False
        self.compared = False

    def read(self, sql: str, starts: Mapping[str, Action], word: Action) -> None:
        """Read the whole text. Tokens without an action go by their first character."""
        self.tokens = self.dialect.tokens(sql)
        self.rest = iter(self.tokens)
        known, start = self.actions.get, starts.get
        for token in self.rest:
            found = known(token)
            if found is None:
                start(token[0], word)(self, token)
            else:
                found[0](self, found[1])
        self.end_statement()

    def following(self) -> str:
        """The next token in upper case."""
        index, is_comment = len(self.tokens) - length_hint(self.rest), self.dialect.is_comment
        while index < len(self.tokens) and is_comment(self.tokens[index]):
            index += 1
        return self.tokens[index].upper() if index < len(self.tokens) else ""

    # -- levels

    def push(self, opener: str, before: str) -> Frame:
        parent = self.frame
        self.depth += 1
        if self.depth > MAX_DEPTH:
            self.cut = True
            deque(self.rest, maxlen=0)
        frame = Frame(opener, before, parent, self.params, len(self.literals))
        frame.negated = parent.negated or before == "NOT"
        self.open[opener] += 1
        self.frame = frame
        return frame

    def pop(self, opener: str) -> Frame | None:
        """Leave the nearest ``opener``, and what was left open inside it."""
        if not self.open[opener]:
            return None
        while self.frame.opener != opener:
            self.abandon()
        return self.leave()

    def leave(self) -> Frame:
        frame = self.frame
        assert frame.parent is not None
        self.end_chain(frame)
        self.open[frame.opener] -= 1
        self.depth -= 1
        self.frame = frame.parent
        return frame

    def abandon(self) -> None:
        """Leave a level that has no end in the text."""
        frame = self.leave()
        if frame.listed:
            self.note_list(frame)
        text = frame.text()
        gap = " " if frame.opener == "CASE" and text else ""
        self.place(frame, f"{frame.opener}{gap}{text}")
        self.frame.plain = False

    def place(self, frame: Frame, text: str) -> None:
        """Put the text of a level into the level around it."""
        parent = self.frame
        if frame.is_row:
            self.add_row(text)
        elif frame.call and parent.pieces:
            parent.pieces[-1] += text
        else:
            parent.pieces.append(text)

    def add_row(self, text: str) -> None:
        frame = self.frame
        if frame.rows is None:
            frame.rows = []
            frame.pieces.append("")
        frame.rows.append(text)
        frame.row_comma = False
        self.rows = max(self.rows, len(frame.rows))

    def end_chain(self, frame: Frame) -> None:
        if frame.ors is not None:
            self.in_lists += frame.fold_chain(self.params, self.literals)

    def note_list(self, frame: Frame) -> None:
        """Keep the facts of an IN list, before its entries are folded."""
        width = self.params - frame.params
        literals = self.literals[frame.literals :]
        if frame.negated or frame.verb or not (width or literals):
            return
        length = len(frame.items) + 1
        param = frame.params if width else None
        self.in_lists.append(InList(param, length, width, hash(tuple(literals))))

    def end_statement(self) -> None:
        while self.frame.parent is not None:
            self.abandon()
        frame = self.frame
        self.end_chain(frame)
        text = frame.text()
        if text:
            self.statements.append((text, frame.verb))
        self.frame = Frame("", "", None, self.params, len(self.literals))

    def begin(self, frame: Frame) -> None:
        """A clause begins behind the current piece."""
        frame.segment = len(frame.pieces)
        frame.segment_params = self.params
        frame.segment_literals = len(self.literals)

    # -- facts

    def note_table(self, frame: Frame, name: str) -> None:
        """``name`` stands where a table is expected."""
        if name.upper() in _NOT_A_TABLE:
            return
        role, frame.expect = frame.expect, ""
        name = self.dialect.unquote(name)
        if role == "with":
            self.ctes.add(name.lower())
            return
        frame.table_at = len(frame.pieces) if role == "from" else -1
        if name.lower() in self.ctes or name.upper() == "DUAL":
            return
        self.tables[name] = self.tables.get(name, 0) + 1
        if not self.main_table and frame.parent is None:
            self.main_table = name

    def forget_table(self, frame: Frame) -> None:
        """The latest table was a function: ``FROM generate_series(…)``."""
        name = self.dialect.unquote(frame.pieces[frame.table_at])
        frame.table_at = -1
        self.unnested = self.unnested or name.upper() == "UNNEST"
        times = self.tables.pop(name, 0)
        if times > 1:
            self.tables[name] = times - 1
        elif self.main_table == name:
            self.main_table = ""

    def note_number(self, word: str, sign: str, number: str | None) -> None:
        """An operand of LIMIT, OFFSET or FETCH NEXT, or (no word) of ``LIMIT b, a``."""
        depth = self.open["("]
        if (self.limit or self.offset) and depth > self.paging_depth:
            return
        if number is not None and not (number.isdigit() and len(number) < 40):
            return
        if depth < self.paging_depth:
            self.limit = self.offset = None
        self.paging_depth = depth
        value = None if number is None else int(sign[:1] + number)
        found = Number(value, self.params if number is None else None)
        if word == "OFFSET":
            self.offset = found
        elif word:
            self.limit = found
        else:
            self.limit, self.offset = found, self.limit
