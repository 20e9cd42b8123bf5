from kedge import Strategy, param


class EmaBars(Strategy):
    """W3: after every one-minute bar, long while the quick average of the closes is above the slow one, else short.

    The averages are plain Python floats, as in the rivals' strategies, and begin at the first close.
    """

    fast, slow = param(50, low=1), param(200, low=1)

    def on_start(self, ctx):
        ctx.bars("1m")
        self.orders = self.seen = self.side = 0
        self.quick = self.calm = 0.0
        self.of_quick, self.of_calm = 2.0 / (self.fast + 1), 2.0 / (self.slow + 1)
        self.warm = self.slow

    def on_bar(self, ctx, bar):
        close = bar.close
        seen = self.seen
        self.seen = seen + 1
        if seen == 0:
            self.quick = self.calm = close
            return
        quick = self.quick = self.quick + self.of_quick * (close - self.quick)
        calm = self.calm = self.calm + self.of_calm * (close - self.calm)
        if seen < self.warm:
            return
        if quick > calm:
            if self.side <= 0:
                ctx.buy(0.01 if self.side == 0 else 0.02)
                self.side = 1
                self.orders += 1
        elif quick < calm and self.side >= 0:
            ctx.sell(0.01 if self.side == 0 else 0.02)
            self.side = -1
            self.orders += 1
