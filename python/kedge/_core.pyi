"""The engine and the journal, compiled. One part of this stub for each file of crates/py/src."""

# build_info.rs
__version__: str
__build__: str
"""`release` or `debug`."""
