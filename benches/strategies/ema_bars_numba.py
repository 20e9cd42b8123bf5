from kedge import compiled, param


@compiled.strategy(
    bars="1m",
    state={"seen": int, "side": int, "orders": int, "quick": float, "calm": float},
    fast=param(50, low=1),
    slow=param(200, low=1),
)
def ema_bars(ctx, state, params):
    """W3, compiled: `ema_bars.py` as a function."""
    price = ctx.price
    if state.seen == 0:
        state.quick = state.calm = price
    state.quick += 2.0 / (params.fast + 1) * (price - state.quick)
    state.calm += 2.0 / (params.slow + 1) * (price - state.calm)
    state.seen += 1
    if state.seen <= params.slow:
        return
    if state.quick > state.calm and state.side <= 0:
        ctx.buy(0.01 if state.side == 0 else 0.02)
        state.side = 1
        state.orders += 1
    elif state.quick < state.calm and state.side >= 0:
        ctx.sell(0.01 if state.side == 0 else 0.02)
        state.side = -1
        state.orders += 1
