"""Files: written so that an interruption never leaves half of one, and told apart by a digest."""

import hashlib
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from esrgan.errors import UserError

# Characters of a file's name that its temporary file's begins with, so that one can tell whose it
# is: in any alphabet few enough for the 255 bytes that a name may have.
NAME_KEPT = 40


@contextmanager
def atomic_path(target: Path) -> Iterator[Path]:
    """Yield a temporary path beside `target`; on success it replaces `target` in one step.

    The folder is made if need be. If the body fails, `target` stays as it was. The temporary name
    is another for each writer and shorter than a long one of `target`.

    Raises:
        UserError: the file or its folder can't be written.
    """
    temporary = target.with_name(f".{target.name[:NAME_KEPT]}.{secrets.token_hex(8)}.tmp")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(target)
    except OSError as error:
        reason = error.strerror or str(error)
        raise UserError(f"{target} could not be written: {reason}.") from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def file_digest(path: Path) -> str:
    """The SHA-256 of a file, lower-case hexadecimal.

    Raises:
        UserError: it can't be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UserError(f"{path.name} could not be read: {error.strerror}.") from error
