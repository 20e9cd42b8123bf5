"""What a request that only reads may raise beside the errors of every room."""

from __future__ import annotations

from kedge.model.errors import UnreachableError


class RetryLater(UnreachableError):  # noqa: N818 - what to do
    """The venue did not do it and may be asked again after `after_s` seconds."""

    def __init__(self, message: str, after_s: float, hint: str = "") -> None:
        super().__init__(message, hint or f"ask again in {after_s:.1f} s")
        self.after_s = after_s


class VenueRefused(UnreachableError):  # noqa: N818 - what it did
    """The venue said no to a question. `code` is its error code."""

    def __init__(self, message: str, code: int, hint: str = "") -> None:
        super().__init__(message, hint)
        self.code = code
