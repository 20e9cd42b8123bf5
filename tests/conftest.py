"""What every test shares: the recorded data, and how hard the property tests try."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

REPOSITORY = Path(__file__).resolve().parents[1]

# `fast` draws the same examples each time in CI, so that a red run can be repeated; `thorough` is for a long look:
# pytest --hypothesis-profile=thorough.
settings.register_profile(
    "fast",
    max_examples=100,
    deadline=None,
    derandomize="CI" in os.environ,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("thorough", parent=settings.get_profile("fast"), max_examples=5_000, derandomize=False)
settings.load_profile("fast")


def _test_data() -> Path:
    """The folder of recorded market data."""
    return Path(os.environ.get("KEDGE_TEST_DATA") or REPOSITORY.parent / "shared" / "data")


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the working copy."""
    return REPOSITORY


@pytest.fixture(scope="session")
def recorded() -> Path:
    """The folder of raw Binance recordings. Without it the test is skipped, and in CI it fails."""
    folder = _test_data() / "binance_raw"
    if not folder.is_dir():
        reason = f"no recorded data at {folder}: set KEDGE_TEST_DATA to the folder that holds binance_raw"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return folder
