//! Pages of a list whose size follows what is in them: so many bytes at most, however large the objects are.

use futures::AsyncReadExt as _;
use kube::Client;
use kube::api::{ListParams, ObjectList};
use kube::core::Request;

use super::seen::WatchedObject;
use super::{api, list_params};
use crate::registry::Kind;
use crate::source::Scope;
use crate::source::budget::{ByteBudget, HeldBytes};

/// What a page may have as text. One that turns out larger is asked for again with fewer objects.
const PAGE_BYTES: usize = 2 * 1024 * 1024;

/// A page is in memory twice while it is read: as text, and as objects.
const WHILE_READ: usize = 2 * PAGE_BYTES;

/// What the pages of all lists may hold together.
pub const ALL_PAGES: usize = 4 * WHILE_READ;

/// Objects in a page, at most.
const MOST: u32 = 250;

/// Objects in the first page.
const FIRST: u32 = 50;

/// The pages of one list.
pub struct Pages {
    client: Client,
    path: String,
    params: ListParams,
    budget: ByteBudget,
    limit: u32,
    from: Option<String>,
    ended: bool,
}

/// One page, and its part of the budget until it has been told.
pub struct Page {
    pub objects: Vec<WatchedObject>,
    pub version: String,
    pub held: HeldBytes,
}

impl Pages {
    #[must_use]
    pub fn new(client: &Client, kind: &Kind, scope: &Scope, budget: &ByteBudget) -> Self {
        let namespace = match scope {
            Scope::All => None,
            Scope::Namespace(namespace) => Some(&**namespace),
        };
        let path = api::<WatchedObject>(client, kind, namespace).resource_url().to_owned();
        let params = list_params(kind, FIRST);
        Self { client: client.clone(), path, params, budget: budget.clone(), limit: FIRST, from: None, ended: false }
    }

    /// The next page; `None` after the last.
    pub async fn next(&mut self) -> Result<Option<Page>, kube::Error> {
        if self.ended {
            return Ok(None);
        }
        let held = self.budget.take(WHILE_READ).await;
        let text = loop {
            let text = self.read().await?;
            if text.len() <= PAGE_BYTES || self.limit == 1 {
                break text;
            }
            // it was not read to its end: how many fit is not known
            self.limit = (self.limit / 4).max(1);
        };
        let list: ObjectList<WatchedObject> = serde_json::from_slice(&text).map_err(kube::Error::SerdeError)?;
        self.limit = next_limit(self.limit, text.len(), list.items.len());
        self.from = list.metadata.continue_.filter(|token| !token.is_empty());
        self.ended = self.from.is_none();
        let version = list.metadata.resource_version.unwrap_or_default();
        Ok(Some(Page { objects: list.items, version, held }))
    }

    /// The page as text; its beginning where it is larger than a page may be.
    async fn read(&self) -> Result<Vec<u8>, kube::Error> {
        let mut params = self.params.clone().limit(self.limit);
        if let Some(from) = &self.from {
            params = params.continue_token(from);
        }
        let request = Request::new(&self.path).list(&params).map_err(kube::Error::BuildRequest)?;
        let answer = self.client.request_stream(request).await?;
        let most = if self.limit == 1 { u64::MAX } else { PAGE_BYTES as u64 + 1 };
        let mut text = Vec::new();
        answer.take(most).read_to_end(&mut text).await.map_err(kube::Error::ReadEvents)?;
        Ok(text)
    }
}

/// As many as would fill half a page at the size of those seen, and no more than twice as many as before.
fn next_limit(limit: u32, bytes: usize, objects: usize) -> u32 {
    let each = bytes.checked_div(objects).unwrap_or(0).max(1);
    let fit = u32::try_from(PAGE_BYTES / 2 / each).unwrap_or(u32::MAX);
    fit.min(limit.saturating_mul(2)).clamp(1, MOST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_follow_the_size_of_what_is_in_them() {
        assert_eq!(next_limit(50, 50 * 2_000, 50), 100, "small objects: soon as many as may be");
        assert_eq!(next_limit(200, 200 * 2_000, 200), MOST);
        assert_eq!(next_limit(12, 12 * 100_000, 12), 10);
        assert_eq!(next_limit(3, 3 * 1_000_000, 3), 1);
        assert_eq!(next_limit(1, 3_000_000, 1), 1, "larger than a page, alone");
        assert_eq!(next_limit(1, 2_000, 1), 2, "they grow again");
        assert_eq!(next_limit(50, 200, 0), 100);
    }
}
