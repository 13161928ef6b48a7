"""Where the embedded servers of one HAAT_HOME keep their data and their sockets."""

import fcntl
import hashlib
import os
import pwd
import secrets
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

SERVER_USER = "haat-embedded"
ROOT_PLACE = Path("/var/lib/haat")
# PostgreSQL cuts paths at 1024 bytes (MAXPGPATH) and appends up to about 200 of its own.
LONGEST_PLACE = 700


class EmbeddedError(Exception):
    """An embedded server cannot be had; the message says why and what to do."""


class Pointer(msgspec.Struct, frozen=True, kw_only=True):
    """What HAAT_HOME/embedded.json remembers, so that a later start finds the same data and gives the same URLs."""

    place: str
    runtime: str


class Places(msgspec.Struct, frozen=True, kw_only=True):
    """The folders of one HAAT_HOME, and who owns PostgreSQL's."""

    home: Path
    place: Path
    runtime: Path
    uid: int
    gid: int

    @property
    def postgres_data(self) -> Path:
        return self.place / "postgres"

    @property
    def postgres_log(self) -> Path:
        return self.place / "postgres.log"

    @property
    def redis_data(self) -> Path:
        return self.home / "redis"

    @property
    def redis_socket(self) -> Path:
        return self.runtime / "redis.sock"


def find_places(home: Path) -> Places:
    """The folders of `home`, made when they are missing. Call it under `home_lock`."""
    home = prepare_home(home)
    pointer = _read_pointer(home)
    place = _place(home, pointer)
    uid, gid = _server_user(place)
    _make_folder(place, uid, gid, 0o700)
    _write_back_pointer(place, home)
    runtime = _runtime(home, pointer, uid, gid)
    wanted = Pointer(place=str(place), runtime=str(runtime))
    if wanted != pointer:
        _write_whole(home / "embedded.json", msgspec.json.encode(wanted))
    return Places(home=home, place=place, runtime=runtime, uid=uid, gid=gid)


def known_places(home: Path) -> Places | None:
    """The folders of a home that had servers before; None when it never had."""
    home = Path(os.path.realpath(home))
    pointer = _read_pointer(home)
    if pointer is None or not Path(pointer.place).is_dir():
        return None
    owner = Path(pointer.place).stat()
    return Places(
        home=home, place=Path(pointer.place), runtime=Path(pointer.runtime), uid=owner.st_uid, gid=owner.st_gid
    )


def prepare_home(home: Path) -> Path:
    """The home with its symbolic links resolved, made when missing and checked to be writable."""
    home = Path(os.path.realpath(home))
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise EmbeddedError(f"HAAT_HOME {home} cannot be made: {error.strerror}. Set HAAT_HOME elsewhere.") from error
    if not os.access(home, os.W_OK | os.X_OK):
        owner = home.stat().st_uid
        raise EmbeddedError(
            f"HAAT_HOME {home} belongs to user {owner} and cannot be written by user {os.geteuid()}. "
            "Run as its owner, or set HAAT_HOME to a folder of your own."
        )
    return home


@contextmanager
def home_lock(home: Path) -> Iterator[None]:
    """Held while servers are started or stopped, so that two starters never race for one data directory."""
    with (prepare_home(home) / "servers.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def forget_places(places: Places) -> None:
    """Delete the data of both servers; they must be stopped."""
    shutil.rmtree(places.runtime, ignore_errors=True)
    shutil.rmtree(places.redis_data, ignore_errors=True)
    shutil.rmtree(places.place, ignore_errors=True)
    (places.home / "embedded.json").unlink(missing_ok=True)


def _read_pointer(home: Path) -> Pointer | None:
    path = home / "embedded.json"
    if not path.exists():
        return None
    try:
        return msgspec.json.decode(path.read_bytes(), type=Pointer)
    except msgspec.DecodeError as error:
        raise EmbeddedError(
            f"{path} is damaged ({error}). It says where the embedded data lies, "
            f"usually {home / 'embedded'} or below {ROOT_PLACE}: restore it, or delete it to begin with empty servers."
        ) from error


def _place(home: Path, pointer: Pointer | None) -> Path:
    """Beside the home where the server may live there, else in a folder of its own that its user can enter.

    A home that was moved takes its data along; a copied home begins with data of its own, because two homes
    on one data directory would be two servers on it.
    """
    beside = home / "embedded"
    if pointer is not None and Path(pointer.place).is_dir() and not _is_copy(home, Path(pointer.place)):
        return Path(pointer.place)
    if beside.is_dir():
        return beside
    own = hashlib.sha256(os.fsencode(home)).hexdigest()[:8] + "-" + secrets.token_hex(4)
    if os.geteuid() == 0:
        return ROOT_PLACE / own
    if len(os.fsencode(beside)) > LONGEST_PLACE:
        data_home = os.environ.get("XDG_DATA_HOME") or os.path.expanduser("~/.local/share")  # noqa: PTH111 - Path.expanduser raises without a home directory
        return Path(data_home) / "haat" / own
    return beside


def _is_copy(home: Path, place: Path) -> bool:
    try:
        first_home = Path(os.fsdecode((place / "home").read_bytes()))
    except FileNotFoundError:
        return False
    if first_home == home:
        return False
    try:
        still_used = _read_pointer(first_home)
    except (EmbeddedError, OSError):
        return True
    return still_used is not None and still_used.place == str(place)


def _write_back_pointer(place: Path, home: Path) -> None:
    path = place / "home"
    if not path.exists() or path.read_bytes() != os.fsencode(home):
        _write_whole(path, os.fsencode(home))


def _server_user(place: Path) -> tuple[int, int]:
    """Who runs PostgreSQL: the owner of its data, else we ourselves, else (PostgreSQL refuses root) its own user."""
    if os.geteuid() != 0:
        return os.geteuid(), os.getegid()
    if place.is_dir() and (owner := place.stat()).st_uid != 0:
        return owner.st_uid, owner.st_gid
    try:
        user = pwd.getpwnam(SERVER_USER)
    except KeyError:
        user = _add_server_user()
    return user.pw_uid, user.pw_gid


def _add_server_user() -> pwd.struct_passwd:
    ways = (
        ["useradd", "--system", "--no-create-home", "--home-dir", "/nonexistent", "--user-group"],
        ["adduser", "-S", "-D", "-H", "-h", "/nonexistent"],  # busybox
    )
    for way in ways:
        if program := shutil.which(way[0]):
            # Fixed words and a constant name; a concurrent start may have added the user just before us.
            subprocess.run([program, *way[1:], SERVER_USER], capture_output=True, check=False)  # noqa: S603 - constants only
            try:
                return pwd.getpwnam(SERVER_USER)
            except KeyError:
                continue
    raise EmbeddedError(
        f"PostgreSQL refuses to run as root, and the user {SERVER_USER} could not be added. "
        "Add it, run as an ordinary user, or set DATABASE_URL to a PostgreSQL server of your own."
    )


def _runtime(home: Path, pointer: Pointer | None, uid: int, gid: int) -> Path:
    """A short folder for the sockets (their paths may have about 100 bytes) that only the servers' user can enter."""
    named = f"/tmp/haat-{uid}-{hashlib.sha256(os.fsencode(home)).hexdigest()[:12]}"  # noqa: S108 - verified or made 0700 below
    for candidate in dict.fromkeys([*([pointer.runtime] if pointer else []), named]):
        try:
            return _make_folder(Path(candidate), uid, gid, 0o700)
        except (EmbeddedError, OSError):
            continue
    fresh = Path(tempfile.mkdtemp(prefix="haat-", dir="/tmp"))
    os.chown(fresh, uid, gid)
    return fresh


def _make_folder(path: Path, uid: int, gid: int, mode: int) -> Path:
    """Make the folder, or verify that nobody else made it."""
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    try:
        path.mkdir(mode=mode)
        os.chown(path, uid, gid)
    except FileExistsError:
        found = path.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != uid or stat.S_IMODE(found.st_mode) & 0o022:
            raise EmbeddedError(
                f"{path} is not a folder that belongs to user {uid} alone. Remove it, or set HAAT_HOME elsewhere."
            ) from None
    path.chmod(mode)
    return path


def _write_whole(path: Path, content: bytes) -> None:
    partial = path.with_name(path.name + ".partial")
    partial.write_bytes(content)
    partial.replace(path)
