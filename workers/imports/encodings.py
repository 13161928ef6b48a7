"""From the bytes of a table to UTF-8: byte order marks, UTF-16 with or without one, Windows-1252, old Mac lines."""

import codecs
import re
from typing import Final

from domain import imports
from workers.imports.containers import ByteStream, refuse_what_is_no_table

_SAMPLE: Final = 1 << 16
_NAMES_BEGIN: Final = 16
_BOMS: Final = (  # the UTF-32 marks begin with the UTF-16 ones
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_MULTIBYTE = re.compile(rb"[\xC2-\xDF][\x80-\xBF]|[\xE0-\xEF][\x80-\xBF]{2}|[\xF0-\xF4][\x80-\xBF]{3}")
_HIGH = re.compile(rb"[\x80-\xFF]")
_BINARY = re.compile(rb"[\x00-\x08\x0E-\x1A\x1C-\x1F]")
_BINARY_SHARE: Final = 0.05
_NAMES: Final = {"utf-8": "UTF-8", "cp1252": "Windows-1252"}


class BrokenText(Exception):  # noqa: N818  it says what is wrong
    """Bytes that are no text in the file's encoding; whoever counts records turns it into a refusal."""


class TextStream:
    r"""The table as UTF-8 bytes with `\n` or `\r\n` at line ends; cut anywhere between two characters."""

    def __init__(self, source: ByteStream, *, unpacked: bool) -> None:
        self._source = source
        first = source.read(_SAMPLE)
        if not first:
            raise imports.empty_file()
        refuse_what_is_no_table(first, unpacked=unpacked)
        self.bom, self.encoding = _encoding(first)
        mark = next((len(mark) for mark, name in _BOMS if self.bom and name == self.encoding), 0)
        self._pending: bytes | None = first[mark:]
        if self.encoding == "utf-8" and len(_BINARY.findall(first)) > _BINARY_SHARE * len(first) + 1:
            raise imports.not_a_table("a binary file")
        self._decoder = codecs.getincrementaldecoder(self.encoding)()
        self._ascii_so_far = True
        self._broken: str | None = None
        self._mac: bool | None = None

    def read(self, size: int) -> bytes:
        """About `size` bytes of UTF-8; none at the end."""
        self._raise_if_broken()
        while True:
            data = self._source.read(size) if self._pending is None else self._pending
            self._pending = None
            text = self._decode(data)
            if text:
                break
            self._raise_if_broken()
            if not data:
                break
        if self._mac is None:
            self._mac = b"\r" in text and b"\n" not in text
        return text.replace(b"\r", b"\n") if self._mac else text

    @property
    def name(self) -> str:
        """The encoding as people know it."""
        return _NAMES.get(self.encoding, self.encoding[:6].upper())

    def _raise_if_broken(self) -> None:
        if self._broken is not None:
            raise BrokenText(self._broken)

    def _decode(self, data: bytes) -> bytes:
        if self.encoding == "utf-8" and self._ascii_so_far and data.isascii():
            return data
        held, _ = self._decoder.getstate()
        try:
            text = self._decoder.decode(data, final=not data)
        except UnicodeDecodeError as error:
            return self._after_error(error, held + data)
        self._ascii_so_far = False
        return text.encode()

    def _after_error(self, error: UnicodeDecodeError, data: bytes) -> bytes:
        # A byte order mark has said that it is UTF-8: then the rest is damage.
        if self.encoding == "utf-8" and not self.bom and self._ascii_so_far and not _rather_utf8(data):
            self.encoding = "cp1252"
            self._decoder = codecs.getincrementaldecoder("cp1252")()
            self._decoder.reset()
            return self._decode(data)
        self._broken = self.name
        # The part before the fault still goes out, so that the fault can be told with its row.
        return data[: error.start].decode(self.encoding, "ignore").encode()


def _encoding(first: bytes) -> tuple[bool, str]:
    """Whether there is a byte order mark, and the encoding by it or by where the zero bytes stand."""
    for mark, name in _BOMS:
        if first.startswith(mark):
            return True, name
    head = first[:_NAMES_BEGIN]  # column names are ASCII, whatever letters follow
    half = len(head) // 2
    zeros_even, zeros_odd = head[::2].count(0), head[1::2].count(0)
    if half > 1 and zeros_odd > half * 0.7 and zeros_even == 0:
        return False, "utf-16-le"
    if half > 1 and zeros_even > half * 0.7 and zeros_odd == 0:
        return False, "utf-16-be"
    return False, "utf-8"


def _rather_utf8(data: bytes) -> bool:
    """Whether most of what is not ASCII is good UTF-8: then the rest is damage, not Windows-1252."""
    sequences = sum(len(found) for found in _MULTIBYTE.findall(data))
    return sequences * 2 > len(_HIGH.findall(data))
