from kedge import Strategy, param


class EmaTrades(Strategy):
    """W2: after every trade, long while the quick average of the prices is above the slow one, else short.

    The averages are plain Python floats, as in the rivals' strategies, and begin at the first price.
    """

    fast, slow = param(2000, low=1), param(10000, low=1)

    def on_start(self, ctx):
        self.orders = self.seen = self.side = 0
        self.quick = self.calm = 0.0
        self.of_quick, self.of_calm = 2.0 / (self.fast + 1), 2.0 / (self.slow + 1)
        # Reading a parameter takes longer than reading an attribute.
        self.warm = self.slow

    def on_trade(self, ctx, trade):
        price = trade.price
        seen = self.seen
        self.seen = seen + 1
        if seen == 0:
            self.quick = self.calm = price
            return
        quick = self.quick = self.quick + self.of_quick * (price - self.quick)
        calm = self.calm = self.calm + self.of_calm * (price - self.calm)
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
