"""Error bytes of ATOL registers."""

from __future__ import annotations
