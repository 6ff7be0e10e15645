//! The table that a kind lands in.

use std::fmt;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::go_compat::time::Timestamp;

/// Who creates and migrates a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TableOwner {
    /// orlojd migrates it; it gets no column, trigger or constraint from us.
    Orlojd,
    /// The operator creates it.
    Operator,
}

/// A kind's table. Names have passed `[a-z_][a-z0-9_]*`; statements quote them all the same.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Table {
    pub name: String,
    pub owner: TableOwner,
    /// Derived columns besides the common ones (`name`, `namespace`, `status_phase`, `payload`).
    pub columns: Vec<Column>,
    /// Columns besides `namespace` that get an index, `idx_<table>_<column>`, in a table that we create.
    pub indexed: Vec<String>,
    /// The ledger's names of other kinds whose resources have rows there.
    pub shared_with: Vec<String>,
}

impl Table {
    /// The ledger's names of all kinds that may own its rows, as `kind` sees them.
    #[must_use]
    pub fn owners<'t>(&'t self, kind: &'t str) -> Vec<&'t str> {
        let others = self.shared_with.iter().map(String::as_str).filter(|other| *other != kind);
        std::iter::once(kind).chain(others).collect()
    }
}

/// A derived column: not null, but for a time.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Column {
    pub name: String,
    /// Default in the table we create, which tells the column's type; the value itself always comes with the row.
    pub default: ColumnValue,
}

/// Type of a derived column.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, PartialEq, Eq, Hash)]
#[serde(rename_all = "camelCase")]
pub enum ColumnType {
    /// `text`, never null: a number or a switch becomes its text, what is missing the empty text.
    #[default]
    Text,
    /// `boolean`, never null: what is missing is false.
    Boolean,
    /// `bigint`, never null: what is missing is 0.
    Integer,
    /// `timestamptz`: null where there is no time in RFC 3339.
    Timestamp,
}

/// Value of a derived column.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ColumnValue {
    Text(String),
    Boolean(bool),
    Integer(i64),
    /// Microseconds since the Unix epoch, as both databases hold them.
    Timestamp(Option<i64>),
}

impl ColumnType {
    /// Value of a column whose field is missing.
    #[must_use]
    pub fn zero(self) -> ColumnValue {
        match self {
            Self::Text => ColumnValue::Text(String::new()),
            Self::Boolean => ColumnValue::Boolean(false),
            Self::Integer => ColumnValue::Integer(0),
            Self::Timestamp => ColumnValue::Timestamp(None),
        }
    }

    /// As people read it.
    #[must_use]
    pub fn told(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Boolean => "boolean",
            Self::Integer => "integer",
            Self::Timestamp => "timestamp",
        }
    }
}

impl From<&str> for ColumnValue {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl ColumnValue {
    #[must_use]
    pub fn column_type(&self) -> ColumnType {
        match self {
            Self::Text(_) => ColumnType::Text,
            Self::Boolean(_) => ColumnType::Boolean,
            Self::Integer(_) => ColumnType::Integer,
            Self::Timestamp(_) => ColumnType::Timestamp,
        }
    }

    /// As a case of a kind states it: a time is a text in RFC 3339.
    #[must_use]
    pub fn json(&self) -> Value {
        match self {
            Self::Text(text) => text.as_str().into(),
            Self::Boolean(flag) => (*flag).into(),
            Self::Integer(number) => (*number).into(),
            Self::Timestamp(micros) => micros.map(|micros| Timestamp::of_micros(micros).text()).into(),
        }
    }
}

/// A table as it stands in a store, whoever made it, with some of its rows.
#[derive(Clone, Default, PartialEq)]
pub struct Described {
    pub columns: Vec<DescribedColumn>,
    /// Objects by column name.
    pub rows: Vec<Value>,
}

/// Without the rows: they may hold secrets.
impl fmt::Debug for Described {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Described").field("columns", &self.columns).finish_non_exhaustive()
    }
}

/// A column of any type.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DescribedColumn {
    pub name: String,
    /// As the database names it, such as `text` or `character varying`.
    pub data_type: String,
    pub not_null: bool,
    /// SQL.
    pub default: Option<String>,
}
