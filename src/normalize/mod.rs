//! What a kind does to a spec: decode it by the kind's shape, take the kind's steps, encode it as Go would.
//!
//! A spec is worked on as a [`Tree`]: objects are slots in schema order, so that a compiled path is a list of
//! positions and nothing is looked up by name on the way. Nothing here knows a kind; shapes, paths and steps are
//! compiled from its file once.

mod decode;
mod encode;
mod fault;
mod node;
mod path;
mod shape;
mod step;
mod tree;

pub use decode::decode;
pub use encode::{encode, encode_ordered};
pub use fault::Fault;
pub use node::Node;
pub use path::{CompiledPath, PathError, PathPattern, Root, Segment};
pub use shape::{Field, ObjectShape, Presence, Shape};
pub use step::{Condition, CopySource, Guard, Operation, Replaced, Step, Unique, normalize};
pub use tree::Tree;
