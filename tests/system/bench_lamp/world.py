"""A world of one radio: where it is, and what hands have done."""

seed = 0x0A3F2A
outside = None
happened = []


def happen(name, *args):
    happened.append((name, args))
