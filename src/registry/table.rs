//! The table that a kind lands in.

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
