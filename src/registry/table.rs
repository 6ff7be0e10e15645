//! The table that a kind lands in.

use std::fmt;

use serde_json::Value;

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
    /// Derived text columns besides the common ones (`name`, `namespace`, `status_phase`, `payload`).
    pub columns: Vec<Column>,
    /// Columns besides `namespace` that get an index, `idx_<table>_<column>`, in a table that we create.
    pub indexed: Vec<String>,
}

/// A derived column: `text not null default '<default>'`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Column {
    pub name: String,
    /// Default in the table we create; the value itself always comes with the row.
    pub default: String,
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
