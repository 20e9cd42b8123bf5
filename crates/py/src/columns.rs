//! `kedge.model.columns.MarketColumns` as the engine's columns: NumPy's memory read where it lies.

use kedge_core::event::{Columns, ColumnsBuf};
use numpy::{IntoPyArray, PyReadonlyArray1};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::errors::kedge_error;

/// The arrays of one block, held readable while the engine runs over them.
pub(crate) struct HeldColumns<'py> {
    ts_event: PyReadonlyArray1<'py, i64>,
    ts_recv: PyReadonlyArray1<'py, i64>,
    price: PyReadonlyArray1<'py, i32>,
    qty: PyReadonlyArray1<'py, i32>,
    flags: PyReadonlyArray1<'py, u8>,
    wide_price: PyReadonlyArray1<'py, i64>,
    wide_qty: PyReadonlyArray1<'py, i64>,
    price_base: i64,
    qty_scale: i64,
}

impl<'py> HeldColumns<'py> {
    /// Holds the arrays of a `MarketColumns`.
    ///
    /// # Errors
    /// A `DataError` naming the column that is not an array of its type.
    pub(crate) fn hold(block: &Bound<'py, PyAny>) -> PyResult<Self> {
        Ok(Self {
            ts_event: array(block, "ts_event")?,
            ts_recv: array(block, "ts_recv")?,
            price: array(block, "price")?,
            qty: array(block, "qty")?,
            flags: array(block, "flags")?,
            wide_price: array(block, "wide_price")?,
            wide_qty: array(block, "wide_qty")?,
            price_base: block.getattr("price_base")?.extract()?,
            qty_scale: block.getattr("qty_scale")?.extract()?,
        })
    }

    /// The columns, checked.
    ///
    /// # Errors
    /// A `DataError` naming the column or row that does not fit.
    pub(crate) fn columns(&self) -> PyResult<Columns<'_>> {
        let columns = Columns {
            ts_event: self.ts_event.as_slice()?,
            ts_recv: self.ts_recv.as_slice()?,
            price: self.price.as_slice()?,
            qty: self.qty.as_slice()?,
            flags: self.flags.as_slice()?,
            wide_price: self.wide_price.as_slice()?,
            wide_qty: self.wide_qty.as_slice()?,
            price_base: self.price_base,
            qty_scale: self.qty_scale,
            shift: 0,
        };
        columns
            .check()
            .map_err(|error| kedge_error("DataError", error, "the file or its cache is damaged: import it again"))?;
        Ok(columns)
    }
}

fn array<'py, T: numpy::Element>(block: &Bound<'py, PyAny>, name: &str) -> PyResult<PyReadonlyArray1<'py, T>> {
    block.getattr(name)?.extract().map_err(|_| {
        kedge_error(
            "DataError",
            format!("column `{name}` is not a one-dimensional array of its type"),
            "import the file again",
        )
    })
}

/// Columns as the fields of a `MarketColumns`: the arrays take over the memory.
pub(crate) fn columns_dict(py: Python<'_>, columns: ColumnsBuf) -> PyResult<Bound<'_, PyDict>> {
    let dict = PyDict::new(py);
    dict.set_item("ts_event", columns.ts_event.into_pyarray(py))?;
    dict.set_item("ts_recv", columns.ts_recv.into_pyarray(py))?;
    dict.set_item("price", columns.price.into_pyarray(py))?;
    dict.set_item("qty", columns.qty.into_pyarray(py))?;
    dict.set_item("flags", columns.flags.into_pyarray(py))?;
    dict.set_item("wide_price", columns.wide_price.into_pyarray(py))?;
    dict.set_item("wide_qty", columns.wide_qty.into_pyarray(py))?;
    dict.set_item("price_base", columns.price_base)?;
    dict.set_item("qty_scale", columns.qty_scale.max(1))?;
    Ok(dict)
}
