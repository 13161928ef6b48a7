"""Files that people download: under their name, or by a link for 5 minutes."""

from collections.abc import AsyncIterator
from pathlib import PurePath
from typing import Final
from urllib.parse import quote

import msgspec
from litestar.response import Stream

from adapters.download_links import LIFETIME_SECONDS
from api.services import Services

XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_MEDIA_TYPES: Final = {".csv": "text/csv", ".xlsx": XLSX}


class DownloadLink(msgspec.Struct, frozen=True):
    """A link that anybody may follow, for so many seconds."""

    url: str
    expires_in: int


def download(pieces: AsyncIterator[bytes], file_name: str) -> Stream:
    """A file that a browser saves under its name, in any script (RFC 6266)."""
    plain = file_name.encode("ascii", "replace").decode().replace('"', "'").replace("?", "_")
    disposition = f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(file_name, safe='')}"
    return Stream(
        pieces,
        media_type=_MEDIA_TYPES.get(PurePath(file_name).suffix, "application/octet-stream"),
        headers={"Content-Disposition": disposition, "Cache-Control": "private, no-store"},
    )


async def link_to(services: Services, key: str, file_name: str) -> DownloadLink:
    """A link to the object, signed by the storage, or by us where it cannot."""
    url = await services.files.signed_link(key)
    if url is None:
        url = f"/api/v1/downloads/{services.download_links.sign(key, file_name)}"
    return DownloadLink(url=url, expires_in=LIFETIME_SECONDS)
