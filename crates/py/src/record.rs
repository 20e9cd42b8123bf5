//! What a compiled strategy sees and fills: one struct of C, whose layout Python asks for.

use std::mem::offset_of;

/// Open orders that the record shows, oldest first.
pub(crate) const ORDERS: usize = 64;
/// Levels of a side that the record shows.
pub(crate) const LEVELS: usize = 20;
/// Wishes of one wake-up.
pub(crate) const WISHES: usize = 64;

macro_rules! record {
    ($($(#[$about:meta])* $field:ident: $type:ty = $empty:expr;)*) => {
        /// The record. Prices are in quote currency, sizes in base units; NaN where there is none.
        #[repr(C)]
        pub(crate) struct Record {
            $($(#[$about])* pub(crate) $field: $type,)*
        }

        impl Record {
            /// One that tells of nothing yet.
            pub(crate) fn new() -> Box<Self> {
                Box::new(Self { $($field: $empty,)* })
            }

            /// Name, NumPy format and offset of every field.
            pub(crate) fn layout() -> Vec<(&'static str, String, usize)> {
                vec![$((stringify!($field), <$type as Format>::format(), offset_of!(Record, $field)),)*]
            }
        }
    };
}

trait Format {
    fn format() -> String;
}

impl Format for i64 {
    fn format() -> String {
        "<i8".into()
    }
}

impl Format for u64 {
    fn format() -> String {
        "<u8".into()
    }
}

impl Format for f64 {
    fn format() -> String {
        "<f8".into()
    }
}

impl<T: Format, const N: usize> Format for [T; N] {
    fn format() -> String {
        format!("({N},){}", T::format())
    }
}

record! {
    /// What happened, as in `WAKES` of compiled.rs.
    event: i64 = 0;
    /// The engine's time.
    now: i64 = 0;
    /// The venue's time of a trade; `NO_TIME` where it does not tell.
    time: i64 = 0;
    /// Number of the timer that fired, or of the bars that closed.
    number: i64 = 0;
    /// Of a trade, fill or order; the close of a bar.
    price: f64 = f64::NAN;
    /// Of a trade, fill or order; the volume of a bar.
    size: f64 = f64::NAN;
    /// 1 buyer, −1 seller.
    side: i64 = 0;
    open: f64 = f64::NAN;
    high: f64 = f64::NAN;
    low: f64 = f64::NAN;
    /// Bought by aggressors within a bar.
    buy_size: f64 = f64::NAN;
    /// Trades of a bar.
    trades: i64 = 0;
    /// Funding rate.
    rate: f64 = f64::NAN;
    /// Id of the order that a fill or a report is about.
    order: u64 = 0;
    order_state: i64 = 0;
    /// 1 where the fill added liquidity.
    maker: i64 = 0;
    fee: f64 = f64::NAN;
    quoted_bid: f64 = f64::NAN;
    quoted_bid_size: f64 = f64::NAN;
    quoted_ask: f64 = f64::NAN;
    quoted_ask_size: f64 = f64::NAN;
    bid: f64 = f64::NAN;
    bid_size: f64 = f64::NAN;
    ask: f64 = f64::NAN;
    ask_size: f64 = f64::NAN;
    microprice: f64 = f64::NAN;
    in_sync: i64 = 0;
    tick: f64 = f64::NAN;
    lot: f64 = f64::NAN;
    /// Price of the last trade.
    last: f64 = f64::NAN;
    position: f64 = 0.0;
    pnl: f64 = 0.0;
    cash: f64 = 0.0;
    /// How many of the arrays below are open orders.
    open_orders: i64 = 0;
    /// Open orders for which the arrays have no room: the newest.
    orders_left_out: i64 = 0;
    order_ids: [u64; ORDERS] = [0; ORDERS];
    order_sides: [i64; ORDERS] = [0; ORDERS];
    order_prices: [f64; ORDERS] = [f64::NAN; ORDERS];
    order_sizes: [f64; ORDERS] = [0.0; ORDERS];
    order_filled: [f64; ORDERS] = [0.0; ORDERS];
    order_states: [i64; ORDERS] = [0; ORDERS];
    /// 1 where a cancel or an amendment is not answered yet.
    order_pending: [i64; ORDERS] = [0; ORDERS];
    /// Best first; NaN below the last level.
    bid_prices: [f64; LEVELS] = [f64::NAN; LEVELS];
    bid_sizes: [f64; LEVELS] = [f64::NAN; LEVELS];
    ask_prices: [f64; LEVELS] = [f64::NAN; LEVELS];
    ask_sizes: [f64; LEVELS] = [f64::NAN; LEVELS];
    /// What the strategy's randomness is made from.
    random_key: u64 = 0;
    /// How many numbers were drawn.
    random_index: u64 = 0;
    /// The id of the next order.
    next_order: u64 = 0;
    /// Set by the caller's last line: without it the function raised.
    done: i64 = 0;
    /// How many of the arrays below are wishes.
    wishes: i64 = 0;
    wish_kinds: [i64; WISHES] = [0; WISHES];
    wish_orders: [u64; WISHES] = [0; WISHES];
    wish_prices: [f64; WISHES] = [f64::NAN; WISHES];
    wish_asks: [f64; WISHES] = [f64::NAN; WISHES];
    wish_sizes: [f64; WISHES] = [0.0; WISHES];
    wish_tifs: [i64; WISHES] = [0; WISHES];
}
