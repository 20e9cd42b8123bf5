"""Answers a message of the book with an order that rests far below it, and cancels it once it is there."""

from kedge import Strategy, param


class FarOrder(Strategy):
    """A post-only order 3 % below the best bid, one at a time."""

    size = param(0.1, low=0.001, high=1)
    below = param(0.03, low=0.01, high=0.2)

    def on_book(self, ctx, book):
        if not ctx.orders:
            ctx.buy(self.size, book.bid * (1 - self.below), tif="post_only")

    def on_order(self, ctx, order):
        if order.state == "accepted":
            ctx.cancel(order.id)
