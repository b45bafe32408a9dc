//! A cell of an Arrow column as a value.

use arrow_array::array::{Array, ArrayRef};
use arrow_array::cast::AsArray;
use arrow_array::temporal_conversions as times;
use arrow_array::types::{
    Date32Type, Date64Type, Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, UInt8Type,
    UInt16Type, UInt32Type, UInt64Type,
};
use arrow_schema::{DataType, TimeUnit};

use super::value::Value;

/// The value of a cell. Dates and times become the text that JSON files have for them; kinds that no row has a use for
/// are named and nothing else.
pub(super) fn cell(column: &dyn Array, row: usize) -> Value {
    if column.is_null(row) {
        return Value::Null;
    }
    let text = |text: &str| Value::Text(text.to_owned());
    match column.data_type() {
        DataType::Null => Value::Null,
        DataType::Boolean => Value::Bool(column.as_boolean().value(row)),
        DataType::Utf8 => text(column.as_string::<i32>().value(row)),
        DataType::LargeUtf8 => text(column.as_string::<i64>().value(row)),
        DataType::Utf8View => text(column.as_string_view().value(row)),
        DataType::Binary => bytes(column.as_binary::<i32>().value(row)),
        DataType::LargeBinary => bytes(column.as_binary::<i64>().value(row)),
        DataType::BinaryView => bytes(column.as_binary_view().value(row)),
        DataType::FixedSizeBinary(_) => bytes(column.as_fixed_size_binary().value(row)),
        DataType::List(_) => list(&column.as_list::<i32>().value(row)),
        DataType::LargeList(_) => list(&column.as_list::<i64>().value(row)),
        DataType::FixedSizeList(_, _) => list(&column.as_fixed_size_list().value(row)),
        DataType::ListView(_) => list(&column.as_list_view::<i32>().value(row)),
        DataType::LargeListView(_) => list(&column.as_list_view::<i64>().value(row)),
        DataType::Struct(_) => object(column, row),
        DataType::Map(_, _) => map(column, row),
        DataType::Dictionary(_, _) => {
            let dictionary = column.as_any_dictionary();
            match number(dictionary.keys(), row) {
                Some(Value::Whole(key)) => usize::try_from(key)
                    .ok()
                    .filter(|key| *key < dictionary.values().len())
                    .map_or(Value::Null, |key| cell(dictionary.values(), key)),
                _ => Value::Null,
            }
        }
        DataType::Timestamp(unit, zone) => time(column, row, *unit, zone.is_some()),
        DataType::Date32 => date(times::date32_to_datetime(column.as_primitive::<Date32Type>().value(row))),
        DataType::Date64 => date(times::date64_to_datetime(column.as_primitive::<Date64Type>().value(row))),
        other => number(column, row).unwrap_or_else(|| Value::Other(format!("a value of the type {other}"))),
    }
}

/// A number, if the column has numbers.
fn number(column: &dyn Array, row: usize) -> Option<Value> {
    Some(match column.data_type() {
        DataType::Int8 => Value::Whole(column.as_primitive::<Int8Type>().value(row).into()),
        DataType::Int16 => Value::Whole(column.as_primitive::<Int16Type>().value(row).into()),
        DataType::Int32 => Value::Whole(column.as_primitive::<Int32Type>().value(row).into()),
        DataType::Int64 => Value::Whole(column.as_primitive::<Int64Type>().value(row)),
        DataType::UInt8 => Value::Whole(column.as_primitive::<UInt8Type>().value(row).into()),
        DataType::UInt16 => Value::Whole(column.as_primitive::<UInt16Type>().value(row).into()),
        DataType::UInt32 => Value::Whole(column.as_primitive::<UInt32Type>().value(row).into()),
        DataType::UInt64 => {
            let number = column.as_primitive::<UInt64Type>().value(row);
            i64::try_from(number).map_or(Value::Number(number as f64), Value::Whole)
        }
        DataType::Float16 => Value::Number(column.as_primitive::<Float16Type>().value(row).into()),
        DataType::Float32 => Value::Number(column.as_primitive::<Float32Type>().value(row).into()),
        DataType::Float64 => Value::Number(column.as_primitive::<Float64Type>().value(row)),
        _ => return None,
    })
}

/// Bytes that are text: some writers do not mark text as such.
fn bytes(bytes: &[u8]) -> Value {
    std::str::from_utf8(bytes)
        .map_or_else(|_| Value::Other("bytes that are no text".to_owned()), |text| Value::Text(text.to_owned()))
}

fn list(items: &ArrayRef) -> Value {
    if !has_bytes(items.data_type()) {
        return Value::Other("a list of items without content".to_owned());
    }
    Value::List((0..items.len()).map(|row| cell(items, row)).collect())
}

/// Whether values of a type take bytes of the file. Of those that take none, a small file may say that it has any number.
fn has_bytes(kind: &DataType) -> bool {
    match kind {
        DataType::Null | DataType::FixedSizeBinary(0) | DataType::FixedSizeList(_, 0) => false,
        // One value is kept for many.
        DataType::RunEndEncoded(_, _) => false,
        DataType::FixedSizeList(item, _) => has_bytes(item.data_type()),
        DataType::Struct(fields) => fields.iter().any(|field| has_bytes(field.data_type())),
        _ => true,
    }
}

fn object(column: &dyn Array, row: usize) -> Value {
    let object = column.as_struct();
    let fields = object.fields().iter().zip(object.columns());
    Value::Object(fields.map(|(field, column)| (field.name().clone(), cell(column, row))).collect())
}

fn map(column: &dyn Array, row: usize) -> Value {
    let entries = column.as_map().value(row);
    let [keys, values] = entries.columns() else { return Value::Null };
    let key = |row| match cell(keys, row) {
        Value::Text(text) => text,
        Value::Whole(number) => number.to_string(),
        other => other.kind().to_owned(),
    };
    Value::Object((0..entries.len()).map(|row| (key(row), cell(values, row))).collect())
}

fn time(column: &dyn Array, row: usize, unit: TimeUnit, in_zone: bool) -> Value {
    let time = match unit {
        TimeUnit::Second => times::timestamp_s_to_datetime(column.as_primitive::<TimestampSecondType>().value(row)),
        TimeUnit::Millisecond => {
            times::timestamp_ms_to_datetime(column.as_primitive::<TimestampMillisecondType>().value(row))
        }
        TimeUnit::Microsecond => {
            times::timestamp_us_to_datetime(column.as_primitive::<TimestampMicrosecondType>().value(row))
        }
        TimeUnit::Nanosecond => {
            times::timestamp_ns_to_datetime(column.as_primitive::<TimestampNanosecondType>().value(row))
        }
    };
    match time {
        // Debug is ISO 8601; times with a zone are kept in UTC.
        Some(time) => Value::Text(format!("{time:?}{}", if in_zone { "Z" } else { "" })),
        None => Value::Other("a time out of range".to_owned()),
    }
}

fn date<T: std::fmt::Debug>(date: Option<T>) -> Value {
    match date.map(|date| format!("{date:?}")) {
        Some(text) => Value::Text(text.split('T').next().unwrap_or(&text).to_owned()),
        None => Value::Other("a date out of range".to_owned()),
    }
}
