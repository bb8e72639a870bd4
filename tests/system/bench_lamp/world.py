"""A world of one radio: where it is, and what hands have done."""

seed = 0x0A3F2A
outside = None
happened = []
listeners = []
now_ms = boot_ms = 0
advertised_ms = None


def happen(name, *args):
    happened.append((name, args))
    if name == "button" and args[0] >= 3000:
        held()


def held():
    """What the lamp does when its button is held; lamp_main sets it."""
