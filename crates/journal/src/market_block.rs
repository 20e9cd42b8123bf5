//! Market columns as bytes, the payload of a [`crate::kind::MARKET`] record: little-endian, unpadded.
//!
//! | bytes | field |
//! |---|---|
//! | 4 | rows `n`, u32 |
//! | 8 | price base in ticks, i64 |
//! | 8 | quantity scale in quantity steps, i64 |
//! | 4 | wide rows `w`, u32 |
//! | 2 | stream index: which market stream of the session's header, u16 |
//! | 8 `n`, 8 `n` | `ts_event`, `ts_recv`, i64 |
//! | 4 `n`, 4 `n` | price, quantity, i32 |
//! | `n` | flags, u8 |
//! | 8 `w`, 8 `w` | wide price, wide quantity, i64 |

use std::borrow::Cow;

use crate::format::PAYLOAD_LEN_MAX;

/// Bytes before the columns.
pub const HEAD_LEN: usize = 26;
/// Bytes of a row in the five columns.
pub const ROW_LEN: usize = 25;
/// Bytes of a wide row.
pub const WIDE_ROW_LEN: usize = 16;

/// One block of market events of one stream. What the columns mean is the engine's; here they are only numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MarketBlock<'a> {
    /// Which market stream of the session.
    pub stream: u16,
    /// Ticks to add to `price`.
    pub price_base: i64,
    /// Quantity steps in one unit of `qty`.
    pub qty_scale: i64,
    /// Venue time of each row, ns.
    pub ts_event: Cow<'a, [i64]>,
    /// Our time of each row, ns.
    pub ts_recv: Cow<'a, [i64]>,
    /// Ticks above the base, or an index into the wide columns.
    pub price: Cow<'a, [i32]>,
    /// Units of the scale.
    pub qty: Cow<'a, [i32]>,
    /// Kind, side, end of packet, wide.
    pub flags: Cow<'a, [u8]>,
    /// Prices that do not fit, in ticks.
    pub wide_price: Cow<'a, [i64]>,
    /// Quantities that do not fit, in quantity steps.
    pub wide_qty: Cow<'a, [i64]>,
}

/// Appends a block to `out`.
///
/// # Errors
/// If the columns do not have one length, or the block would be longer than a payload may be; `out` is unchanged then.
pub fn encode(block: &MarketBlock<'_>, out: &mut Vec<u8>) -> Result<(), String> {
    let (rows, wide) = (block.flags.len(), block.wide_price.len());
    let lengths = [block.ts_event.len(), block.ts_recv.len(), block.price.len(), block.qty.len()];
    if lengths != [rows; 4] || block.wide_qty.len() != wide {
        return Err(format!(
            "columns must have {rows} rows as `flags` has, were {lengths:?}; wide columns must have one length, \
             were {wide} and {}",
            block.wide_qty.len()
        ));
    }
    let len = block_len(rows as u64, wide as u64);
    if len > PAYLOAD_LEN_MAX as u64 {
        return Err(format!("a block must have at most {PAYLOAD_LEN_MAX} bytes, was {len}: split it"));
    }
    out.reserve(usize::try_from(len).expect("within 64 MiB"));
    let count = |n: usize| u32::try_from(n).expect("fewer rows than bytes").to_le_bytes();
    out.extend_from_slice(&count(rows));
    out.extend_from_slice(&block.price_base.to_le_bytes());
    out.extend_from_slice(&block.qty_scale.to_le_bytes());
    out.extend_from_slice(&count(wide));
    out.extend_from_slice(&block.stream.to_le_bytes());
    for column in [&block.ts_event, &block.ts_recv] {
        out.extend(column.iter().flat_map(|value| value.to_le_bytes()));
    }
    for column in [&block.price, &block.qty] {
        out.extend(column.iter().flat_map(|value| value.to_le_bytes()));
    }
    out.extend_from_slice(&block.flags);
    for column in [&block.wide_price, &block.wide_qty] {
        out.extend(column.iter().flat_map(|value| value.to_le_bytes()));
    }
    Ok(())
}

/// Reads a block. Lengths are checked, indices into the wide columns are not.
///
/// # Errors
/// If the payload's length is not what its counts say.
pub fn decode(payload: &[u8]) -> Result<MarketBlock<'static>, String> {
    let mut rest = payload;
    let mut take = |len: usize| {
        let (taken, left) = rest.split_at(len);
        rest = left;
        taken
    };
    if payload.len() < HEAD_LEN {
        return Err(format!("a market block must have at least {HEAD_LEN} bytes, was {}", payload.len()));
    }
    let u32_of = |bytes: &[u8]| u32::from_le_bytes(bytes.try_into().expect("four bytes"));
    let rows = u32_of(take(4));
    let (price_base, qty_scale) = (i64_of(take(8)), i64_of(take(8)));
    let wide = u32_of(take(4));
    let stream = u16::from_le_bytes(take(2).try_into().expect("two bytes"));
    let len = block_len(u64::from(rows), u64::from(wide));
    if payload.len() as u64 != len {
        return Err(format!("{rows} rows and {wide} wide rows must have {len} bytes, was {}", payload.len()));
    }
    let (rows, wide) = (rows as usize, wide as usize);
    let wides = |bytes: &[u8]| Cow::Owned(bytes.chunks_exact(8).map(i64_of).collect::<Vec<i64>>());
    let narrow = |bytes: &[u8]| Cow::Owned(bytes.chunks_exact(4).map(i32_of).collect::<Vec<i32>>());
    Ok(MarketBlock {
        stream,
        price_base,
        qty_scale,
        ts_event: wides(take(8 * rows)),
        ts_recv: wides(take(8 * rows)),
        price: narrow(take(4 * rows)),
        qty: narrow(take(4 * rows)),
        flags: Cow::Owned(take(rows).to_vec()),
        wide_price: wides(take(8 * wide)),
        wide_qty: wides(take(8 * wide)),
    })
}

fn block_len(rows: u64, wide: u64) -> u64 {
    HEAD_LEN as u64 + ROW_LEN as u64 * rows + WIDE_ROW_LEN as u64 * wide
}

fn i64_of(bytes: &[u8]) -> i64 {
    i64::from_le_bytes(bytes.try_into().expect("eight bytes"))
}

fn i32_of(bytes: &[u8]) -> i32 {
    i32::from_le_bytes(bytes.try_into().expect("four bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn block_of(rows: &[(i64, i64, i32, i32, u8)], wide: &[(i64, i64)]) -> MarketBlock<'static> {
        MarketBlock {
            stream: 3,
            price_base: 6_183_763,
            qty_scale: 1_000,
            ts_event: rows.iter().map(|row| row.0).collect(),
            ts_recv: rows.iter().map(|row| row.1).collect(),
            price: rows.iter().map(|row| row.2).collect(),
            qty: rows.iter().map(|row| row.3).collect(),
            flags: rows.iter().map(|row| row.4).collect(),
            wide_price: wide.iter().map(|row| row.0).collect(),
            wide_qty: wide.iter().map(|row| row.1).collect(),
        }
    }

    proptest! {
        #[test]
        fn a_block_comes_back_and_no_other_length_passes(
            rows in prop::collection::vec(any::<(i64, i64, i32, i32, u8)>(), 0..40),
            wide in prop::collection::vec(any::<(i64, i64)>(), 0..5),
        ) {
            let block = block_of(&rows, &wide);
            let mut bytes = Vec::new();
            encode(&block, &mut bytes).unwrap();
            prop_assert_eq!(bytes.len(), HEAD_LEN + ROW_LEN * rows.len() + WIDE_ROW_LEN * wide.len());
            prop_assert_eq!(decode(&bytes), Ok(block));
            for len in 0..bytes.len() {
                prop_assert!(decode(&bytes[..len]).is_err());
            }
            bytes.push(0);
            prop_assert!(decode(&bytes).is_err());
        }
    }

    #[test]
    fn the_bytes_are_those_of_the_documentation() {
        let mut bytes = Vec::new();
        encode(&block_of(&[(1, 2, -3, 4, 0x21)], &[(5, 6)]), &mut bytes).unwrap();
        let mut documented = Vec::new();
        documented.extend(1_u32.to_le_bytes());
        documented.extend(6_183_763_i64.to_le_bytes());
        documented.extend(1_000_i64.to_le_bytes());
        documented.extend(1_u32.to_le_bytes());
        documented.extend(3_u16.to_le_bytes());
        documented.extend(1_i64.to_le_bytes());
        documented.extend(2_i64.to_le_bytes());
        documented.extend((-3_i32).to_le_bytes());
        documented.extend(4_i32.to_le_bytes());
        documented.push(0x21);
        documented.extend(5_i64.to_le_bytes());
        documented.extend(6_i64.to_le_bytes());
        assert_eq!(bytes, documented);
    }

    #[test]
    fn columns_of_different_lengths_are_refused() {
        let mut block = block_of(&[(1, 2, 3, 4, 5)], &[(6, 7)]);
        block.qty = Cow::Owned(vec![]);
        let mut bytes = vec![9];
        assert!(encode(&block, &mut bytes).is_err());
        let mut block = block_of(&[(1, 2, 3, 4, 5)], &[(6, 7)]);
        block.wide_qty = Cow::Owned(vec![]);
        assert!(encode(&block, &mut bytes).is_err());
        assert_eq!(bytes, [9]);
    }
}
