"""The model of the firewall against the kernel, with more packets than the unit tests have time for."""

import os
import secrets
import subprocess

import pytest
from lab.daemon import build_directory

RULESETS = 1000  # some 80 packets each


@pytest.mark.timeout(300)
def test_model_and_kernel_agree():
    program = build_directory() / "tests/unit/test_firewall_model"
    if not program.exists():
        pytest.skip(f"{program} is not built")
    seed = secrets.randbelow(1 << 31)
    result = subprocess.run(
        [program],
        env=os.environ | {"RULESETS": str(RULESETS), "SEED": str(seed)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert result.returncode == 0, f"SEED={seed}\n{result.stdout[-4000:]}"
