import math

from kedge import compiled


@compiled.strategy(every="100ms", state={"wakes": int, "requests": int})
def quotes(ctx, state, params):
    """W4, compiled: `quotes.py` as a function."""
    state.wakes += 1
    bid, ask = round(ctx.bid / ctx.tick), round(ctx.ask / ctx.tick)
    centre = 0.5 * (bid + ask) - 0.5 * (ctx.position / 0.01)
    for at in range(ctx.open_orders):
        if ctx.order_states[at] == compiled.ACCEPTED:
            ctx.cancel(ctx.order_ids[at])
            state.requests += 1
    if ctx.position < 0.1 - 1e-9:
        ctx.buy(0.01, min(math.floor(centre - 0.5), bid) * ctx.tick, compiled.POST_ONLY)
        state.requests += 1
    if ctx.position > -0.1 + 1e-9:
        ctx.sell(0.01, max(math.ceil(centre + 0.5), ask) * ctx.tick, compiled.POST_ONLY)
        state.requests += 1
