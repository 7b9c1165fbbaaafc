"""Device profiles: what a model of register calls itself and how long its work takes.

An emulator is as true as its timings, and public figures are few. So every figure lives in one data file, ``devices.toml``, beside the
word whether it was *measured* (and where) or is *assumed* (and why); whoever has a better one changes it there. `load` gives frozen
`Device` values. Times are microseconds.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

__all__ = ["Basis", "Device", "DeviceError", "device", "load", "read"]


FILES = ("devices.toml", "devices_atol.toml")
"""One data file for each make."""


class DeviceError(ValueError):
    """A profile is unknown or malformed; the text names the profile, the field and the reason."""


@dataclass(frozen=True, slots=True)
class Basis:
    """Where a figure comes from."""

    measured: bool
    source: str


@dataclass(frozen=True, slots=True)
class Device:
    """One model. ``commands`` and ``replies`` are keyed by command code; see the head of the data file for their meaning.

    ``printer`` is false for models without one. ``basis`` says of every figure, by its path in the file, whether it was measured.
    """

    name: str
    make: str
    model: str
    model_id: int
    line_width: int
    paper_dots: int
    printer: bool
    enq_us: int
    ack_us: int
    byte_timeout_us: int
    confirm_timeout_us: int
    command_us: int
    lines_per_s: int
    cut_us: int
    receipt_lines: int
    item_lines: int
    report_lines: int
    z_report_us: int
    commands: Mapping[int, int] = field(default_factory=dict)
    replies: Mapping[int, int] = field(default_factory=dict)
    basis: Mapping[str, Basis] = field(default_factory=dict, compare=False, repr=False)

    def print_us(self, lines: int) -> int:
        """How long it takes to print so many lines and cut."""
        return lines * 1_000_000 // self.lines_per_s + self.cut_us


def as_table(device: Device) -> dict[str, Any]:
    """Everything about a model as plain data: names, figures, and where each figure comes from."""
    figures = {
        path: {
            "value": _value(device, path),
            ("measured" if basis.measured else "assumed"): basis.source,
        }
        for path, basis in device.basis.items()
    }
    plain = {name: getattr(device, name) for name in _PLAIN}
    return {**plain, "figures": figures}


def _value(device: Device, path: str) -> int:
    group, _, key = path.partition(".")
    value: int = getattr(device, key) if group == "figures" else getattr(device, group)[int(key, 16)]
    return value


_PLAIN: dict[str, type] = {
    "make": str,
    "model": str,
    "model_id": int,
    "line_width": int,
    "paper_dots": int,
    "printer": bool,
}
_FIGURES = (
    "enq_us",
    "ack_us",
    "byte_timeout_us",
    "confirm_timeout_us",
    "command_us",
    "lines_per_s",
    "cut_us",
    "receipt_lines",
    "item_lines",
    "report_lines",
    "z_report_us",
)
_GROUPS = ("figures", "commands", "replies")


def read(text: str) -> dict[str, Device]:
    """Profiles from TOML text. Raises `DeviceError`."""
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise DeviceError(f"devices: not TOML: {error}") from None
    return {name: _device(name, _inherited(name, raw, ())) for name in raw}


@lru_cache(maxsize=1)
def load() -> Mapping[str, Device]:
    """The profiles that come with the product, by name."""
    profiles: dict[str, Device] = {}
    for name in FILES:
        profiles |= read(files("fiscal").joinpath(name).read_text(encoding="utf-8"))
    return MappingProxyType(profiles)


def device(name: str) -> Device:
    """One profile by name. Raises `DeviceError` with the names there are."""
    try:
        return load()[name]
    except KeyError:
        raise DeviceError(f"no device profile {name!r}; there are: {', '.join(load())}") from None


def _inherited(name: str, raw: Mapping[str, Any], seen: tuple[str, ...]) -> dict[str, Any]:
    if name in seen:
        raise DeviceError(f"{name}: profiles are like each other in a circle: {' -> '.join((*seen, name))}")
    own = raw.get(name)
    if not isinstance(own, dict):
        raise DeviceError(f"{seen[-1] if seen else name}: there is no profile {name!r}")
    parent = own.get("like")
    merged = _inherited(parent, raw, (*seen, name)) if parent is not None else {}
    for key, value in own.items():
        if key in _GROUPS and isinstance(value, dict):
            merged[key] = {**merged.get(key, {}), **value}
        elif key != "like":
            merged[key] = value
    return merged


def _device(name: str, raw: dict[str, Any]) -> Device:
    basis: dict[str, Basis] = {}
    groups = {group: _figures(name, group, raw.pop(group, {}), basis) for group in _GROUPS}
    for key, kind in _PLAIN.items():
        if not isinstance(raw.get(key), kind):
            raise DeviceError(f"{name}.{key}: {kind.__name__} expected, not {raw.get(key)!r}")
    unknown = set(raw) - set(_PLAIN) | set(groups["figures"]) - set(_FIGURES)
    missing = set(_FIGURES) - set(groups["figures"])
    if unknown or missing:
        raise DeviceError(
            f"{name}: unknown {', '.join(sorted(unknown)) or 'nothing'}; missing {', '.join(sorted(missing)) or 'nothing'}"
        )
    if groups["figures"]["lines_per_s"] < 1:
        raise DeviceError(f"{name}.figures.lines_per_s: must be 1 or more")
    try:
        codes = {group: {int(code, 16): us for code, us in groups[group].items()} for group in _GROUPS[1:]}
    except ValueError as error:
        raise DeviceError(f"{name}: a command code is not hexadecimal: {error}") from None
    values: dict[str, Any] = {**raw, **groups["figures"], **codes}
    return Device(name=name, basis=basis, **values)


def _figures(name: str, group: str, raw: dict[str, Any], basis: dict[str, Basis]) -> dict[str, int]:
    values = {}
    for key, figure in raw.items():
        path = f"{group}.{key}"
        if not isinstance(figure, dict) or type(figure.get("value")) is not int or figure["value"] < 0:
            raise DeviceError(
                f"{name}.{path}: {{ value = <whole number>, measured|assumed = <why> }} expected"
            )
        said = [
            word for word in ("measured", "assumed") if isinstance(figure.get(word), str) and figure[word]
        ]
        if len(said) != 1 or len(figure) != 2:
            raise DeviceError(f"{name}.{path}: say exactly one of measured and assumed")
        basis[path] = Basis(said[0] == "measured", figure[said[0]])
        values[key] = figure["value"]
    return values
