//! What Kubernetes takes as an object's metadata: its fields, names, labels and annotations.
//!
//! `metav1.ObjectMeta` of `k8s.io/apimachinery`, and the checks of its `api/validation` and `util/validation`.

pub mod check;
pub mod names;

/// Most bytes of all annotations together, keys and values.
pub const MAX_ANNOTATIONS: usize = 256 << 10;

/// What a field of metadata holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    Text,
    Integer,
    Time,
    Flag,
    Texts,
    TextMap,
    Owners,
    Entries,
}

/// All fields, by name.
pub const FIELDS: [(&str, Type); 15] = [
    ("annotations", Type::TextMap),
    ("creationTimestamp", Type::Time),
    ("deletionGracePeriodSeconds", Type::Integer),
    ("deletionTimestamp", Type::Time),
    ("finalizers", Type::Texts),
    ("generateName", Type::Text),
    ("generation", Type::Integer),
    ("labels", Type::TextMap),
    ("managedFields", Type::Entries),
    ("name", Type::Text),
    ("namespace", Type::Text),
    ("ownerReferences", Type::Owners),
    ("resourceVersion", Type::Text),
    ("selfLink", Type::Text),
    ("uid", Type::Text),
];

/// Those of an owner.
pub const OWNER_FIELDS: [(&str, Type); 6] = [
    ("apiVersion", Type::Text),
    ("blockOwnerDeletion", Type::Flag),
    ("controller", Type::Flag),
    ("kind", Type::Text),
    ("name", Type::Text),
    ("uid", Type::Text),
];
