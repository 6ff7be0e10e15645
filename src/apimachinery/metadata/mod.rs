//! What Kubernetes takes as an object's metadata: its fields, names, labels and annotations.
//!
//! `metav1.ObjectMeta` of `k8s.io/apimachinery`, and the checks of its `api/validation` and `util/validation`.

pub mod check;
pub mod names;

/// Most bytes of all annotations together, keys and values.
pub const MAX_ANNOTATIONS: usize = 256 << 10;

/// What a field of metadata holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetadataType {
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
pub const FIELDS: [(&str, MetadataType); 15] = [
    ("annotations", MetadataType::TextMap),
    ("creationTimestamp", MetadataType::Time),
    ("deletionGracePeriodSeconds", MetadataType::Integer),
    ("deletionTimestamp", MetadataType::Time),
    ("finalizers", MetadataType::Texts),
    ("generateName", MetadataType::Text),
    ("generation", MetadataType::Integer),
    ("labels", MetadataType::TextMap),
    ("managedFields", MetadataType::Entries),
    ("name", MetadataType::Text),
    ("namespace", MetadataType::Text),
    ("ownerReferences", MetadataType::Owners),
    ("resourceVersion", MetadataType::Text),
    ("selfLink", MetadataType::Text),
    ("uid", MetadataType::Text),
];

/// Those of an owner.
pub const OWNER_FIELDS: [(&str, MetadataType); 6] = [
    ("apiVersion", MetadataType::Text),
    ("blockOwnerDeletion", MetadataType::Flag),
    ("controller", MetadataType::Flag),
    ("kind", MetadataType::Text),
    ("name", MetadataType::Text),
    ("uid", MetadataType::Text),
];
