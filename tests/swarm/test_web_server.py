"""A hundred bad days of registers behind web servers, which hang and lose answers."""

from __future__ import annotations

import pytest
from swarm_of_seeds import swarm

CHUNK = 10
SCENARIO = "scenarios/web_server.toml"


@pytest.mark.swarm
@pytest.mark.parametrize("start", range(0, 100, CHUNK))
def test_registers_behind_web_servers_lose_and_double_nothing(start: int) -> None:
    fired, wrong = swarm(range(start, start + CHUNK), SCENARIO)
    assert not wrong, "\n".join(wrong)
    assert fired["web_server_hang"] and fired["reply_lost"]
