"""Markets of files and catalogs, as a run takes them."""

from __future__ import annotations

from pathlib import Path

from kedge.backtest import markets
from kedge.catalog import Catalog
from kedge.model.instruments import SIMULATED


def test_a_catalog_is_read_whole_or_one_instrument_of_it(tmp_path: Path) -> None:
    ids = [instrument.id for instrument in SIMULATED.all]
    for instrument in ids:
        Catalog(tmp_path).write(markets.seeded_market(instrument, 10**9, 7, None).streams[0])
    for name, only in ((f"{tmp_path}#{ids[0]}", None), (str(tmp_path), ids[0])):
        (stream,) = markets.recorded_market([name], None, only, None).streams
        assert stream.instrument["id"] == ids[0]
    whole = markets.recorded_market([str(tmp_path)], None, None, None)
    assert sorted(str(stream.instrument["id"]) for stream in whole.streams) == sorted(ids)
