//! What authors of kinds use, and no running operator: drafts, lint, explanations, cases, schemas for editors, rights.

pub mod cases;
pub mod draft;
pub mod explain;
pub mod lint;
pub mod rbac;
pub mod schemas;
