"""The site's secret key when the environment names none: made once, kept in a file that its owner alone can read.

Called by the settings of every process of the site. Several may start at once: the first to link its key into place
wins, the others use that one.
"""

import os
import secrets
from pathlib import Path

LENGTH = 50


def stored_secret_key(path: Path) -> str:
    if not path.exists():
        store(secrets.token_urlsafe(LENGTH), path)
    return path.read_text().strip()


def store(key: str, path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(key)
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
