from kedge import compiled, param


@compiled.strategy(
    every="100ms",
    half_spread=param(1.0, low=0, high=50, unit="ticks"),
    size=param(0.01, low=0.001, high=1),
    lean=param(0.5, low=0, high=10, unit="ticks per size held"),
)
def quoting(ctx, state, params):
    """Quote both sides around the microprice, leaning against the position."""
    fair = ctx.microprice - params.lean * ctx.tick * ctx.position / params.size
    ctx.quote(fair - params.half_spread * ctx.tick, fair + params.half_spread * ctx.tick, params.size)
