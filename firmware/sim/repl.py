"""A flashed board's boot and its serial console: the file system, boot.py, main.py, the prompt.

Faked: the port's `_boot` and MicroPython's friendly and raw REPL, raw-paste included, on this
process's stdin and stdout. The file system is a real VfsLfs2 on the partition `vfs`; it is
mounted at /, and the computer's own files move to /host, where only the simulator looks.
Kept as on the chip: a blank partition is formatted, a broken one is complained of for ever, a
soft reset starts with an empty heap (here: a new process), from the raw prompt without main.py;
Ctrl-C ends what runs, wherever it is. Other than on the chip: "\n" is printed as it is, the
friendly prompt knows single lines only, bytes sent while the chip resets wait for it, and a
Ctrl-C that hits a garbage collection, which this build of MicroPython does not survive, leads to
the raw prompt of a new process.

Whoever holds the other end of the line turns Ctrl-C into SIGINT while something runs, as the
UART's driver does: "hears 1" and "hears 0" on stderr say when.
"""

import select
import sys
import time

import esp32
import utime as real
import vfs
import world

HOST = "/host"
WINDOW = 128  # bytes of raw paste between two "go on"
COMPLAINT_S = 3

prompt = ""  # with which the next boot begins: "raw", or "" after main.py


def flashed(folder):
    """Whether the board that lives in `folder` has been flashed."""
    try:
        open(folder + "/vfs.bin").close()
    except OSError:
        return False
    return True


def aside(folder):
    """Move the computer's files out of the chip's way; return the new name of `folder`."""
    vfs.umount("/")
    vfs.mount(vfs.VfsPosix(), HOST)
    sys.path[:] = ["", ".frozen", "/lib"]
    return HOST + folder


def power_on():
    """All that a board does from reset to reset; returns only by an exception of `world`."""
    global prompt
    mount()
    namespace = {"__name__": "__main__"}
    started, prompt = world.read_state().get("prompt", ""), "raw"
    run_file("boot.py", namespace)
    if started != "raw":
        prompt = ""
        run_file("main.py", namespace)
    else:
        raw(namespace)
    while True:
        friendly(namespace)
        raw(namespace)


def mount():
    """The port's `_boot`: mount, or format what is blank, or complain."""
    partition = esp32.Partition.find(esp32.Partition.TYPE_DATA, label="vfs")[0]
    try:
        vfs.mount(vfs.VfsLfs2(partition), "/")
    except OSError:
        head = bytearray(4096)
        partition.readblocks(0, head)
        if head != b"\xff" * 4096:
            complain()
            return
        vfs.VfsLfs2.mkfs(partition)
        vfs.mount(vfs.VfsLfs2(partition), "/")
        with open("/boot.py", "w") as file:
            file.write("# runs at each boot\n")


def complain():
    """For ever; only Ctrl-C gets past it, to a prompt without files."""
    hears(1)
    try:
        while True:
            print("The filesystem appears to be corrupted.")
            real.sleep_ms(200)
            time.sleep(COMPLAINT_S)
    except KeyboardInterrupt:
        pass
    hears(0)


def run_file(name, namespace):
    try:
        with open("/" + name) as file:
            text = file.read()
    except OSError:
        return
    error = run(text, name, namespace)
    if error:
        sys.print_exception(error)


def run(text, name, namespace, mode="exec"):
    """Run `text`, Ctrl-C allowed; return what it raised."""
    try:
        code = compile(text, name, mode)
        del text
        hears(1)
        exec(code, namespace)
    except (Exception, KeyboardInterrupt) as error:
        hears(0)
        return error
    except SystemExit:
        hears(0)
        soft_reset()
    hears(0)


def hears(yes):
    sys.stderr.write("hears %d\n" % yes)


def say(text):
    sys.stdout.buffer.write(text)


_poll = select.poll()
_poll.register(sys.stdin, select.POLLIN)


def listen():
    """The next byte from the line; the world keeps the real clock's pace meanwhile."""
    try:
        began = real.ticks_ms()
        ready = _poll.poll(0)
        while not ready:
            ready = _poll.poll(50)
            now = real.ticks_ms()
            past, began = real.ticks_diff(now, began), now
            world.until(world.now_ms + past)
        got = sys.stdin.buffer.read(1)
    except KeyboardInterrupt:  # a SIGINT that comes late
        return b"\x03"
    if not got:  # nobody holds the other end any more
        world.die(world.Stop())
    return got


def soft_reset():
    say(b"MPY: soft reboot\r\n")
    world.die(world.Reset(world.SOFT_RESET))


def friendly(namespace):
    """The prompt for people; returns when Ctrl-A asks for the raw one."""
    global prompt
    prompt = ""
    say(b"\r\nMicroPython on a virtual board; nothing of it is hardware\r\n>>> ")
    line = b""
    while True:
        byte = listen()
        if byte == b"\x01":
            return
        if byte == b"\x04" and not line:
            say(b"\r\n")
            soft_reset()
        elif byte in b"\x02\x03":
            line = b""
            say(b"\r\n>>> ")
        elif byte in b"\r\n":
            say(b"\r\n")
            error = run(line.decode(), "<stdin>", namespace, "single") if line else None
            if error:
                sys.print_exception(error)
            line = b""
            say(b">>> ")
        else:
            line += byte
            say(byte)


def raw(namespace):
    """The prompt for programs; returns when Ctrl-B asks for the friendly one."""
    global prompt
    prompt = "raw"
    say(b"raw REPL; CTRL-B to exit\r\n")
    while True:
        say(b">")
        text = command()
        if text is None:
            return
        if text is False:
            continue
        error = run(text, "<stdin>", namespace)
        say(b"\x04")
        if error:
            sys.print_exception(error)
        say(b"\x04")


def command():
    """One program; None to leave, False for none."""
    line = bytearray()
    while True:
        byte = listen()
        if byte == b"\x01":
            say(b"raw REPL; CTRL-B to exit\r\n")
            return False
        if byte == b"\x02":
            say(b"\r\n")
            return None
        if byte == b"\x03":
            line = bytearray()
        elif byte == b"\x04":
            say(b"OK")
            if not line:
                say(b"\r\n")
                soft_reset()
            return bytes(line)
        elif byte == b"\x05" and not line:
            if listen() == b"A" and listen() == b"\x01":
                return paste()
            say(b"R\x00")
        else:
            line.extend(byte)


def paste():
    """Raw paste: WINDOW more bytes may come after each 01; 04 ends it on both sides."""
    say(b"R\x01" + bytes((WINDOW, 0, 1)))
    text, room = bytearray(), WINDOW
    while True:
        byte = listen()
        if byte == b"\x04":
            say(b"\x04")
            return bytes(text)
        if byte == b"\x03":
            say(b"\x04")
            while listen() != b"\x04":
                pass
            return b""
        text.extend(byte)
        room -= 1
        if not room:
            room = WINDOW
            say(b"\x01")
