from kedge import Strategy, param


class Bracket(Strategy):
    """Buys now and then; what it holds is left between a profit and a loss, whichever comes first."""

    size = param(0.02, low=0.001, high=10.0, unit="base")
    profit, loss = param(8, low=1, high=10_000, unit="ticks"), param(12, low=1, high=10_000, unit="ticks")

    def on_start(self, ctx):
        ctx.every("5s")

    def on_timer(self, ctx, timer):
        if ctx.book.in_sync and not ctx.orders and ctx.position < ctx.lot:
            ctx.buy(self.size, ctx.book.bid, display=self.size / 4, until="4s")

    def on_fill(self, ctx, fill):
        if fill.side == "buy" and fill.order_state == "filled":
            held = min(ctx.position, self.size)
            ctx.oco("sell", held, price=fill.price + self.profit * ctx.tick, stop=fill.price - self.loss * ctx.tick)
