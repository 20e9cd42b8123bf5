import math

from kedge import Strategy, Ticks, param


class Maker(Strategy):
    """Every 100 ms both sides of the mid, skewed by what was filled; an order that stands at its price stays."""

    half_ticks = param(0.5, low=0)
    skew_ticks = param(0.5, low=0)
    size = param(1.0, low=0)
    most_orders = param(10, low=1)
    last = param(0, low=0, unit="ns: from here on it asks for nothing new")

    def on_start(self, ctx):
        ctx.every("100ms")
        self.held, self.asked = 0, set()

    def on_fill(self, ctx, fill):
        self.held += 1 if fill.side == "buy" else -1

    def on_timer(self, ctx, timer):
        book = ctx.book
        bid, ask = book.bid_ticks, book.ask_ticks
        centre = 0.5 * (bid + ask) - self.skew_ticks * self.held
        wanted = {
            "buy": min(math.floor(centre - self.half_ticks), bid) if self.held < self.most_orders else None,
            "sell": max(math.ceil(centre + self.half_ticks), ask) if self.held > -self.most_orders else None,
        }
        if ctx.now > self.last:
            wanted = dict.fromkeys(wanted)
        for order in ctx.orders:
            if wanted[order.side] is not None and round(order.price / ctx.tick) == wanted[order.side]:
                wanted[order.side] = None
            elif order.state == "accepted" and order.id not in self.asked:
                self.asked.add(order.id)
                ctx.cancel(order.id)
        for side, price in wanted.items():
            if price is not None:
                (ctx.buy if side == "buy" else ctx.sell)(self.size, Ticks(price), tif="post_only")
