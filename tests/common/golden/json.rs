//! Golden files that are lists of objects, one a line.

use serde_json::Value;

/// The objects of a file.
pub fn rows(text: &str) -> Vec<Value> {
    serde_json::from_str(text).expect("a golden file")
}

/// The text of a field.
pub fn text(row: &Value, field: &str) -> String {
    row[field].as_str().unwrap_or_else(|| panic!("{field} in {row}")).to_string()
}

/// A number.
pub fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("a number, not {value}"))
}

/// An id or a count.
pub fn whole(value: &Value) -> u32 {
    value.as_u64().unwrap_or_else(|| panic!("a whole number, not {value}")) as u32
}

/// A list, each value of which `read` reads: `list(&row["ids"], whole)`.
pub fn list<T>(value: &Value, read: impl Fn(&Value) -> T) -> Vec<T> {
    value.as_array().unwrap_or_else(|| panic!("a list, not {value}")).iter().map(read).collect()
}

/// A list of lists.
pub fn lists<T>(value: &Value, read: impl Fn(&Value) -> T) -> Vec<Vec<T>> {
    list(value, |row| list(row, &read))
}
