"""A world of one radio: where it is, and what hands have done."""

address = "24DCC30A3F2A"
outside = None
happened = []


def happen(name, *args):
    happened.append((name, args))
