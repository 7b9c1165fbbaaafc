"""ATOL registers behind a web server of JSON tasks: HTTP, the tasks and their words, and the driver."""

from __future__ import annotations

from fiscal.registers.atol_web.driver import AtolWebDriver

__all__ = ["AtolWebDriver"]
