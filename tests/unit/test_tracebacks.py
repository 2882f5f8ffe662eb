"""Tracebacks, cut into what is ours and what is not."""

from dashboard import tracebacks

OWN = '  File "/srv/shop/tasks.py", line 12, in send\n    connect(address)\n    ^^^^^^^^^^^^^^^^\n'
LIBRARY = '  File "/venv/lib/python3.11/site-packages/mail/client.py", line 8, in connect\n    raise Lost\n'
ENGINE = '  File "/srv/pool/engine/execute.py", line 5, in call\n    return task()\n'
HEADER = "Traceback (most recent call last):\n"


def kinds(text: str) -> list[tuple[str, int]]:
    return [(part.kind, len(part.frames)) for part in tracebacks.read(text)]


def test_frames_of_libraries_and_of_the_engine_are_folded() -> None:
    text = HEADER + ENGINE + OWN + LIBRARY + LIBRARY + "mail.Lost: gone\n"
    assert kinds(text) == [("foreign", 1), ("own", 1), ("foreign", 2), ("text", 0)]


def test_frame_has_its_place_and_its_code_without_underlining() -> None:
    (part,) = tracebacks.read(HEADER + OWN)
    (frame,) = part.frames
    assert (frame.place, frame.line, frame.name, frame.text) == ("srv/shop/tasks.py", 12, "send", "connect(address)")


def test_without_a_frame_of_ours_the_innermost_is_shown() -> None:
    assert kinds(HEADER + ENGINE + LIBRARY + LIBRARY) == [("foreign", 2), ("own", 1)]
    assert kinds(HEADER + LIBRARY) == [("own", 1)]


def test_chained_errors_keep_what_stands_between_them() -> None:
    between = "During handling of the above exception, another exception occurred:"
    text = f"{HEADER}{OWN}ValueError: a\n\n{between}\n\n{HEADER}{OWN}KeyError: b\n"
    parts = tracebacks.read(text)
    assert [part.text for part in parts if part.kind == "text"] == [f"ValueError: a\n{between}", "KeyError: b"]


def test_what_is_no_traceback_is_shown_as_it_is() -> None:
    assert tracebacks.read("") == []
    assert kinds("killed by signal 9") == [("text", 0)]
    assert kinds('  File "x", line twelve') == [("text", 0)]
