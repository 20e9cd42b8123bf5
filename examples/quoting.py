from kedge import Strategy, param


class Quoting(Strategy):
    """Quote both sides around the microprice, leaning against the position."""

    half_spread = param(1.0, low=0, high=50, unit="ticks")
    size = param(0.01, low=0.001, high=1)
    lean = param(0.5, low=0, high=10, unit="ticks per size held")

    def on_start(self, ctx):
        ctx.every("100ms")

    def on_timer(self, ctx, timer):
        book = ctx.book
        fair = book.microprice - self.lean * book.tick * ctx.position / self.size
        ctx.quote(fair - self.half_spread * book.tick, fair + self.half_spread * book.tick, self.size)
