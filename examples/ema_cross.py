from kedge import Strategy, param


class EmaCross(Strategy):
    """Be long while the quick average of the closes is above the calm one, else short."""

    fast, slow = param(10, low=2, high=500), param(30, low=5, high=5000)

    def on_start(self, ctx):
        ctx.bars("1s")
        self.quick, self.calm = ctx.ema(self.fast), ctx.ema(self.slow)

    def on_bar(self, ctx, bar):
        if self.calm.warm:
            ctx.target(0.01 if self.quick > self.calm else -0.01)
