"""What tests share: support modules beside this file can be imported by name, e.g. ``from engine_world import World``."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
