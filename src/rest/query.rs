//! The query of a request.

use super::objects::{ListQuery, MAX_PAGE};
use super::refusal::Refusal;
use super::selector::Selector;
use crate::desired::{namespace_or_default, scoped};

/// Query of a request: of a parameter that is given twice the first counts, as in Go.
#[derive(Clone, Debug, Default)]
pub struct Query(Vec<(String, String)>);

impl Query {
    #[must_use]
    pub fn parse(text: Option<&str>) -> Self {
        Self(form_urlencoded::parse(text.unwrap_or_default().as_bytes()).into_owned().collect())
    }

    /// The parameter, where it says anything.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(given, _)| given == name);
        found.map(|(_, value)| value.trim()).filter(|value| !value.is_empty())
    }

    #[must_use]
    pub fn namespace(&self) -> Option<&str> {
        self.get("namespace")
    }

    /// Whether a value passes the filter of that name.
    #[must_use]
    pub fn wants(&self, name: &str, value: &str) -> bool {
        self.get(name).is_none_or(|wanted| wanted.eq_ignore_ascii_case(value))
    }

    /// Of events: those after this one.
    #[must_use]
    pub fn since(&self) -> u64 {
        self.get("since").and_then(|id| id.parse().ok()).unwrap_or(0)
    }

    /// Of a watch: objects that are newer.
    #[must_use]
    pub fn resource_version(&self) -> Option<u64> {
        self.get("resourceVersion").and_then(|version| version.parse().ok())
    }

    /// A list's page. A limit that is no positive number counts as none.
    pub fn page(&self) -> Result<ListQuery, Refusal> {
        let namespace = self.namespace().map(str::to_owned);
        let limit = self.get("limit").and_then(|limit| limit.parse().ok()).filter(|limit| *limit > 0);
        // a bare name is what orlojd 0.3 told
        let key = |after: &str| match after.contains('/') {
            true => after.to_owned(),
            false => scoped(&namespace_or_default(namespace.as_deref().unwrap_or_default()), after),
        };
        let after = self.get("after").or_else(|| self.get("continue")).map(key);
        if after.as_ref().is_some_and(|after| after.contains('\0')) {
            return Err(Refusal::invalid("after: must not contain U+0000; give what a list told as `continue`"));
        }
        let selector = self.get("labelSelector").or_else(|| self.get("labels")).unwrap_or_default();
        let limit = limit.map(|limit: usize| limit.min(MAX_PAGE));
        Ok(ListQuery { limit, after, selector: Selector::parse(selector)?, namespace })
    }
}
