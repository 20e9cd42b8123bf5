"""Every route with its handler, weight and right: Binance's paths, and what each is called as a WebSocket request."""

from __future__ import annotations

from kedge.venues.simulated import futures_account, futures_orders, market_data, spot_orders
from kedge.venues.simulated.calls import Route
from kedge.venues.simulated.parameters import Parameters


def _open_spot(parameters: Parameters) -> int:
    return 6 if parameters.get("symbol") else 80


def _open_futures(parameters: Parameters) -> int:
    return 1 if parameters.get("symbol") else 40


SPOT_MARKET = (
    Route("GET", "/api/v3/ping", market_data.ping, 1, socket=("ping",)),
    Route("GET", "/api/v3/time", market_data.time, 1, socket=("time",)),
    Route("GET", "/api/v3/exchangeInfo", market_data.exchange_info, 20, socket=("exchangeInfo",)),
    Route("GET", "/api/v3/depth", market_data.depth, market_data.depth_weight, socket=("depth",)),
    Route("GET", "/api/v3/trades", market_data.trades, 25, socket=("trades.recent",)),
    Route("GET", "/api/v3/historicalTrades", market_data.trades, 25, "key", socket=("trades.historical",)),
    Route("GET", "/api/v3/aggTrades", market_data.aggregate_trades, 4, socket=("trades.aggregate",)),
    Route("GET", "/api/v3/klines", market_data.klines, 2, socket=("klines",)),
    Route("GET", "/api/v3/uiKlines", market_data.klines, 2, socket=("uiKlines",)),
    Route("GET", "/api/v3/avgPrice", market_data.average_price, 2, socket=("avgPrice",)),
    Route("GET", "/api/v3/ticker/24hr", market_data.ticker_day, 2, socket=("ticker.24hr",)),
    Route("GET", "/api/v3/ticker/tradingDay", market_data.ticker_trading_day, 4, socket=("ticker.tradingDay",)),
    Route("GET", "/api/v3/ticker", market_data.ticker_window, 4, socket=("ticker",)),
    Route("GET", "/api/v3/ticker/price", market_data.ticker_price, 2, socket=("ticker.price",)),
    Route("GET", "/api/v3/ticker/bookTicker", market_data.book_ticker, 2, socket=("ticker.book",)),
)

SPOT_ACCOUNT = (
    Route("GET", "/api/v3/account", spot_orders.account, 20, "signed", socket=("account.status",)),
    Route("GET", "/api/v3/account/commission", spot_orders.commission, 20, "signed", socket=("account.commission",)),
    Route("GET", "/api/v3/myTrades", spot_orders.trades, 20, "signed", socket=("myTrades",)),
    Route("GET", "/api/v3/order", spot_orders.query, 4, "signed", socket=("order.status",)),
    Route("POST", "/api/v3/order", spot_orders.place, 1, "signed", 1, socket=("order.place",)),
    Route("DELETE", "/api/v3/order", spot_orders.cancel, 1, "signed", socket=("order.cancel",)),
    Route("POST", "/api/v3/order/test", spot_orders.test, 1, "signed", socket=("order.test",)),
    Route("POST", "/api/v3/order/cancelReplace", spot_orders.replace, 1, "signed", 1, socket=("order.cancelReplace",)),
    Route("GET", "/api/v3/openOrders", spot_orders.open_orders, _open_spot, "signed", socket=("openOrders.status",)),
    Route("DELETE", "/api/v3/openOrders", spot_orders.cancel_open, 1, "signed", socket=("openOrders.cancelAll",)),
    Route("GET", "/api/v3/allOrders", spot_orders.all_orders, 20, "signed", socket=("allOrders",)),
)

# What clients ask of products that are not here when they load markets.
BESIDE = (
    Route("GET", "/sapi/v1/capital/config/getall", market_data.coins, 10, "signed"),
    Route("GET", "/sapi/v1/asset/tradeFee", spot_orders.trade_fee, 1, "signed"),
    Route("GET", "/sapi/v1/margin/allPairs", market_data.nothing, 1, "key"),
    Route("GET", "/sapi/v1/margin/isolated/allPairs", market_data.nothing, 10, "signed"),
    Route("GET", "/dapi/v1/exchangeInfo", market_data.no_symbols, 1),
    Route("GET", "/dapi/v1/time", market_data.time, 1),
)

FUTURES_MARKET = (
    Route("GET", "/fapi/v1/ping", market_data.ping, 1, socket=("ping",)),
    Route("GET", "/fapi/v1/time", market_data.time, 1, socket=("time",)),
    Route("GET", "/fapi/v1/exchangeInfo", market_data.exchange_info, 1),
    Route("GET", "/fapi/v1/depth", market_data.depth, market_data.futures_depth_weight, socket=("depth",)),
    Route("GET", "/fapi/v1/trades", market_data.trades, 5),
    Route("GET", "/fapi/v1/historicalTrades", market_data.trades, 20, "key"),
    Route("GET", "/fapi/v1/aggTrades", market_data.aggregate_trades, 20),
    Route("GET", "/fapi/v1/klines", market_data.klines, market_data.klines_weight),
    Route("GET", "/fapi/v1/ticker/24hr", market_data.ticker_day, 1),
    Route("GET", "/fapi/v1/ticker/price", market_data.ticker_price, 1, socket=("ticker.price",)),
    Route("GET", "/fapi/v2/ticker/price", market_data.ticker_price, 1),
    Route("GET", "/fapi/v1/ticker/bookTicker", market_data.book_ticker, 2, socket=("ticker.book",)),
    Route("GET", "/fapi/v1/premiumIndex", market_data.premium_index, 1),
    Route("GET", "/fapi/v1/fundingRate", market_data.funding_rates, 1),
    Route("GET", "/fapi/v1/fundingInfo", market_data.funding_info, 1),
    Route("GET", "/fapi/v1/openInterest", market_data.open_interest, 1),
)

FUTURES_ORDERS = (
    Route("GET", "/fapi/v1/order", futures_orders.query, 1, "signed", socket=("order.status",)),
    Route("POST", "/fapi/v1/order", futures_orders.place, 1, "signed", 1, socket=("order.place",)),
    Route("PUT", "/fapi/v1/order", futures_orders.amend, 1, "signed", 1, socket=("order.modify",)),
    Route("DELETE", "/fapi/v1/order", futures_orders.cancel, 1, "signed", socket=("order.cancel",)),
    Route("POST", "/fapi/v1/order/test", futures_orders.test, 1, "signed"),
    Route("GET", "/fapi/v1/openOrder", futures_orders.open_order, 1, "signed"),
    Route("GET", "/fapi/v1/openOrders", futures_orders.open_orders, _open_futures, "signed"),
    Route("DELETE", "/fapi/v1/allOpenOrders", futures_orders.cancel_open, 1, "signed"),
    Route("GET", "/fapi/v1/allOrders", futures_orders.all_orders, 5, "signed"),
    Route("GET", "/fapi/v1/userTrades", futures_orders.trades, 5, "signed"),
)

FUTURES_ACCOUNT = (
    Route("GET", "/fapi/v2/account", futures_account.account, 5, "signed", socket=("account.status",)),
    Route("GET", "/fapi/v3/account", futures_account.account, 5, "signed", socket=("v2/account.status",)),
    Route("GET", "/fapi/v2/balance", futures_account.balance, 5, "signed", socket=("account.balance",)),
    Route("GET", "/fapi/v3/balance", futures_account.balance, 5, "signed", socket=("v2/account.balance",)),
    Route("GET", "/fapi/v2/positionRisk", futures_account.position_risk_all, 5, "signed", socket=("account.position",)),
    Route("GET", "/fapi/v3/positionRisk", futures_account.position_risk, 5, "signed", socket=("v2/account.position",)),
    Route("GET", "/fapi/v1/leverageBracket", futures_account.leverage_bracket, 1, "signed"),
    Route("POST", "/fapi/v1/leverage", futures_account.set_leverage, 1, "signed"),
    Route("POST", "/fapi/v1/marginType", futures_account.set_margin_type, 1, "signed"),
    Route("GET", "/fapi/v1/positionSide/dual", futures_account.position_mode, 30, "signed"),
    Route("POST", "/fapi/v1/positionSide/dual", futures_account.set_position_mode, 1, "signed"),
    Route("GET", "/fapi/v1/multiAssetsMargin", futures_account.multi_assets_mode, 30, "signed"),
    Route("GET", "/fapi/v1/symbolConfig", futures_account.symbol_config, 5, "signed"),
    Route("GET", "/fapi/v1/accountConfig", futures_account.account_config, 5, "signed"),
    Route("GET", "/fapi/v1/commissionRate", futures_account.commission_rate, 20, "signed"),
    Route("GET", "/fapi/v1/income", futures_account.income, 30, "signed"),
    Route("POST", "/fapi/v1/listenKey", futures_account.listen_key, 1, "key", socket=("userDataStream.start",)),
    Route("PUT", "/fapi/v1/listenKey", futures_account.keep_listen_key, 1, "key", socket=("userDataStream.ping",)),
    Route("DELETE", "/fapi/v1/listenKey", futures_account.end_listen_key, 1, "key", socket=("userDataStream.stop",)),
)

ROUTES = (*SPOT_MARKET, *SPOT_ACCOUNT, *BESIDE, *FUTURES_MARKET, *FUTURES_ORDERS, *FUTURES_ACCOUNT)
BY_PATH = {(route.method, route.path): route for route in ROUTES}
BY_SOCKET = {(route.market, name): route for route in ROUTES for name in route.socket}
