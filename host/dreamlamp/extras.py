"""Libraries that few need: loaded when asked for, or one line that says what to install."""

from importlib import import_module
from types import ModuleType

from .errors import DreamlampError


def needs(module: str, extra: str) -> ModuleType:
    """The module; `DreamlampError` where the extra that brings it was not installed."""
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if error.name and error.name.split(".")[0] != module.split(".")[0]:
            raise
        raise DreamlampError(
            f"this needs {module}: type `pip install 'dreamlamp[{extra}]'`"
        ) from None
