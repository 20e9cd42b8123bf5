"""A strategy that always has something on its way: limit orders near the touch, market orders, cancels, both sides."""

from kedge import Strategy, param


class Busy(Strategy):
    """Every few milliseconds one order or one cancel, drawn from its seed."""

    size = param(0.01, low=0.001, high=1)

    def on_start(self, ctx):
        self.open = []
        ctx.every("25ms")

    def on_timer(self, ctx, timer):
        draw = ctx.rng.random()
        if draw < 0.2:
            ctx.cancel_all()
        elif draw < 0.5:
            side = ctx.buy if ctx.position <= 0 else ctx.sell
            side(self.size)
        else:
            tick = ctx.book.tick
            ctx.quote(ctx.book.microprice - 3 * draw * tick, ctx.book.microprice + 3 * draw * tick, self.size)
