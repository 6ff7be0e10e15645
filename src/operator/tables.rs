//! The tables of the kinds: made where that is for the operator to do, and looked at.

use std::sync::Arc;

use async_trait::async_trait;

use crate::reconciler::TableProbe;
use crate::registry::{Kind, Registry};
use crate::resource::KindIndex;
use crate::store::{Missing, Store, StoreError, StoreErrorClass, Table};

/// The tables of a store.
pub struct Tables {
    pub store: Arc<dyn Store>,
    /// Whether orlojd's tables too are for the operator to make, where no orlojd lives.
    pub create: bool,
}

impl Tables {
    /// The kinds that lack something, and what. An error is one of the store as a whole, such as a ledger that is not
    /// there.
    pub async fn lacking(&self, registry: &Registry) -> Result<Vec<(KindIndex, String)>, StoreError> {
        let mut lacking = Vec::new();
        // all at once, which is quick; one by one where one of them is at fault
        let homes = registry.kinds().iter().filter(|kind| kind.home == kind.index);
        let tables: Vec<Table> = homes.map(|kind| kind.store.table.clone()).collect();
        if self.look(&tables).await?.is_empty() {
            return Ok(lacking);
        }
        for kind in registry.kinds() {
            if let Some(why) = self.lacks(kind).await? {
                lacking.push((kind.index, why));
            }
        }
        Ok(lacking)
    }

    /// Migrates, and says what is missing of these tables then.
    async fn look(&self, tables: &[Table]) -> Result<Vec<Missing>, StoreError> {
        // the ledger first: without it nothing works
        self.store.migrate(&[], self.create).await?;
        let made = self.store.migrate(tables, self.create).await;
        let mut missing = self.store.missing(tables).await?;
        if let Some(at) = missing.iter().position(|one| one.tables.is_empty()) {
            return Err(StoreError::Setup { detail: missing.swap_remove(at).text });
        }
        match made {
            // a table that cannot be made says why
            Err(error) if error.class() == StoreErrorClass::Setup => {
                let names = tables.iter().map(|table| table.name.clone()).collect();
                Ok(vec![Missing { tables: names, text: error.to_string() }])
            }
            made => made.map(|()| missing),
        }
    }
}

#[async_trait]
impl TableProbe for Tables {
    async fn lacks(&self, kind: &Kind) -> Result<Option<String>, StoreError> {
        let missing = self.look(std::slice::from_ref(&kind.store.table)).await?;
        Ok((!missing.is_empty()).then(|| Missing::list(&missing, "; ")))
    }
}
