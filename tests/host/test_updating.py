"""An update that was not written as it was sent is never tried."""

import hashlib
from contextlib import nullcontext

import pytest
from dreamlamp import doctor, flash, update
from dreamlamp.remote import BoardError

NEW = {"lamp/main.py": b"new", "lamp/wire.py": b"new, too"}


class Board:
    """A board with an old firmware in /a whose file system spoils the files in `spoilt`."""

    def __init__(self, spoilt):
        self.spoilt, self.ran, self.resets = spoilt, [], 0

    def run(self, script):
        self.ran.append(script)
        return "0"

    def hashes(self):
        held = {f"/b/{path}": data for path, data in NEW.items()} if len(self.ran) > 1 else {}
        for path in held.keys() & self.spoilt:
            held[path] += b"\0"
        return {path: hashlib.sha256(data).hexdigest() for path, data in held.items()}

    def reset(self):
        self.resets += 1


@pytest.mark.parametrize("spoilt", [set(), {"/b/lamp/main.py"}, {"/b/lamp/wire.py"}])
def test_a_file_that_differs_on_the_board_keeps_the_firmware_that_runs(monkeypatch, spoilt):
    board = Board(spoilt)
    monkeypatch.setattr(update, "connect", lambda port: nullcontext(board))
    monkeypatch.setattr(flash, "check", lambda board: "x64")
    if spoilt:
        with pytest.raises(BoardError, match=f"{spoilt.copy().pop()} .* keeps its firmware"):
            update._begin("port", lambda what, share: None, NEW)
    else:
        assert update._begin("port", lambda what, share: None, NEW) == 1
    assert any("new, too" in script for script in board.ran)
    assert (update.marking(doctor.TRIAL) in board.ran) == (board.resets == 1) == (not spoilt)
