from kedge import Strategy, param


class EmaCross(Strategy):
    """Long while the fast average is above the slow one, short below: for a perpetual."""

    fast = param(10, low=2, high=500, unit="bars")
    slow = param(30, low=5, high=5000, unit="bars")

    def on_start(self, ctx):
        ctx.bars("1s")
        self.quick, self.calm = ctx.ema(self.fast), ctx.ema(self.slow)

    def on_bar(self, ctx, bar):
        if self.calm.ready:
            ctx.target(0.01 if self.quick > self.calm else -0.01)
