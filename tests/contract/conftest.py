"""One running exchange for the tests of a file."""

from collections.abc import Iterator

import pytest

from tests.contract.served import Served


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """An exchange of its own for each file of tests; it must end cleanly."""
    with Served(tmp_path_factory.mktemp("exchange"), "--seed", "7") as exchange:
        yield exchange
        assert exchange.stop() == (0, "")
