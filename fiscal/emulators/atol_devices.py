"""Profiles of ATOL registers, read as all profiles are (`fiscal.devices`)."""

from __future__ import annotations

import pkgutil
from collections.abc import Mapping
from functools import lru_cache

from fiscal.devices import Device, DeviceError, read

__all__ = ["device", "load"]


@lru_cache(maxsize=1)
def load() -> Mapping[str, Device]:
    """The ATOL profiles that come with the product, by name."""
    text = pkgutil.get_data("fiscal", "devices_atol.toml")
    assert text is not None
    return read(text.decode("utf-8"))


def device(name: str) -> Device:
    """One profile by name. Raises `DeviceError` with the names there are."""
    try:
        return load()[name]
    except KeyError:
        raise DeviceError(f"no device profile {name!r}; there are: {', '.join(load())}") from None
