//! From a path to what it means.

use axum::http::{Method, StatusCode};
use percent_encoding::percent_decode_str;

use super::auth::Role;
use super::objects::Collection;
use super::refusal::Refusal;
use crate::registry::{ApiWriters, Registry};
use crate::resource::KindIndex;

/// What a path means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    Health,
    Metrics,
    OpenApi,
    Capabilities,
    Namespaces,
    Workers,
    AuthConfig,
    AuthMe,
    Events,
    Collection(KindIndex),
    Watch(KindIndex),
    Item(KindIndex, String),
    Status(KindIndex, String),
    Unknown,
}

/// Routes that belong to no kind.
const FIXED: [(&str, Route); 9] = [
    ("healthz", Route::Health),
    ("metrics", Route::Metrics),
    ("openapi.json", Route::OpenApi),
    ("v1/capabilities", Route::Capabilities),
    ("v1/namespaces", Route::Namespaces),
    ("v1/workers", Route::Workers),
    ("v1/auth/config", Route::AuthConfig),
    ("v1/auth/me", Route::AuthMe),
    ("v1/events/watch", Route::Events),
];

const ITEM: &str = "/{name}";
const STATUS: &str = "/status";
const WATCH: &str = "/watch";

impl Route {
    /// Reads a path as Go's servers do: decoded, slashes in a row are one, and one at the end is none.
    pub fn of(registry: &Registry, path: &str) -> Result<Self, Refusal> {
        let decoded = percent_decode_str(path).decode_utf8();
        let decoded = decoded.map_err(|_| Refusal::invalid("the path is not valid UTF-8; encode it as UTF-8"))?;
        let parts: Vec<&str> = decoded.split('/').filter(|part| !part.is_empty()).collect();
        let joined = parts.join("/");
        if let Some((_, route)) = FIXED.iter().find(|(path, _)| *path == joined) {
            return Ok(route.clone());
        }
        let ["v1", collection, rest @ ..] = parts.as_slice() else { return Ok(Self::Unknown) };
        let found = registry.kinds().iter().filter_map(Collection::of).find(|of| of.api.collection == *collection);
        let Some(of) = found else { return Ok(Self::Unknown) };
        let index = of.kind.index;
        Ok(match rest {
            [] if decoded.ends_with('/') => Self::Item(index, String::new()),
            [] => Self::Collection(index),
            ["watch"] if of.api.watch => Self::Watch(index),
            [name, "status"] if of.api.status => Self::Status(index, (*name).to_owned()),
            names => Self::Item(index, names.join("/")),
        })
    }

    /// In metrics and logs: the collection, but no name.
    #[must_use]
    pub fn label(&self, registry: &Registry) -> String {
        let kind = |index: KindIndex, rest: &str| {
            let collection = registry.kind(index).api.as_ref().map_or("", |api| &api.collection);
            format!("/v1/{collection}{rest}")
        };
        match self {
            Self::Collection(index) => kind(*index, ""),
            Self::Watch(index) => kind(*index, WATCH),
            Self::Item(index, _) => kind(*index, ITEM),
            Self::Status(index, _) => kind(*index, &[ITEM, STATUS].concat()),
            Self::Unknown => "other".to_owned(),
            fixed => {
                FIXED.iter().find(|(_, route)| route == fixed).map_or_else(String::new, |(path, _)| format!("/{path}"))
            }
        }
    }

    /// Role that a request takes; `None` where anybody may ask.
    #[must_use]
    pub fn role(&self, method: &Method, registry: &Registry) -> Option<Role> {
        match self {
            Self::Health | Self::AuthConfig | Self::AuthMe => None,
            Self::Status(..) if method != Method::GET => Some(Role::Controller),
            Self::Collection(index) | Self::Item(index, _) if method != Method::GET => {
                let writers = registry.kind(*index).api.as_ref().map(|api| api.writers);
                Some(if writers == Some(ApiWriters::Admin) { Role::Admin } else { Role::Writer })
            }
            _ => Some(Role::Reader),
        }
    }

    /// Refuses methods that the route does not have.
    pub fn check_method(&self, method: &Method) -> Result<(), Refusal> {
        let allowed: &[Method] = match self {
            Self::Health | Self::Unknown => return Ok(()),
            Self::Collection(_) => &[Method::GET, Method::POST],
            Self::Item(..) => &[Method::GET, Method::PUT, Method::DELETE],
            Self::Status(..) => &[Method::GET, Method::PUT],
            _ => &[Method::GET],
        };
        if allowed.contains(method) {
            return Ok(());
        }
        let names: Vec<&str> = allowed.iter().map(Method::as_str).collect();
        let text = format!("method not allowed: this route takes {}", names.join(", "));
        Err(Refusal::new(StatusCode::METHOD_NOT_ALLOWED, text))
    }
}
