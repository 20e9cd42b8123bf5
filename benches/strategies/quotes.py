import math

from kedge import Strategy, Ticks


class Quotes(Strategy):
    """W4: W1's market making. Every 100 ms cancel what can be cancelled, and quote 0.01 on both sides anew."""

    def on_start(self, ctx):
        ctx.every("100ms")
        self.wakes = self.requests = 0

    def on_timer(self, ctx, timer):
        book = ctx.book
        bid, ask = book.bid_ticks, book.ask_ticks
        position = ctx.position
        self.wakes += 1
        centre = 0.5 * (bid + ask) - 0.5 * (position / 0.01)
        for order in ctx.orders:
            if order.state == "accepted":
                ctx.cancel(order.id)
                self.requests += 1
        if position < 0.1 - 1e-9:
            ctx.buy(0.01, Ticks(min(math.floor(centre - 0.5), bid)), tif="post_only")
            self.requests += 1
        if position > -0.1 + 1e-9:
            ctx.sell(0.01, Ticks(max(math.ceil(centre + 0.5), ask)), tif="post_only")
            self.requests += 1
