"""The lines of a file, read from a stream of bytes that is cut anywhere."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Literal

# Bytes. A row's JSON may have 16 KB, its CSV with quotes more. The limit also bounds memory when
# a quote is never closed and the rest of the file is one cell.
LONGEST_RECORD: Final = 64 * 1024
LineEnd = Literal["lf", "cr"]
_BOM: Final = b"\xef\xbb\xbf"
_SAVE_AS: Final = 'Save it as "CSV UTF-8".'
# What spreadsheets write under the name .csv, by the bytes at the beginning.
_OTHER_FORMATS: Final = (
    (b"PK\x03\x04", f"It is a workbook (or another ZIP archive), not text. {_SAVE_AS}"),
    (b"\xd0\xcf\x11\xe0", f"It is a workbook in Excel's old format, not text. {_SAVE_AS}"),
    (b"\x1f\x8b", "It is compressed (gzip). Decompress it first."),
    (b"\xff\xfe", f'It is in UTF-16 ("Unicode text"), not in UTF-8. {_SAVE_AS}'),
    (b"\xfe\xff", f'It is in UTF-16 ("Unicode text"), not in UTF-8. {_SAVE_AS}'),
)


class Unreadable(Exception):
    """The borders between rows are lost from here on. The message quotes nothing of the file.

    `quoting` is the same message with a name from the file, for the person who has the file.
    `header` says whether the columns are the reason.
    """

    def __init__(self, message: str, quoting: str | None = None, *, header: bool = False) -> None:
        super().__init__(message)
        self.quoting = quoting or message
        self.header = header


class Lines:
    """The lines of a stream of bytes, with the byte offset and the number of the last one."""

    def __init__(
        self,
        pieces: Iterator[bytes],
        *,
        offset: int = 0,
        number: int = 0,
        end: LineEnd | None = "lf",
    ) -> None:
        r"""Begin at the start of a line.

        Args:
            pieces: the bytes from `offset` on, cut anywhere.
            offset: the byte at which the first line begins.
            number: how many lines come before it.
            end: what ends a line: "lf" is \n, also after \r; "cr" is \r, \n or both. None: the
                first line tells.
        """
        self.offset = offset
        self.number = number
        self.end = end
        self.undecodable = False  # whether the present record has bytes that are not UTF-8
        self._record = 0
        self._lines = self._split(pieces)

    def __iter__(self) -> Iterator[str]:
        """Return the iterator itself, as the protocol demands."""
        return self

    def __next__(self) -> str:
        """Return the next line with its end. Raises `Unreadable`."""
        line = next(self._lines)
        self.offset += len(line)
        self.number += 1
        self._record += len(line)
        if self._record > LONGEST_RECORD:
            raise Unreadable(
                f"Line {self.number} ends a row of more than {LONGEST_RECORD} bytes,"
                " or a quote is not closed."
            )
        if self.number == 1:
            check_format(line)
            line = line.removeprefix(_BOM)
        try:
            return line.decode()
        except UnicodeDecodeError:
            # The bytes become lone surrogates, so that only their own row is lost.
            self.undecodable = True
            return line.decode("utf-8", "surrogateescape")

    def begin_record(self) -> None:
        """Mark the next line as the first one of a row."""
        self._record = 0
        self.undecodable = False

    def _split(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        rest = b""
        for piece in pieces:
            rest += piece
            if self.end is None:
                self.end = _line_end(rest)
                if self.end is None and len(rest) <= LONGEST_RECORD:
                    continue
            # On bytes: str.splitlines would also split at U+2028 and the like, which are content,
            # and a decoder in between would lose count of the bytes.
            lines = _with_ends(rest) if self.end == "cr" else rest.split(b"\n")
            rest = lines.pop()
            for line in lines:
                yield line if self.end == "cr" else line + b"\n"
            if len(rest) > LONGEST_RECORD:
                if self.number == 0:
                    check_format(rest)
                raise Unreadable(f"Line {self.number + 1} has more than {LONGEST_RECORD} bytes.")
        if self.end == "lf" and rest:
            yield rest
        else:
            yield from rest.splitlines(keepends=True)


def _line_end(start: bytes) -> LineEnd | None:
    r"""Return what ends the lines of a file; None as long as that is not known.

    A lone \r ends lines only if it ends the first one (old Mac programs): elsewhere it is the
    content of a cell, and a row must not be torn there.
    """
    at = start.find(b"\r")
    if at < 0 or 0 <= start.find(b"\n") < at:
        return "lf" if b"\n" in start else None
    following = start[at + 1 : at + 3]
    # \r\r\n is a \r\n that was translated twice.
    if following[:1] == b"\n" or following == b"\r\n":
        return "lf"
    return "cr" if len(following) == 2 else None  # both bytes are there


def _with_ends(text: bytes) -> list[bytes]:
    r"""Return the lines that end with \r, \n or both, and at last the start of another line.

    A \r at the end of the text may be the first half of \r\n, so its line is not complete.
    """
    lines = text.splitlines(keepends=True)
    return lines if lines and not lines[-1].endswith(b"\n") else [*lines, b""]


def check_format(start: bytes) -> None:
    """Refuse what is not text in UTF-8, by the bytes at its beginning. Raises `Unreadable`."""
    for mark, message in _OTHER_FORMATS:
        if start.startswith(mark):
            raise Unreadable(message)
    if b"\0" in start[:4]:
        raise Unreadable(f"It is in UTF-16 or UTF-32, not in UTF-8. {_SAVE_AS}")
