//! What authors of kinds use, and no running operator: lint, explanations, cases, schemas for editors, rights.

pub mod cases;
pub mod explain;
pub mod lint;
pub mod rbac;
pub mod schemas;
