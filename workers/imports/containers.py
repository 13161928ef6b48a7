"""From the bytes of an upload to the one table in it: plain, gzip, zip with one member, or a workbook."""

import gzip
import lzma
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final, Self

from domain import imports
from domain.imports import FileRefused
from workers.imports.limits import Limits

GZIP: Final = b"\x1f\x8b"
ZIP: Final = b"PK\x03\x04"
EMPTY_ZIP: Final = b"PK\x05\x06"
OLE: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"

_NOT_TABLES: Final = (
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"%PDF", "a PDF document"),
    (b"PAR1", "a Parquet file"),
    (b"SQLite format 3", "an SQLite database"),
    (b"BZh", "a bzip2 archive"),
    (b"\xfd7zXZ", "an xz archive"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"Rar!", "a RAR archive"),
    (b"\x28\xb5\x2f\xfd", "a zstd archive"),
    (b"{\\rtf", "an RTF document"),
)
_MARKUP: Final = ((b"<!doctype html", "a web page"), (b"<html", "a web page"), (b"<?xml", "an XML document"))
_DAMAGE = (zipfile.BadZipFile, gzip.BadGzipFile, zlib.error, lzma.LZMAError, EOFError, NotImplementedError)
_WORKBOOK_PART = "[Content_Types].xml"
_ENCRYPTED_FLAG = 1


class ByteStream:
    """The bytes of the table in an upload, with a watch on how far they swell."""

    def __init__(
        self, upload: IO[bytes], unpacked: IO[bytes] | gzip.GzipFile, what: str | None, limits: Limits
    ) -> None:
        self._upload = upload
        self._unpacked = unpacked
        self._what = what
        self._limits = limits
        self._total = 0

    def read(self, size: int) -> bytes:
        """At most `size` bytes; none at the end."""
        if self._what is None:
            return self._unpacked.read(size)
        try:
            data = self._unpacked.read(size)
        except _DAMAGE as error:
            raise imports.broken_archive(self._what, str(error) or "it ends early") from error
        self._total += len(data)
        ratio = self._total // max(self._upload.tell(), 1)
        swollen = self._total > self._limits.unpacked_ratio_from and ratio > self._limits.unpacked_ratio
        if swollen or self._total > self._limits.unpacked:
            raise imports.too_large_unpacked(self._limits.unpacked)
        return data

    @property
    def is_unpacked(self) -> bool:
        """Whether the table came out of an archive."""
        return self._what is not None

    def position(self) -> int:
        """How many bytes of the upload have been used."""
        return self._upload.tell()

    def close(self) -> None:
        """Let go of the file."""
        self._unpacked.close()
        self._upload.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def is_workbook(path: Path) -> bool:
    """Whether the upload is an XLSX workbook; old and encrypted ones are refused here."""
    with path.open("rb") as file:
        start = file.read(8)
        if start == OLE:
            # Excel keeps an encrypted XLSX as the stream "EncryptedPackage" of an OLE container.
            raise imports.encrypted("workbook") if _mentions(file, "EncryptedPackage") else imports.old_workbook()
    if not start.startswith(ZIP):
        return False
    with _zip_file(path) as archive:
        return _WORKBOOK_PART in archive.namelist()


def open_bytes(path: Path, limits: Limits) -> ByteStream:
    """The table's bytes as a stream."""
    upload = path.open("rb")
    try:
        start = upload.read(4)
        upload.seek(0)
        if start.startswith(GZIP):
            return ByteStream(upload, gzip.open(upload), "gzip file", limits)
        if start in {ZIP, EMPTY_ZIP}:
            return ByteStream(upload, _only_member(upload), "zip file", limits)
        return ByteStream(upload, upload, None, limits)
    except BaseException:
        upload.close()
        raise


def refuse_what_is_no_table(start: bytes, *, unpacked: bool) -> None:
    """Refuse a picture, a document, an archive in an archive: whatever the first bytes give away."""
    if start.startswith((GZIP, ZIP, EMPTY_ZIP, OLE)) and unpacked:
        raise imports.packed_twice("an archive or a workbook")
    for magic, what in _NOT_TABLES:
        if start.startswith(magic):
            raise imports.not_a_table(what)
    head = start[:512].lstrip().lower()
    for magic, what in _MARKUP:
        if head.startswith(magic):
            raise imports.not_a_table(what)
    if head.startswith((b'{"', b"[{", b"[\n", b"{\n")):
        raise imports.not_a_table("JSON")


def sheet_parts(path: Path, limits: Limits) -> Iterator[tuple[str, bytes]]:
    """Every part of a workbook in pieces, `(name, bytes)`: what it declares about its sizes is not believed."""
    total = 0
    with _zip_file(path) as archive:
        for member in archive.infolist():
            if member.flag_bits & _ENCRYPTED_FLAG:
                raise imports.encrypted("workbook")
            with _damage("workbook"), archive.open(member) as part:
                while piece := part.read(1 << 20):
                    total += len(piece)
                    if total > limits.sheet_unpacked:
                        raise imports.too_large_unpacked(limits.sheet_unpacked)
                    yield member.filename, piece


def _only_member(upload: IO[bytes]) -> IO[bytes]:
    with _damage("zip file"):
        archive = zipfile.ZipFile(upload)
        members = [member for member in archive.infolist() if not _is_clutter(member)]
        if len(members) != 1:
            raise imports.archive_members([member.filename for member in members])
        if members[0].flag_bits & _ENCRYPTED_FLAG:
            raise imports.encrypted("zip file")
        return archive.open(members[0])


def _is_clutter(member: zipfile.ZipInfo) -> bool:
    """Folders, and what macOS adds to every zip file."""
    return member.is_dir() or member.filename.startswith("__MACOSX/") or member.filename.endswith(".DS_Store")


def _mentions(file: IO[bytes], name: str) -> bool:
    wanted = name.encode("utf-16-le")
    tail = b""
    while piece := file.read(1 << 20):
        if wanted in tail + piece:
            return True
        tail = piece[-len(wanted) :]
    return False


@contextmanager
def _zip_file(path: Path) -> Iterator[zipfile.ZipFile]:
    with _damage("zip file"):
        archive = zipfile.ZipFile(path)
    with archive:
        yield archive


@contextmanager
def _damage(what: str) -> Iterator[None]:
    try:
        yield
    except FileRefused:
        raise
    except _DAMAGE as error:
        raise imports.broken_archive(what, str(error) or "it ends early") from error
