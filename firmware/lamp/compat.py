"""The one door between MicroPython and CPython.

On MicroPython `native` and `viper` are known to the compiler by name, not as attributes, so the
decorators are written `@micropython.native` / `@micropython.viper` and the name `micropython`
is imported from here: the real module on the lamp, a stand-in whose decorators do nothing on
the laptop. Knows no product and no chip.
"""

try:
    import micropython
    from micropython import const
except ImportError:  # CPython

    def const(value):  # type: ignore[misc]
        """Return `value`; MicroPython's compiler folds it instead."""
        return value

    class micropython:  # type: ignore[no-redef]
        """Stand-in for the built-in module: decorators that do nothing."""

        const = const

        @staticmethod
        def native(function):
            return function

        viper = native


CPYTHON = isinstance(micropython, type)
MYPY = False  # the type checker takes it for true
if MYPY:
    from typing import Any
    from typing import Any as ptr8
    from typing import Any as ptr16
    from typing import Any as ptr32
    from typing import Any as uint
else:  # type names, so that what is annotated also runs
    Any = ptr8 = ptr16 = ptr32 = uint = None
